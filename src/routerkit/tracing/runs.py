"""Decisions on LangChain runs, for every tracer that keeps them: LangSmith's, `collect_runs` and others alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.tracers.base import BaseTracer

from routerkit.tracing import attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForChainRun
    from langchain_core.runnables import RunnableConfig
    from langchain_core.tracers.schemas import Run

    from routerkit.observation import Observation
    from routerkit.tracing.attributes import Attributes

EVENT = "routerkit.decision"
"""Name of the custom event that carries a decision to callbacks and to `astream_events`."""

_NODE_KEY = "langgraph_node"


def report(run: CallbackManagerForChainRun, seen: Observation) -> None:
    """Write a decision on the router's run and on the runs of node and graph around it, and send the event.

    Costs nothing measurable when nobody listens.
    """
    if not run.handlers:
        return
    event = event_of(seen)
    _annotate(run.handlers, run.run_id, attributes.of_observation(seen), attributes.tags_of(event))
    dispatch_custom_event(EVENT, event, config={"callbacks": run.get_child()})


def event_of(seen: Observation) -> dict[str, Any]:
    """What a live display is told: the decision's fields, `latency_ms`, and `router`, `version` and `artefact`."""
    facts = seen.router
    about = {"router": facts.name, "version": facts.version, "artefact": facts.digest}
    return {**seen.decision.to_dict(), "latency_ms": seen.latency_ms, **about}


def specialist_config(config: RunnableConfig, route: str, decision: Mapping[str, Any]) -> RunnableConfig:
    """The config for a specialist's model: its runs and the node's are tagged and described by the decision.

    Args:
        config: what the node was given.
        route: the node's category.
        decision: the fields of the decision that led here; empty if the graph was entered without one.
    """
    handlers, run_id = _where(config)
    if not handlers:
        return config
    tags = [f"route:{route}"]
    found: Attributes = {"routerkit.route": route}
    if decision:
        tags, found = attributes.tags_of(decision), attributes.of_decision(decision)
    if run_id is not None:
        _annotate(handlers, run_id, found, tags, graph=False)
    return {
        **config,
        "tags": [*(config.get("tags") or []), *tags],
        "metadata": {**(config.get("metadata") or {}), **found},
    }


def report_hand_over(config: RunnableConfig, decision: Mapping[str, Any]) -> None:
    """Write on node and graph that the specialist failed and where the query goes instead, and send the event."""
    handlers, run_id = _where(config)
    if not handlers or run_id is None:
        return
    _annotate(handlers, run_id, attributes.of_decision(decision), attributes.tags_of(decision))
    dispatch_custom_event(EVENT, dict(decision), config=config)


def _where(config: RunnableConfig) -> tuple[list[BaseCallbackHandler], UUID | None]:
    callbacks = config.get("callbacks")
    if callbacks is None or isinstance(callbacks, list):
        return list(callbacks or []), None
    return callbacks.handlers, callbacks.parent_run_id


def _annotate(
    handlers: Iterable[BaseCallbackHandler], run_id: UUID, found: Attributes, tags: list[str], *, graph: bool = True
) -> None:
    """Write on the run and on the node's run around it, and with `graph` also on the graph's run around the node.

    A tracer sends its runs again when they end, so what is written meanwhile arrives.
    """
    for tracer in handlers:
        if isinstance(tracer, BaseTracer):
            for run in _own_runs(tracer, run_id, graph=graph):
                run.add_metadata(dict(found))
                run.tags = [*(tag for tag in run.tags or [] if not attributes.is_ours(tag)), *tags]


def _own_runs(tracer: BaseTracer, run_id: UUID, *, graph: bool) -> Iterator[Run]:
    run = tracer.run_map.get(str(run_id))
    if run is None:
        return
    yield run
    node = tracer.run_map.get(str(run.parent_run_id))
    if node is None or node.metadata.get(_NODE_KEY) != node.name:
        return
    yield node
    around = tracer.run_map.get(str(node.parent_run_id))
    if graph and around is not None:
        yield around
