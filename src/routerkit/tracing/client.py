"""The process's LangSmith client: it hides what it is told to hide, and never holds up the end of the process for long.

LangSmith's own client waits for unsent traces when the process ends; with an endpoint that does not answer this takes
many seconds.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import langsmith
from langsmith import run_trees
from langsmith.utils import get_env_var, tracing_is_enabled
from pydantic import BaseModel

from routerkit.privacy import Content, mask

if TYPE_CHECKING:
    from routerkit.tracing.settings import TracingConfig

_DAEMON = "LANGSMITH_USE_DAEMON"

_STRUCTURE = frozenset({"type", "role", "id", "lc", "route", "category", "reason"})
"""Keys whose values describe the shape of a conversation or the decision about it, not what was said."""

_KIND = ("lc", "type", "id", "name")
"""What a serialised object says about its class."""

_MODEL = frozenset({"_type", "model", "model_name"})
"""Parameters of a call that name a model; all others may hold texts: stop words, tools, whatever a model is made of."""

_STOP = "ls_stop"
"""The one parameter that LangChain writes into the metadata under another name."""

_STRICTNESS: tuple[Content, ...] = ("full", "truncated", "hashed", "hidden")


class _Installed:
    """The client of this process, if routerkit made it."""

    client: _Client | None = None


def install(config: TracingConfig) -> None:
    """Let the process trace as the configuration says, if it traces at all or has something to hide.

    The client is one for the process. Where several graphs differ, the strictest `content` holds for all. A client that
    the application has set is left in place where there is nothing to hide, and replaced where there is.
    """
    if config.content == "full" and not (tracing_is_enabled() and _nobody_has_one()):
        return
    if _Installed.client is None:
        # Threads that end with the process; what they have not sent, `flush` below waits for, up to the bound.
        os.environ.setdefault(_DAEMON, "true")
        cast("Any", get_env_var).cache_clear()
        _Installed.client = _Client(config.content)
        langsmith.configure(client=_Installed.client)
        atexit.register(_Installed.client.flush, timeout=config.exit_timeout_s)
    _Installed.client.tighten(config.content)


def _nobody_has_one() -> bool:
    """Whether the process has no client yet, or ours."""
    present = getattr(run_trees, "_CLIENT", None)  # LangSmith has no public way to ask without making one
    return present is None or present is _Installed.client


class _Client(langsmith.Client):
    """A LangSmith client that masks texts in inputs, outputs, parameters, events and errors."""

    def __init__(self, content: Content) -> None:
        self._content = content
        super().__init__(hide_inputs=self._masked, hide_outputs=self._masked)

    def tighten(self, content: Content) -> None:
        """Hide at least as much as `content` says."""
        self._content = max(self._content, content, key=_STRICTNESS.index)

    def create_run(self, *args: Any, **fields: Any) -> None:  # noqa: ANN401 - LangSmith's signature
        """Send a new run, masked."""
        super().create_run(*args, **self._without_texts(fields))

    def update_run(self, run_id: Any, **fields: Any) -> None:  # noqa: ANN401 - LangSmith's signature
        """Send what is new about a run, masked."""
        super().update_run(run_id, **self._without_texts(fields))

    def _masked(self, payload: dict[str, Any]) -> dict[str, Any]:
        if self._content == "full":
            return payload
        return {key: masked(value, self._content) for key, value in payload.items()}

    def _without_texts(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self._content == "full":
            return fields
        found = dict(fields)
        if found.get("error"):
            found["error"] = mask(str(found["error"]), self._content)
        if found.get("serialized"):
            # Only what it is: its `repr` and arguments may hold prompts, and whatever else an object remembers.
            found["serialized"] = {key: found["serialized"][key] for key in _KIND if key in found["serialized"]}
        if found.get("events"):
            found["events"] = [self._masked_event(event) for event in found["events"]]
        if found.get("extra"):
            found["extra"] = without_parameters(found["extra"], self._content)
        return found

    def _masked_event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event's name and time describe it; its `kwargs` may hold a token or a retried error."""
        return {key: masked(value, self._content) if key == "kwargs" else value for key, value in event.items()}


def without_parameters(extra: Mapping[str, Any], content: Content) -> dict[str, Any]:
    """A copy of what a run carries beside its texts, with the texts in its model's parameters masked.

    Metadata of the caller's own stays as it is: it is there to filter by.
    """
    found = dict(extra)
    parameters = {_STOP}
    for name in ("invocation_params", "options"):
        if isinstance(found.get(name), Mapping):
            parameters |= set(found[name])
            found[name] = _masked_parameters(found[name], set(found[name]), content)
    if isinstance(found.get("metadata"), Mapping):
        # LangChain repeats there what the model was called with.
        found["metadata"] = _masked_parameters(found["metadata"], parameters, content)
    return found


def _masked_parameters(fields: Mapping[str, Any], parameters: set[str], content: Content) -> dict[str, Any]:
    secret = parameters - _MODEL
    return {key: masked(value, content) if key in secret else value for key, value in fields.items()}


def masked(value: object, content: Content) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON copy of anything that is traced, every text in it masked; what cannot be read is named by its type."""
    recurse = partial(masked, content=content)
    if isinstance(value, str):
        return mask(value, content)
    if isinstance(value, Mapping):
        return {str(key): inner if _is_shape(key, inner) else recurse(inner) for key, inner in value.items()}
    if isinstance(value, BaseModel):
        return recurse(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return recurse(dataclasses.asdict(value))
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [recurse(inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else f"[{type(value).__name__}]"


def _is_shape(key: object, value: object) -> bool:
    if key not in _STRUCTURE:
        return False
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(part, str) for part in value))
