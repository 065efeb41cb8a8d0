"""The settings `tracing:` of a graph's configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routerkit.privacy import Content
from routerkit.spec import Spec


class TracingConfig(Spec):
    """What traces may show, and how long they may hold up the end of the process.

    Whether anything is traced is decided by LangSmith's own `LANGSMITH_TRACING`, by callbacks, and by an OpenTelemetry
    tracer provider; these settings switch nothing on.

    Attributes:
        content: what LangSmith is sent of texts: of queries, answers, and messages of errors. Applies to everything
            that the process traces, the graphs around this one included.
        exit_timeout_s: longest wait for traces that are not sent when the process ends, in seconds.
    """

    content: Content = "full"
    exit_timeout_s: Annotated[float, Field(ge=0.0)] = 2.0
