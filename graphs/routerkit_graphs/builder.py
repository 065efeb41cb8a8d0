"""From a configuration to the routing graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send  # noqa: TC002 - LangGraph evaluates the annotations with it

from routerkit.config import GraphConfig
from routerkit.errors import InputError
from routerkit.tracing.client import install
from routerkit_graphs.context import RoutingContext
from routerkit_graphs.fan_out import CONSULT_NODE, SEVERAL, add_fan_out, send_to_several
from routerkit_graphs.nodes import specialist_node
from routerkit_graphs.routing import Controls, RouterNode
from routerkit_graphs.state import RoutingState
from routerkit_graphs.tracing import GraphWatch
from routerkit_graphs.wiring import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from langchain_core.runnables import Runnable
    from langgraph.types import Checkpointer

    from routerkit.router import Router
    from routerkit_graphs.wiring import Wiring

GraphSource = GraphConfig | Mapping[str, Any] | str | Path | None
"""A configuration, or where it is; see `GraphConfig.load`."""

RoutingGraph = CompiledStateGraph[RoutingState, RoutingContext, RoutingState, RoutingState]
"""What `build_graph` returns."""

ROUTER_NODE = "router"
_ANSWERED = "answered"
_FAILED = "specialist failed"


def build_graph(
    config: GraphSource = None,
    *,
    specialists: Mapping[str, Runnable[Any, Any]] | None = None,
    router: Router | None = None,
    checkpointer: Checkpointer = None,
    name: str = "routerkit",
) -> RoutingGraph:
    """Build the routing graph, ready to run. The specialists' weights are loaded when they are first needed.

    Closing an asynchronous stream of the graph stops a local specialist at its next token; closing a synchronous one
    waits for the answer's end, because LangGraph waits for its threads.

    A specialist that fails, or is not ready within its `timeout_s`, is replaced by the general model. A given Runnable
    that blocks without streaming cannot be stopped: the graph answers in time, and the Runnable's thread runs on.

    Args:
        config: a YAML path, the name of a shipped configuration, a mapping, a `GraphConfig`, or None for the
            demonstration configuration `offline`.
        specialists: chat models, Runnables or compiled graphs that replace the configured specialists of the
            categories they are named after; `"*"` stands for all categories not named.
        router: replaces the router that the configuration names.
        checkpointer: stores conversations; leave it out where the graph becomes a node of another graph.
        name: the graph's name in traces, and its agent name in a supervisor.

    Raises:
        ConfigError: if the configuration cannot be read, or the decision log it names cannot be written.
        GraphConfigError: if categories, specialists, router and fallback do not fit together.
        ArtefactError: if the router is missing or damaged.
    """
    return graph_builder(config, specialists=specialists, router=router).compile(checkpointer=checkpointer, name=name)


def graph_builder(
    config: GraphSource = None,
    *,
    specialists: Mapping[str, Runnable[Any, Any]] | None = None,
    router: Router | None = None,
) -> StateGraph[RoutingState, RoutingContext, RoutingState, RoutingState]:
    """The routing graph before it is compiled, for people who add nodes or edges; arguments as in `build_graph`."""
    loaded = GraphConfig.load(config)
    wiring = wire(loaded, specialists or {}, router)
    watch = GraphWatch.from_config(loaded, wiring.router)
    install(loaded.tracing)
    return assemble(loaded, wiring, watch)


def assemble(
    config: GraphConfig, wiring: Wiring, watch: GraphWatch
) -> StateGraph[RoutingState, RoutingContext, RoutingState, RoutingState]:
    """Nodes and edges for parts that are known to fit together."""
    fallback = wiring.fallback
    builder = StateGraph(RoutingState, context_schema=RoutingContext)
    builder.add_node(ROUTER_NODE, RouterNode(watch, Controls.of(config)))
    builder.add_edge(START, ROUTER_NODE)
    # LangGraph draws one edge per pair of nodes, so the two ways to the general model share a label.
    general = f"{fallback}, or low confidence"
    names = {seat.category: general if seat.category == fallback else seat.category for seat in wiring.seats}
    paths: dict[Hashable, str] = {label: node for node, label in names.items()}
    if config.fan_out is not None:
        add_fan_out(builder, wiring, config.fan_out, watch)
        paths[SEVERAL] = CONSULT_NODE
    builder.add_conditional_edges(ROUTER_NODE, _by_route(names), paths)
    for seat in wiring.seats:
        builder.add_node(seat.category, specialist_node(seat, fallback, watch))
        if seat.category == fallback:
            builder.add_edge(fallback, END)
        else:
            builder.add_conditional_edges(
                seat.category, _by_success(seat.category), {_ANSWERED: END, _FAILED: fallback}
            )
    return builder


def _by_route(labels: Mapping[str, str]) -> Callable[[RoutingState], str | list[Send]]:
    def route(state: RoutingState) -> str | list[Send]:
        several = send_to_several(state)
        if several:
            return several
        if state["route"] not in labels:
            # Written by a caller, or kept by a checkpointer from a graph with other categories.
            raise InputError(f"the state's route is {state['route']!r}; this graph has: {', '.join(labels)}")
        return labels[state["route"]]

    return route


def _by_success(category: str) -> Callable[[RoutingState], str]:
    def answered(state: RoutingState) -> str:
        return _ANSWERED if state["route"] == category else _FAILED

    return answered
