"""What a graph's nodes tell those who trace, stream or instrument them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langgraph.config import get_stream_writer
from langgraph.errors import GraphBubbleUp

from routerkit.errors import SpecialistError
from routerkit.observation import Failure
from routerkit.tracing import attributes, runs, spans
from routerkit.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.runnables import RunnableConfig

    from routerkit.observation import Observation
    from routerkit_graphs.state import RoutingState


class GraphWatch(Watch):
    """A `Watch` that also writes every decision to the graph's stream, for `stream_mode="custom"`."""

    def decided(self, seen: Observation) -> str | None:
        """Take note of a decision, and stream it as `{"routerkit.decision": {...}}`."""
        logged = super().decided(seen)
        _stream(runs.event_of(seen))
        return logged

    def noted(self, error: dict[str, Any], specialist: str, state: RoutingState) -> dict[str, Any]:
        """Take note that a specialist failed; returns `error`.

        Args:
            error: `type` and `message` of the cause.
            specialist: its category.
            state: what its node was given; without the id of a logged decision nothing is noted.
        """
        logged = state.get("decision", {}).get("id")
        if logged:
            self.failed(Failure(decision=logged, specialist=specialist, type=error["type"], message=error["message"]))
        return error


@contextmanager
def specialist_run(route: str, state: RoutingState, config: RunnableConfig, *, last: bool) -> Iterator[RunnableConfig]:
    """Around a specialist's work: gives the config for its model, and describes the decision on runs and span.

    Args:
        route: the specialist's category.
        state: what the node was given.
        config: likewise.
        last: whether nobody stands in if this specialist fails, so that its failure is an error.
    """
    decision = state.get("decision", {})
    found = attributes.of_decision(decision) if decision else {"routerkit.route": route}
    with spans.span(spans.SPECIALIST_SPAN, found) as current:
        try:
            yield runs.specialist_config(config, route, decision)
        except GraphBubbleUp:
            raise
        except Exception as error:  # whatever the model raised: it is only described here, and raised again
            if last:
                spans.mark_error(current, _kind(error))
            else:
                spans.describe(current, {"routerkit.fallback": True, "routerkit.error": _kind(error)})
            raise


def handed_over(update: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
    """Report that a specialist failed and the general model stands in; returns `update`, the node's own."""
    runs.report_hand_over(config, update["decision"])
    _stream(update["decision"])
    return update


def _kind(error: Exception) -> str:
    """The class of what went wrong; ours may stand for a foreign error."""
    return (error.cause if isinstance(error, SpecialistError) else None) or type(error).__name__


def _stream(event: dict[str, Any]) -> None:
    get_stream_writer()({runs.EVENT: event})
