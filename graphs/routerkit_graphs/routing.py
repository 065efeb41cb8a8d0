"""The graph's router node: the router's decision, and what the run, the configuration or a person make of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langgraph.config import get_config
from langgraph.errors import GraphInterrupt
from langgraph.runtime import get_runtime
from langgraph.types import interrupt

from routerkit.errors import InputError
from routerkit.messages import conversation_of
from routerkit.runnable import RouterRunnable
from routerkit.tracing import runs
from routerkit_graphs.context import RoutingContext, context_of

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForChainRun

    from routerkit.config import GraphConfig
    from routerkit.decision import Decision, Reason
    from routerkit.fan_out import FanOutConfig
    from routerkit.messages import RouterInput
    from routerkit.observation import Observation
    from routerkit.policy import ThresholdPolicy
    from routerkit_graphs.tracing import GraphWatch

_BETWEEN_GRAPHS = "|"
"""Stands in a checkpoint's namespace between the nodes of nested graphs."""


@dataclass(frozen=True)
class Controls:
    """What the configuration says about decisions beyond the router's policy.

    Attributes:
        categories: the routes there are.
        fan_out: None for a graph that always asks one specialist.
        confirm_below: confidence under which a person is asked; None asks nobody.
    """

    categories: list[str]
    fan_out: FanOutConfig | None
    confirm_below: float | None

    @classmethod
    def of(cls, config: GraphConfig) -> Controls:
        """Those of a configuration."""
        return cls(config.categories, config.fan_out, config.confirm_below)

    def for_run(self, context: RoutingContext, *, nested: bool) -> Controls:
        """These, as one run changes them.

        Raises:
            InputError: if the run asks for what this graph does not have. Inside another graph, which may have meant
                itself or another subgraph, that is ignored.
        """
        if context.force_route not in {None, *self.categories} and not nested:
            raise InputError(
                f"context: force_route is {context.force_route!r}, which is no route; there are: "
                f"{', '.join(self.categories)}"
            )
        if (context.fan_out or 1) > 1 and self.fan_out is None and not nested:
            raise InputError(
                f"context: fan_out is {context.fan_out}, but this graph asks one specialist; add fan_out to its "
                "configuration (fan_out: {top_k: 1} for runs that ask for more)"
            )
        fan_out, confirm_below = self.fan_out, self.confirm_below
        if fan_out and context.fan_out:
            fan_out = fan_out.model_copy(update={"top_k": context.fan_out})
        if context.confirm_below is not None:
            confirm_below = context.confirm_below
        return replace(self, fan_out=fan_out, confirm_below=confirm_below)


class RouterNode(RouterRunnable):
    """`RouterRunnable` as a node of the routing graph.

    Args:
        watch: the router, and who observes its decisions.
        controls: see `Controls`.
    """

    def __init__(self, watch: GraphWatch, controls: Controls) -> None:
        super().__init__(watch.router, watch=watch)
        self._controls = controls

    def _route(self, value: RouterInput, run_manager: CallbackManagerForChainRun) -> dict[str, Any]:
        nested = _BETWEEN_GRAPHS in get_config()["configurable"].get("checkpoint_ns", "")
        context = context_of(get_runtime().context, nested=nested)
        controls = self._controls.for_run(context, nested=nested)
        seen = self._watch.observe(conversation_of(value), policy=self._policy(context))
        routes: list[str] = []
        if context.force_route in controls.categories:
            seen = _decided(seen, context.force_route, "forced")
        elif controls.fan_out and len(routes := controls.fan_out.routes(seen.decision)) > 1:
            seen = _decided(seen, routes[0], "mixed")
        elif named := _named_by_person(seen, controls, nested=nested):
            seen = _decided(seen, named, "confirmed")
        # A run that a person interrupts begins anew, so nothing is told before the decision is final.
        logged = self._watch.decided(seen)
        runs.report(run_manager, seen)
        more = {"id": logged, "routes": routes if len(routes) > 1 else None}
        known = {key: value for key, value in more.items() if value is not None}
        return {"route": seen.decision.route, "decision": {**seen.decision.to_dict(), **known}}

    def _policy(self, context: RoutingContext) -> ThresholdPolicy | None:
        if context.threshold is None:
            return None
        changed = {"confidence_threshold": context.threshold, "category_thresholds": {}}
        return self.router.policy.model_copy(update=changed)


def _decided(seen: Observation, route: str, reason: Reason) -> Observation:
    decision: Decision = replace(seen.decision, route=route, reason=reason)
    return replace(seen, decision=decision)


def _named_by_person(seen: Observation, controls: Controls, *, nested: bool) -> str | None:
    """The category that a person has named; if a question is due, the run is interrupted until then.

    Raises:
        InputError: if a question is due, and nothing keeps the run until it is answered.
    """
    due = seen.decision.confidence < (controls.confirm_below or 0.0)
    if nested and not due:
        # An answer that is at hand may be meant for the graph around this one.
        return None
    run = get_runtime().execution_info
    if due and run and run.thread_id is None:
        raise InputError(
            "confirm_below interrupts this run for a person, and no checkpointer keeps it; compile the outermost graph "
            "with one, and name a thread_id"
        )
    question = {"query": seen.query, **seen.decision.to_dict(), "choices": controls.categories}
    try:
        answer = interrupt(question)
    except GraphInterrupt:
        # Without an answer. With one, a run goes on as the person said, also if it is resumed without its context.
        if due:
            raise
        return None
    while answer not in controls.categories:
        found = f"{answer!r} is no route; resume with one of: {', '.join(controls.categories)}"
        answer = interrupt({**question, "problem": found})
    return str(answer)
