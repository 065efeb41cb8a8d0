"""When a specialist fails: what it was, whether to try again, and what is told to whom.

Foreign errors become `SpecialistError` here. They are recognised by what they carry (an HTTP status, the names of
their classes), not by their types, so that no provider's library has to be installed for another one's errors.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackManager, adispatch_custom_event, dispatch_custom_event
from langgraph.config import get_stream_writer

from routerkit.errors import RouterkitError, SpecialistError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.runnables import RunnableConfig

FALLBACK_EVENT = "routerkit.fallback"
"""Name of the custom event that tells a live display which unfinished messages to discard."""

MAX_MESSAGE_CHARS = 500

_BUSY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_TEMPORARY = {
    *("ConnectionError", "TimeoutError"),  # the standard library, requests
    "TransportError",  # httpx
    "APIConnectionError",  # openai, anthropic and others of their make
}
"""Names in the ancestry of errors that may pass."""
_MEMORY = {"MemoryError", "OutOfMemoryError"}
_CPU_MEMORY = "can't allocate memory"
"""What torch says when the CPU's memory is exhausted: a plain `RuntimeError`."""

_OTHER_LOOP = "Event loop is closed"
"""A provider's library had kept a connection of an earlier event loop; it drops it, and the next try opens one."""

_SECRETS = [
    re.compile(r"(?i)\b(?:sk|pk|hf|gsk|ghp|xai|lsv2)[-_][\w*.-]{6,}"),
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?i)(?<=://)[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?:(?<=key)|(?<=token)|(?<=secret)|(?<=password))(?:[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]{6,}"),
]


def translate(route: str, error: Exception) -> SpecialistError:
    """One of our own errors for whatever a specialist raised; ours stay as they are.

    Args:
        route: the specialist's category.
        error: what it raised.
    """
    if isinstance(error, SpecialistError):
        return error
    kind, text = type(error).__name__, readable(str(error))
    if isinstance(error, RouterkitError):
        return SpecialistError(route, text, cause=kind)
    if _names(error) & _MEMORY or (isinstance(error, RuntimeError) and _CPU_MEMORY in str(error)):
        # Another generation may have held the memory.
        return SpecialistError(route, f"out of memory: {text}", retryable=True, cause=kind)
    return SpecialistError(route, text, retryable=_may_pass(error), cause=kind, retry_after_s=_pause(error))


def readable(text: str) -> str:
    """The text of an error in one short line without keys and passwords; `no message` if it is empty."""
    text = " ".join(text.split())
    for secret in _SECRETS:
        text = secret.sub("[secret]", text)
    if len(text) > MAX_MESSAGE_CHARS:
        text = text[: MAX_MESSAGE_CHARS - 3] + "..."
    return text or "no message"


def record(error: Exception, discard: Sequence[str] = ()) -> dict[str, Any]:
    """What the decision keeps of a failure: `type` and `message`, and `discard` if text had gone out.

    Args:
        error: the failure.
        discard: ids of messages of which a part had been streamed.
    """
    kind, text = type(error).__name__, str(error)
    if isinstance(error, SpecialistError):
        kind, text = error.cause or kind, error.problem
    found: dict[str, Any] = {"type": kind, "message": readable(text)}
    return {**found, "discard": list(discard)} if discard else found


def general_model_failed(fallback: str, error: Exception, decision: Mapping[str, Any]) -> SpecialistError:
    """The one error of a graph whose general model failed too.

    Args:
        fallback: category of the general model.
        error: what it raised.
        decision: the decision so far; its `error` is the failure of the specialist before it.
    """
    problem = f"the general model failed, {_described(record(error))}"
    if "error" in decision:
        problem += f"; before it the specialist {decision['category']!r} failed, {_described(decision['error'])}"
    ours = translate(fallback, error)
    return SpecialistError(fallback, problem, retryable=ours.retryable, cause=ours.cause)


def announce(category: str, decision: Mapping[str, Any], config: RunnableConfig) -> None:
    """Tell live displays to discard what a failed specialist had begun to say, as the event `routerkit.fallback`.

    It reaches `stream_mode="custom"`, callbacks and `astream_events` before the general model's first token, and holds
    `category`, the failed specialist; `route`, who answers in its place; and `discard`, the ids of the unfinished
    messages. If nothing had gone out, there is nothing to discard and no event.
    """
    event = _event(category, decision)
    if event and _is_heard(config):
        dispatch_custom_event(FALLBACK_EVENT, event, config=config)


async def aannounce(category: str, decision: Mapping[str, Any], config: RunnableConfig) -> None:
    """`announce` for an event loop."""
    event = _event(category, decision)
    if event and _is_heard(config):
        await adispatch_custom_event(FALLBACK_EVENT, event, config=config)


def _event(category: str, decision: Mapping[str, Any]) -> dict[str, Any]:
    discard = decision["error"].get("discard")
    if not discard:
        return {}
    event = {"category": category, "route": decision["route"], "discard": discard}
    get_stream_writer()({FALLBACK_EVENT: event})
    return event


def _is_heard(config: RunnableConfig) -> bool:
    callbacks = config.get("callbacks")
    return isinstance(callbacks, BaseCallbackManager) and bool(callbacks.handlers and callbacks.parent_run_id)


def _described(error: Mapping[str, Any]) -> str:
    return f"{error['type']}: {error['message']}"


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _may_pass(error: Exception) -> bool:
    status = _status(error)
    if status is not None:
        return status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, RuntimeError) and str(error) == _OTHER_LOOP:
        return True
    # The flag is langchain-core's, on errors that providers' packages translate themselves.
    return getattr(error, "is_retryable", False) is True or bool(_names(error) & _TEMPORARY)


def _status(error: object) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "code", "http_status"):
            value = getattr(holder, name, None)
            if isinstance(value, int):
                return int(value)
    return None


def _pause(error: object) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
