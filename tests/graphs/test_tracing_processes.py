"""What leaves a process that traces, and how it ends: each test is a process of its own, for its tracing is one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.sink import sink

if TYPE_CHECKING:
    from pathlib import Path

CONTENTS = ["full", "truncated", "hashed", "hidden"]
"""Each stricter than the one before: in one process, the strictest so far holds."""

BEGINNING = {"full": "what is the sum of", "truncated": "what is the sum of", "hashed": "sha256:", "hidden": "[hidden]"}

PRIVACY = """
import pathlib, sys
from langchain_core.language_models import FakeListChatModel
from langchain_core.tracers.langchain import wait_for_all_tracers
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from routerkit import build_graph
from routerkit.testing import ScriptedSpecialist, fake_router

provider, exporter = TracerProvider(), InMemorySpanExporter()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

query = "what is the sum of everything that I have kept secret until today"
router = fake_router(pathlib.Path(sys.argv[1]) / "router", {"sum": {"math": 0.9, "general": 0.1}})
broken = ScriptedSpecialist(answers=["never"], error=ValueError("cannot tell: " + query))
for content in sys.argv[2:]:
    answer = f"the answer to this is for nobody's eyes but yours, it is private"
    general = FakeListChatModel(responses=[answer]).bind(stop=["but only up to here, for the rest is secret"])
    graph = build_graph(
        {"tracing": {"content": content}}, specialists={"math": broken, "*": general}, router=router
    )
    assert graph.invoke({"messages": query}, {"metadata": {"content": content}})["messages"][-1].text == answer
    wait_for_all_tracers()
import langsmith.run_trees
langsmith.run_trees.get_cached_client().flush()
for span in exporter.get_finished_spans():
    print(span.to_json(indent=None))
"""

QUERY = """
import pathlib, sys, time
from routerkit import build_graph
from routerkit.testing import ScriptedSpecialist, fake_router

graph = build_graph(
    {"tracing": {"exit_timeout_s": 1.0}},
    specialists={"*": ScriptedSpecialist(answers=["an answer"])},
    router=fake_router(pathlib.Path(sys.argv[1]) / "router", {"sum": {"math": 0.9, "general": 0.1}}),
)
began = time.monotonic()
print(graph.invoke({"messages": "my sum"})["messages"][-1].text)
print(time.monotonic() - began)
print(time.time())
"""


def run(program: str, url: str, *arguments: object, **settings: str) -> list[str]:
    """What a program prints that traces to `url`, line by line."""
    tracing = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": "none"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = {**os.environ, **tracing, **settings}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_texts_leave_the_process_only_as_the_configuration_allows(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="needs the extra `tracing`")
    with sink() as target:
        spans = [json.loads(line) for line in run(PRIVACY, target.url, tmp_path, *CONTENTS, LANGSMITH_OTEL_ENABLED="1")]
    own = [span for span in spans if span["name"].startswith("routerkit.")]
    assert len(own) == 3 * len(CONTENTS)
    assert not any(word in json.dumps(own) for word in ("the sum", "cannot tell", "the answer", "secret", "private"))
    for content in CONTENTS:
        runs = [run for run in target.runs.values() if run["extra"]["metadata"]["content"] == content]
        exported = [span for span in spans if span["attributes"].get("langsmith.metadata.content") == content]
        assert len(runs) == len(exported) > 10
        assert {run["name"] for run in runs if run.get("error")} == {"ScriptedSpecialist"}
        for sent in (json.dumps(runs), json.dumps(exported)):
            assert BEGINNING[content] in sent
            assert ("what is the sum" in sent) == (content in {"full", "truncated"})
            assert ("secret" in sent) == ("private" in sent) == (content == "full")
            assert "fake-list-chat-model" in sent


@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_a_dead_endpoint_neither_slows_a_query_nor_holds_up_the_end_of_the_process(kind: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if kind == "closed":
            server.close()
        answer, took, ended = run(QUERY, f"http://127.0.0.1:{port}", tmp_path)
        until_end = time.time() - float(ended)
    assert answer == "an answer"
    # Without the bound of 1 s that `QUERY` sets, the end takes 10 s and more; the rest is the interpreter's own.
    assert float(took) < 5
    assert until_end < 1 + 5
