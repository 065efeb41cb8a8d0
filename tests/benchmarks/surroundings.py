"""What stands around the router: threads, LangGraph, and a graph with its specialist left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from routerkit_graphs.builder import build_graph

from routerkit import Router, RouterConfig, RouterRunnable
from tests.benchmarks.measuring import Row, Sample, clocked, rows_of
from tests.benchmarks.names import (
    DIRECT,
    EMPTY,
    GRAPH,
    NODE,
    ONE_THREAD,
    SPECIALIST,
    THREADS,
    TWO_THREADS,
    WHOLE,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class _State(MessagesState):
    route: str
    decision: dict[str, Any]


def inside_langgraph(model: str, checkpoint: Path, queries: list[str], rounds: int) -> list[Row]:
    """The whole graph around a specialist that does nothing, and its parts, taking turns query by query."""
    router = Router.from_pretrained(checkpoint, config=RouterConfig(sessions=1))
    specialist = RunnableLambda(lambda messages: AIMessage("done"))
    whole = build_graph(router=router, specialists={"*": specialist})
    empty, node = _one_node(lambda state: {}), _one_node(RouterRunnable(router))

    calls: dict[str, Callable[[str], object]] = {
        DIRECT: router.route_query,
        WHOLE: lambda query: whole.invoke({"messages": [HumanMessage(query)]}),
        SPECIALIST: lambda query: specialist.invoke([HumanMessage(query)]),
        EMPTY: lambda query: empty.invoke({"messages": [HumanMessage(query)]}),
        NODE: lambda query: node.invoke({"messages": [HumanMessage(query)]}),
    }
    samples: dict[str, list[Sample]] = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for query in queries:
            for name, call in calls.items():
                taken = clocked(lambda call=call, query=query: call(query))
                if round_:
                    samples[name].append(taken)
    return rows_of(model, GRAPH, samples)


def from_threads(model: str, checkpoint: Path, queries: list[str], rounds: int) -> list[Row]:
    """`route_query` of one router, called by one thread and by two."""
    router = Router.from_pretrained(checkpoint)
    samples: dict[str, list[Sample]] = {ONE_THREAD: [], TWO_THREADS: []}
    for round_ in range(rounds + 1):
        for name, threads in ((ONE_THREAD, 1), (TWO_THREADS, 2)):
            with ThreadPoolExecutor(threads) as pool:
                taken = clocked(lambda pool=pool: list(pool.map(router.route_query, queries)))
            if round_:
                samples[name].append(Sample(taken.wall / len(queries), taken.cpu / len(queries)))
    return rows_of(model, THREADS, samples)


def _one_node(node: Any) -> Any:
    builder = StateGraph(_State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder.compile()
