"""What traces show of a routing graph: the real LangSmith client, callbacks, streams and OpenTelemetry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.tracers.langchain import LangChainTracer
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.graph import END, START, MessagesState, StateGraph
from langsmith import Client

from routerkit import SpecialistError, build_graph
from routerkit.testing import ScriptedSpecialist
from tests.sink import Sink, sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.tracers.schemas import Run
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from routerkit import Router


@pytest.fixture
def answered(router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist) -> Any:
    return build_graph(specialists={"math": math, "*": general}, router=router)


@pytest.fixture
def failing(router: Router, general: ScriptedSpecialist) -> Any:
    broken = ScriptedSpecialist(answers=["never"], error=ValueError("no"))
    return build_graph(specialists={"math": broken, "*": general}, router=router)


def traced(graph: Any, query: str, target: Sink) -> None:
    client = Client(api_url=target.url, api_key="none")
    try:
        graph.invoke({"messages": query}, {"callbacks": [LangChainTracer(client=client)]})
    finally:
        client.close(timeout=10)


def collected(graph: Any, query: str) -> list[Run]:
    """All runs of one query, in the order of their start."""
    collector = RunCollectorCallbackHandler()
    graph.invoke({"messages": query}, {"callbacks": [collector]})

    def below(run: Run) -> Iterator[Run]:
        yield run
        for child in run.child_runs:
            yield from below(child)

    return list(below(collector.traced_runs[0]))


def test_a_run_can_be_found_by_route_reason_and_confidence(answered: Any, router: Router) -> None:
    with sink() as target:
        traced(answered, "sum", target)
    assert target.tagged("route:math") >= {"routerkit", "router", "math", "specialist:math"}
    assert target.tagged("reason:confident") & target.tagged("confidence:0.9") >= {"routerkit", "router"}
    assert target.with_metadata("routerkit.confidence", 0.9) >= {"routerkit", "router", "math"}
    found = target.named("router")[0]["extra"]["metadata"]
    assert found["routerkit.artefact"] == router.artefact.digest
    assert found["routerkit.version"]
    assert found["routerkit.latency_ms"] > 0
    assert (found["routerkit.category"], found["routerkit.threshold"], found["routerkit.fallback"]) == (
        "math",
        0.5,
        False,
    )


def test_among_many_runs_those_that_one_looks_for_are_found(answered: Any) -> None:
    with sink() as target:
        for query in ("sum", "maybe", "loop", "hello"):
            traced(answered, query, target)

    def asked(**wanted: object) -> list[str]:
        roots = [run for run in target.named("routerkit") if not run.get("parent_run_id")]
        found = [run for run in roots if wanted.items() <= run["extra"]["metadata"].items()]
        return [run["inputs"]["messages"] for run in found]

    assert asked() == ["sum", "maybe", "loop", "hello"]
    assert asked(**{"routerkit.route": "general"}) == ["maybe", "hello"]
    assert asked(**{"routerkit.route": "general", "routerkit.reason": "low_confidence"}) == ["maybe"]
    assert asked(**{"routerkit.confidence": 0.9}) == ["sum", "hello"]
    assert asked(**{"routerkit.fallback": True}) == ["maybe"]


def test_a_fallback_is_shown_as_a_fallback_and_not_as_an_error(failing: Any) -> None:
    with sink() as target:
        traced(failing, "sum", target)
    assert target.tagged("fallback") >= {"routerkit", "math", "general", "specialist:general"}
    assert target.tagged("reason:specialist_failed") == target.tagged("fallback")
    errors = {run["name"] for run in target.runs.values() if run.get("error")}
    assert errors == {"ScriptedSpecialist"}  # the model's own run, and no run of the graph
    assert target.with_metadata("routerkit.error", "ValueError") >= {"routerkit", "math"}


def test_an_unsure_query_is_shown_as_a_fallback(answered: Any) -> None:
    root, *_ = collected(answered, "maybe")
    assert root.tags == ["route:general", "reason:low_confidence", "confidence:0.4", "fallback"]
    assert root.metadata["routerkit.category"] == "code"


def test_collected_runs_carry_the_same_without_any_service(answered: Any) -> None:
    runs = collected(answered, "sum")
    tagged = [run.name for run in runs if "route:math" in (run.tags or [])]
    assert tagged == ["routerkit", "router", "router", "math", "specialist:math", "ScriptedSpecialist"]


def test_inside_another_graph_only_the_routing_graph_is_marked(answered: Any) -> None:
    parent = StateGraph(MessagesState)
    parent.add_node("ask", answered)
    parent.add_edge(START, "ask")
    parent.add_edge("ask", END)
    marked = {run.name for run in collected(parent.compile(name="parent"), "sum") if "route:math" in (run.tags or [])}
    assert "parent" not in marked
    assert {"router", "math"} <= marked


def test_a_live_display_is_told_of_every_decision(failing: Any) -> None:
    events = failing.stream({"messages": "sum"}, stream_mode="custom")
    streamed = [event["routerkit.decision"] for event in events if "routerkit.decision" in event]
    assert [event["reason"] for event in streamed] == ["confident", "specialist_failed"]
    assert streamed[0]["latency_ms"] > 0
    assert "sum" not in str(streamed)  # who listens is told of the decision, not what was asked

    async def dispatched() -> list[dict[str, Any]]:
        found = failing.astream_events({"messages": "sum"}, version="v2")
        return [event["data"] async for event in found if event["name"] == "routerkit.decision"]

    assert [event["route"] for event in asyncio.run(dispatched())] == ["math", "general"]


def test_asynchronous_runs_are_marked_as_well(answered: Any) -> None:
    collector = RunCollectorCallbackHandler()
    asyncio.run(answered.ainvoke({"messages": "loop"}, {"callbacks": [collector]}))
    assert "route:code" in (collector.traced_runs[0].tags or [])


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """OpenTelemetry as an application sets it up: once per process, before its first span."""
    pytest.importorskip("opentelemetry.sdk", reason="needs the extra `tracing`")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    trace.set_tracer_provider(provider)
    return found


def spans_of(exporter: InMemorySpanExporter, graph: Any, query: str) -> list[ReadableSpan]:
    exporter.clear()
    graph.invoke({"messages": query})
    return list(exporter.get_finished_spans())


def test_opentelemetry_spans_carry_the_same_attributes(
    exporter: InMemorySpanExporter, answered: Any, router: Router
) -> None:
    route, specialist = spans_of(exporter, answered, "sum")
    assert (route.name, specialist.name) == ("routerkit.route", "routerkit.specialist")
    assert route.attributes is not None
    assert specialist.attributes is not None
    runs = collected(answered, "sum")
    ours = {key: value for key, value in runs[1].metadata.items() if key.startswith("routerkit.")}
    assert set(route.attributes) == set(ours)
    assert route.attributes["routerkit.artefact"] == router.artefact.digest
    assert specialist.attributes["routerkit.route"] == "math"
    assert "sum" not in str(route.to_json()) + str(specialist.to_json())


def test_opentelemetry_shows_a_fallback_without_an_error(exporter: InMemorySpanExporter, failing: Any) -> None:
    _, failed, general = spans_of(exporter, failing, "sum")
    assert failed.status.is_unset
    assert not failed.events
    assert failed.attributes is not None
    assert (failed.attributes["routerkit.fallback"], failed.attributes["routerkit.error"]) == (True, "ValueError")
    assert general.attributes is not None
    assert general.attributes["routerkit.reason"] == "specialist_failed"


def test_opentelemetry_shows_that_nobody_could_answer_as_an_error(
    exporter: InMemorySpanExporter, router: Router
) -> None:
    broken = ScriptedSpecialist(answers=["never"], error=ValueError("about my secret"))
    exporter.clear()
    with pytest.raises(SpecialistError):
        build_graph(specialists={"*": broken}, router=router).invoke({"messages": "hello"})
    _, span = exporter.get_finished_spans()
    assert not span.status.is_ok
    assert span.status.description == "ValueError"
