"""Decisions on OpenTelemetry spans, where the process has loaded OpenTelemetry.

Spans carry no query text and no answer, whatever the configuration says.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span, Tracer

    from routerkit.tracing.attributes import Attributes

ROUTE_SPAN = "routerkit.route"
SPECIALIST_SPAN = "routerkit.specialist"
_MODULE = "opentelemetry.trace"


_NO_SPAN: AbstractContextManager[None] = nullcontext()


def span(
    name: str, attributes: Mapping[str, str | bool | int | float] | None = None
) -> AbstractContextManager[Span | None]:
    """A span of its own, current inside the block; None where OpenTelemetry is not in use.

    Nobody can have set a tracer provider in a process that has not imported OpenTelemetry, so nothing is imported here.
    An exception that leaves the block is not an error of the span: whether it is one, only the caller knows.
    """
    tracer = _tracer()
    if tracer is None:
        return _NO_SPAN  # always the same one: between two queries, anything made anew costs ten times what it should
    return tracer.start_as_current_span(
        name, attributes=dict(attributes or {}), record_exception=False, set_status_on_exception=False
    )


def _tracer() -> Tracer | None:
    """None unless somebody has set a tracer provider: asking the default one costs more than routing should notice."""
    if sys.modules.get(_MODULE) is None:
        return None
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider.get_tracer("routerkit")


def describe(current: Span | None, attributes: Attributes) -> None:
    """Set attributes, if there is a span that is recorded."""
    if current is not None and current.is_recording():
        current.set_attributes(attributes)


def mark_error(current: Span | None, kind: str) -> None:
    """Say that the span's work failed for good, and with what class of error; its message may quote the query."""
    if current is not None and current.is_recording():
        from opentelemetry.trace import Status, StatusCode

        current.set_status(Status(StatusCode.ERROR, kind))
