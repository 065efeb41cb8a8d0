from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.errors import InputError
from routerkit.query import MAX_QUERY_CHARS, check_query


@pytest.mark.parametrize("query", ["", " ", "\n\t\r\n", "\u00a0\u2003", "\x1c\x1d"])
def test_a_query_without_a_visible_character_is_refused(query: str) -> None:
    with pytest.raises(InputError, match="the query is empty"):
        check_query(query)


@pytest.mark.parametrize(
    ("query", "name"),
    [(None, "NoneType"), (b"text", "bytes"), (5, "int"), (["text"], "list"), ({"query": "text"}, "dict")],
)
def test_what_is_no_string_is_refused_with_its_type(query: object, name: str) -> None:
    with pytest.raises(InputError, match=f"must be a string, got {name}"):
        check_query(query)


def test_a_query_of_100000_characters_is_refused_with_both_lengths_and_the_setting() -> None:
    with pytest.raises(InputError, match=r"100,000 characters, 32,768 are allowed.*router_config\.max_query_chars"):
        check_query("a" * 100_000)


def test_the_longest_allowed_query_is_accepted() -> None:
    assert len(check_query("a" * MAX_QUERY_CHARS)) == MAX_QUERY_CHARS
    with pytest.raises(InputError):
        check_query("a" * (MAX_QUERY_CHARS + 1))


def test_the_limit_can_be_set() -> None:
    assert check_query("a" * 100_000, max_chars=100_000)
    with pytest.raises(InputError, match="4 characters, 3 are allowed"):
        check_query("four", max_chars=3)


@pytest.mark.parametrize(
    "query",
    [
        "What is 2\0+2?",
        "a long text with a single one at its very end " * 20 + "\0",
        "a\ud800b",
        "\udfff",
        "\x01\x02\x03abc",
        b"\x7fELF\x02\x01\x01\x00\x00\x00\x03\x00>\x00".decode("latin-1"),
        random.Random(0).randbytes(400).decode("utf-8", errors="replace"),
        random.Random(0).randbytes(400).decode("utf-8", errors="surrogateescape"),
    ],
    ids=[
        "NUL",
        "NUL in a long text",
        "lone high surrogate",
        "lone low surrogate",
        "controls",
        "program",
        "replaced bytes",
        "escaped bytes",
    ],
)
def test_binary_data_read_as_text_is_refused(query: str) -> None:
    with pytest.raises(InputError, match="looks like binary data"):
        check_query(query)


@pytest.mark.parametrize(
    "query",
    [
        "What is 2+2?",
        "?",
        "為什麼天空是藍色的\uff1f",
        "👩‍👩‍👧‍👦 is this one family? 🇺🇳",
        "ما هو الجذر التربيعي لتسعة؟",
        "e\u0301 \u202eright to left\u202c",
        "\x1b[31mFAILED\x1b[0m test_a.py - KeyError: 'x'\n\x1b[32m3 passed\x1b[0m",
        "def f(x):\r\n\treturn x\f\n",
        "a long pasted log with one stray bell \x07 in it, which nobody notices in a terminal",
        "𝒙² + 𝒚² = 1",
    ],
)
def test_real_text_of_any_script_is_returned_unchanged(query: str) -> None:
    assert check_query(query) is query


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=50))
def test_text_without_control_characters_is_always_accepted(query: str) -> None:
    assert check_query(query) == query
