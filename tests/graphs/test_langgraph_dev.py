"""The conversation script behind `langgraph dev`, through the SDK's clients. Needs the extra `studio`."""

from __future__ import annotations

import asyncio
import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.graphs.backends.conftest import adapters  # noqa: F401 - a fixture
from tests.graphs.conversation_script import BACKENDS, SCRIPT, STREAMING, Transcript, Turn, placed, play
from tests.graphs.served_graphs import NAMES
from tests.graphs.server_process import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from routerkit import Router

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COMMAND = ["langgraph_cli", "dev", "--no-browser", "--no-reload"]


@pytest.fixture(scope="module")
def settings(llama: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Where the back ends are, the same for the server and for this process."""
    for library in ("torch", "peft", "langchain", "langchain_openai"):
        pytest.importorskip(library)
    from tests.graphs.backends.endpoint import Endpoint

    paths = {"llama": llama, **request.getfixturevalue("adapters")}
    server = Endpoint()
    yield {"router": tmp_path_factory.mktemp("served") / "router", "paths": paths, "url": server.url}
    server.stop()


@pytest.fixture(scope="module")
def served(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running `langgraph dev`."""
    for module in ("langgraph_cli", "langgraph_api", "langgraph_runtime_inmem"):
        pytest.importorskip(module, reason='needs `pip install "routerkit[studio]"`')
    folder = tmp_path_factory.mktemp("dev")
    file = ROOT / "tests" / "graphs" / "served_graphs.py"
    graphs = {name: f"{file}:{name}" for plain in NAMES.values() for name in (plain, f"nested_{plain}")}
    (folder / "langgraph.json").write_text(json.dumps({"dependencies": ["."], "graphs": graphs}))
    told = {"SCRIPT_SETTINGS": json.dumps(settings, default=str), "PYTHONPATH": str(ROOT)}
    with running(COMMAND, folder, "/ok", **told) as url:
        yield url


@pytest.fixture(scope="module")
def expected(settings: Any, router: Router) -> Callable[[str], Transcript]:
    """What the same back end says in this process."""
    known: dict[str, Transcript] = {}

    def expected(backend: str) -> Transcript:
        if backend not in known:
            graph = placed("alone", backend=backend, router=router, paths=settings["paths"], url=settings["url"])
            known[backend] = play(graph, "invoke", streams=False)
            known[backend].check()
        return known[backend]

    return expected


def asked(turn: Turn) -> dict[str, Any]:
    """A turn as JSON."""
    return {"messages": [message.model_dump(exclude_none=True) for message in turn.asked()["messages"]]}


STREAMED: Any = {"stream_mode": ["messages-tuple", "values"], "stream_subgraphs": True}


class Asking:
    """One conversation with a graph behind the server."""

    def __init__(self, url: str, graph: str) -> None:
        self.url = url
        with get_sync_client(url=url) as client:
            self.where = (client.threads.create()["thread_id"], graph)

    def told(self, turn: Turn) -> Any:
        messages = [message.model_dump(exclude_none=True) for message in turn.asked()["messages"]]
        return {"input": {"messages": messages}, "context": turn.context}


class Sync(Asking):
    """Asks through the SDK's synchronous client."""

    def wait(self, turn: Turn) -> tuple[Any, list[str] | None]:
        with get_sync_client(url=self.url) as client:
            return client.runs.wait(*self.where, **self.told(turn)), None

    def stream(self, turn: Turn) -> tuple[Any, list[str] | None]:
        with get_sync_client(url=self.url) as client:
            return gathered(list(client.runs.stream(*self.where, **self.told(turn), **STREAMED)))


class Async(Asking):
    """Asks through the SDK's asynchronous client, with an event loop for each turn."""

    def wait(self, turn: Turn) -> tuple[Any, list[str] | None]:
        async def run() -> Any:
            async with get_client(url=self.url) as client:
                return await client.runs.wait(*self.where, **self.told(turn))

        return asyncio.run(run()), None

    def stream(self, turn: Turn) -> tuple[Any, list[str] | None]:
        async def run() -> list[Any]:
            async with get_client(url=self.url) as client:
                return [event async for event in client.runs.stream(*self.where, **self.told(turn), **STREAMED)]

        return gathered(asyncio.run(run()))


def gathered(events: list[Any]) -> tuple[Any, list[str]]:
    faults = [event.data for event in events if event.event == "error"]
    assert not faults
    pieces = [
        event.data[0]["content"]
        for event in events
        if event.event.startswith("messages") and event.data[0]["type"] == "AIMessageChunk"
    ]
    states = [event.data for event in events if event.event == "values"]
    return states[-1], [piece for piece in pieces if piece]


# The server takes about a second for a run, so each back end is asked in two of the four ways, one in all four.
WAYS = [(Sync, "wait"), (Async, "stream"), (Sync, "stream"), (Async, "wait")]
CASES = [
    (backend, place, *way)
    for backend, place, way in product(BACKENDS, ("alone", "subgraph"), WAYS)
    if way in WAYS[:2] or backend == "huggingface"
]


@pytest.mark.parametrize(("backend", "place", "client", "way"), CASES)
def test_the_conversation_passes_behind_the_server(
    backend: str, place: str, client: Any, way: str, served: str, expected: Callable[[str], Transcript]
) -> None:
    graph = NAMES[backend] if place == "alone" else f"nested_{NAMES[backend]}"
    asking = client(served, graph)
    transcript = Transcript()
    for turn in SCRIPT:
        values, pieces = getattr(asking, way)(turn)
        transcript.add(values)
        if pieces is not None and backend in STREAMING:
            answer = values["messages"][-1]["content"]
            assert "".join(pieces) == answer
            assert len(pieces) > 1
    assert transcript == expected(backend)


def test_the_shipped_graph_is_served_and_described(tmp_path: Path) -> None:
    """`langgraph.json` of the repository, as a person starts it."""
    for module in ("langgraph_cli", "langgraph_api", "langgraph_runtime_inmem"):
        pytest.importorskip(module, reason='needs `pip install "routerkit[studio]"`')
    file = ROOT / "langgraph.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    graphs = {name: str(ROOT / path) for name, path in settings["graphs"].items()}
    (tmp_path / "langgraph.json").write_text(json.dumps({**settings, "graphs": graphs}))
    with running(COMMAND, tmp_path, "/ok") as url, get_sync_client(url=url) as client:
        (assistant,) = client.assistants.search()
        schemas: Any = client.assistants.get_schemas(assistant["assistant_id"])
        query: Any = {"messages": [{"role": "user", "content": "What is 2+2?"}]}
        values: Any = client.runs.wait(None, "routerkit", input=query)
    assert {"messages", "route", "decision"} <= set(schemas["output_schema"]["properties"])
    assert "force_route" in schemas["context_schema"]["properties"]
    assert values["decision"]["category"] == "math"
    assert values["messages"][-1]["content"]
