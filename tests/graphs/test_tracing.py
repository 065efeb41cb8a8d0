"""What traces show of a routing graph: the real LangSmith client, callbacks, streams and OpenTelemetry."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
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
    from pathlib import Path

    from langchain_core.tracers.schemas import Run
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from routerkit import Router

TREE = """\
routerkit confidence:0.9 reason:confident route:math
  router confidence:0.9 reason:confident route:math
    router confidence:0.9 reason:confident route:math
    route
  math confidence:0.9 reason:confident route:math
    specialist:math confidence:0.9 reason:confident route:math
      ScriptedSpecialist confidence:0.9 reason:confident route:math
    answered"""

PROGRAM = """
import pathlib, sys, time
from routerkit import build_graph
from routerkit.testing import ScriptedSpecialist, fake_router

router = fake_router(pathlib.Path(sys.argv[1]) / "router", {"sum": {"math": 0.9, "general": 0.1}})
broken = ScriptedSpecialist(answers=["never"], error=ValueError("cannot answer my secret sum"))
graph = build_graph(
    {"tracing": {"content": sys.argv[2], "exit_timeout_s": 1.0}},
    specialists={"math": broken, "*": ScriptedSpecialist(answers=["a private answer"])},
    router=router,
)
began = time.monotonic()
print(graph.invoke({"messages": "my secret sum"})["messages"][-1].text)
print(time.monotonic() - began)
print(time.time())
"""


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
    assert target.tree() == TREE
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


def run_program(folder: Path, content: str, url: str) -> list[str]:
    """Run `PROGRAM` with tracing on; gives the answer, the seconds it took, and those until the process had ended."""
    import time

    settings = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": "none"}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), content]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **settings})
    assert done.returncode == 0, done.stderr
    answer, took, ended = done.stdout.splitlines()
    return [answer, took, str(time.time() - float(ended))]


@pytest.mark.parametrize(
    ("content", "shown"), [("hidden", "[hidden]"), ("hashed", "sha256:"), ("full", "my secret sum")]
)
def test_texts_leave_the_process_only_as_the_configuration_allows(content: str, shown: str, tmp_path: Path) -> None:
    with sink() as target:
        assert run_program(tmp_path, content, target.url)[0] == "a private answer"
    sent = b"".join(target.bodies).decode()
    assert target.tagged("route:general") >= {"routerkit", "general"}
    assert shown in sent
    assert ("secret" in sent) == (content == "full")
    assert ("private" in sent) == (content == "full")
    assert {run.get("error") for run in target.named("ScriptedSpecialist")} != {None}


@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_a_dead_endpoint_neither_slows_a_query_nor_holds_up_the_end_of_the_process(kind: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if kind == "closed":
            server.close()
        answer, took, until_end = run_program(tmp_path, "full", f"http://127.0.0.1:{port}")
    assert answer == "a private answer"
    # Without the bound of 1 s that `PROGRAM` sets, the end takes 10 s and more; the rest is the interpreter's own.
    assert float(took) < 5
    assert float(until_end) < 1 + 4
