"""Foreign errors become ours, and nothing secret is told on."""

from __future__ import annotations

import pytest
from routerkit_graphs.failures import MAX_MESSAGE_CHARS, general_model_failed, readable, record, translate

from routerkit import InputError, SpecialistError


class StatusError(Exception):
    """What the providers' libraries raise for an HTTP status."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(f"status {status}")
        self.response = type("Response", (), {"status_code": status, "headers": headers})()


class APIConnectionError(Exception):
    """Named as the providers name it."""


class TranslatedError(Exception):
    """As langchain-core marks what may be tried again."""

    is_retryable = True


class OutOfMemoryError(RuntimeError):
    """Named as torch names it."""


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ValueError("no digits"), False),
        (ConnectionResetError("gone"), True),
        (TimeoutError(), True),
        (APIConnectionError("gone"), True),
        (TranslatedError("rate limit"), True),
        (StatusError(400), False),
        (StatusError(401), False),
        (StatusError(408), True),
        (StatusError(429), True),
        (StatusError(503), True),
        (MemoryError(), True),
        (OutOfMemoryError("CUDA"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("Event loop is closed"), True),
        (RuntimeError("some other fault"), False),
        (InputError("no text"), False),
    ],
)
def test_a_foreign_error_says_whether_to_try_again(error: Exception, retryable: bool) -> None:
    ours = translate("math", error)
    assert (ours.route, ours.retryable, ours.cause) == ("math", retryable, type(error).__name__)
    assert record(ours) == {"type": type(error).__name__, "message": ours.problem}
    assert ours.problem


def test_our_own_error_stays_as_it_is() -> None:
    error = SpecialistError("math", "busy", retryable=True)
    assert translate("code", error) is error
    assert record(error) == {"type": "SpecialistError", "message": "busy"}


def test_the_pause_that_an_endpoint_asks_for_is_kept() -> None:
    assert translate("math", StatusError(429, **{"retry-after": "3"})).retry_after_s == 3.0
    assert translate("math", StatusError(429, **{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})).retry_after_s is None
    assert translate("math", StatusError(429)).retry_after_s is None


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-verysecret123.",
        "header Authorization: Bearer verysecret123 was refused",
        "cannot reach http://me:verysecret123@host/v1",
        "GET /v1?api_key=verysecret123&a=b",
        '{"token": "verysecret123"}',
        "hf_verysecret123 may not read it",
    ],
)
def test_keys_and_passwords_are_left_out(text: str) -> None:
    assert "verysecret123" not in readable(text)
    assert "[secret]" in readable(text)


def test_ordinary_words_are_no_secrets() -> None:
    for text in ("the token limit is 4096", "unknown key 'temprature'", "a keyboard: broken", "KeyError: 'choices'"):
        assert readable(text) == text


def test_a_message_is_one_short_line() -> None:
    assert readable("two\n  lines") == "two lines"
    assert len(readable("long " * 1000)) == MAX_MESSAGE_CHARS
    assert readable("") == "no message"


def test_the_error_of_the_general_model_names_the_failure_before_it() -> None:
    decision = {"category": "math", "error": {"type": "ValueError", "message": "no digits"}}
    error = general_model_failed("general", ConnectionError("gone"), decision)
    assert str(error) == (
        "specialist 'general': the general model failed, ConnectionError: gone; before it the specialist 'math' "
        "failed, ValueError: no digits"
    )
    assert error.retryable
