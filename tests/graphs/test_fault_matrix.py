"""Every fault on every back end: the person gets the general model's answer, and the decision says why.

The faults are real ones as far as they can be made here: sockets are closed, servers hang, forward passes raise.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph

from routerkit import build_graph
from routerkit.testing import ScriptedSpecialist
from tests.graphs.backends.adapters import entry as lora_entry
from tests.graphs.backends.conftest import adapters, endpoint  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from routerkit import Router
    from tests.graphs.backends.endpoint import Endpoint

for library in ("torch", "peft", "langchain", "langchain_openai"):
    pytest.importorskip(library)

TIMEOUT_S = 0.5
GIVEN = ("chat model", "runnable", "graph")
LOCAL = ("huggingface", "lora")
REMOTE = ("openai", "chat")
FAULTS = {
    "raise": (*GIVEN, *LOCAL, *REMOTE),
    "hang": (*GIVEN, *LOCAL, *REMOTE),
    "out of memory": (*GIVEN, *LOCAL, *REMOTE),
    "killed": REMOTE,
    "malformed": (*GIVEN, *LOCAL, *REMOTE),
    "empty": (*GIVEN, *LOCAL, *REMOTE),
    "mid-stream": (*GIVEN, *LOCAL, *REMOTE),
    "hang mid-stream": (*GIVEN, *LOCAL, *REMOTE),
    # For endpoints only: see `test_half_an_answer_of_a_provider_is_taken_for_the_answer`.
    "cut off": ("openai",),
}
SILENT = ("runnable", "graph")
"""Nothing of them goes out before they have answered: a graph's tokens only with `subgraphs=True`."""
MODES = ("stream", "astream", "invoke", "ainvoke")
ALL = [
    (fault, backend, mode)
    for fault, backends in FAULTS.items()
    for backend in backends
    for mode in MODES
    if "stream" in mode or fault not in {"mid-stream", "hang mid-stream", "cut off"}
]
RAISED = {
    "raise": ValueError("no digits"),
    "out of memory": MemoryError("nothing left"),
    "mid-stream": ConnectionError("broke off"),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "graphs.md"


class Bench:
    """Builds a graph whose math specialist stands on a back end and has a fault."""

    def __init__(self, router: Router, paths: dict[str, Path], server: Callable[[], Endpoint], patch: Any) -> None:
        self.release = threading.Event()
        self.general = ScriptedSpecialist(answers=["general says {query}"])
        self._router = router
        self._paths = paths
        self._server = server
        self._patch = patch
        self._held: list[Any] = []

    def graph(self, fault: str, backend: str) -> Any:
        settings: dict[str, Any] = {"retries": 1}
        if fault.startswith("hang"):
            settings["timeout_s"] = TIMEOUT_S
        given: dict[str, Any] = dict.fromkeys(("science", "code", "general", "commonsense"), self.general)
        if backend in GIVEN:
            given["math"] = self._given(fault, backend)
        else:
            make = self._local if backend in LOCAL else self._remote
            settings["model_mappings"] = {"math": make(fault, backend)}
        return build_graph(settings, specialists=given, router=self._router)

    def _given(self, fault: str, backend: str) -> Any:
        def answer(_: Any) -> Any:
            if fault == "hang":
                self.release.wait(timeout=60)
            if fault in RAISED:
                raise RAISED[fault]
            return 7 if fault == "malformed" else AIMessage("")

        def speak(_: Iterator[Any]) -> Iterator[AIMessageChunk]:
            yield AIMessageChunk(content="one ")
            if fault == "hang mid-stream":
                self.release.wait(timeout=60)
            yield AIMessageChunk(content="two ")
            raise RAISED["mid-stream"]

        async def aspeak(_: Any) -> AsyncIterator[AIMessageChunk]:
            yield AIMessageChunk(content="one ")
            await asyncio.sleep(60 if fault == "hang mid-stream" else 0)
            raise RAISED["mid-stream"]

        model = Scripted(speaking=speak if "mid-stream" in fault else lambda _: map(answer, [None]))
        if backend == "graph":
            agent = StateGraph(MessagesState)
            agent.add_node("answer", lambda state: {} if fault == "malformed" else {"messages": [model.invoke("sum")]})
            return agent.add_edge(START, "answer").compile()
        if backend == "runnable":
            return RunnableGenerator(speak, aspeak) if "mid-stream" in fault else RunnableLambda(answer)
        return model

    def _local(self, fault: str, backend: str) -> dict[str, Any]:
        import torch
        from routerkit_graphs.backends import huggingface, lora

        from routerkit.config import HuggingFaceSpecialist, LoraSpecialist

        if backend == "lora":
            entry = lora_entry(self._paths["math"])
            chat: Any = lora.load("math", LoraSpecialist.model_validate(entry))
        else:
            entry = {"model": str(self._paths["llama"]), "device": "cpu", "generation": {"max_new_tokens": 12}}
            chat = huggingface.load("math", HuggingFaceSpecialist.model_validate(entry))
        # Held, because a model that nobody holds is unloaded, and the graph would load one without the fault.
        self._held.append(chat)
        model = chat.loaded.llm.pipeline.model
        model = model.get_base_model() if backend == "lora" else model
        forward, steps = model.forward, []

        def faulty(*args: Any, **kwargs: Any) -> Any:
            steps.append(1)
            if fault == "hang" or (fault == "hang mid-stream" and len(steps) == 6):
                self.release.wait(timeout=60)
            if fault == "out of memory":
                raise torch.OutOfMemoryError("CUDA out of memory")
            if fault in RAISED and (fault != "mid-stream" or len(steps) == 6):
                raise RAISED[fault]
            output = forward(*args, **kwargs)
            if fault == "malformed":
                output.logits.fill_(float("nan"))
            return output

        if fault == "empty":
            self._patch.setattr(chat.loaded, "stop_ids", frozenset(range(len(chat.loaded.tokenizer))))
        else:
            self._patch.setattr(model, "forward", faulty)
        return entry

    def _remote(self, fault: str, backend: str) -> dict[str, Any]:
        server = self._server()
        server.fault, server.release = fault, self.release
        if fault == "killed":
            server.stop()
        # Loaded before the clock runs.
        server.model("math").invoke("hello", max_new_tokens=1)
        if backend == "openai":
            return {"backend": "openai", "model": "math", "base_url": server.url}
        options = {"base_url": server.url, "api_key": "none"}
        return {"backend": "chat", "model": "openai:math", "options": options}


class Scripted(ScriptedSpecialist):
    """A chat model that says what a function yields."""

    answers: list[str] = []  # noqa: RUF012 - a field of pydantic, copied for each object
    speaking: Any = None

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        from langchain_core.language_models.chat_models import generate_from_stream

        return generate_from_stream(self._stream(messages))

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        from langchain_core.outputs import ChatGenerationChunk

        for message in self.speaking(iter(messages)):
            if isinstance(message, int):
                yield message  # what no chat model may say
            yield ChatGenerationChunk(message=AIMessageChunk(content=message.content))


@pytest.fixture
def bench(
    router: Router, llama: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    paths = {"llama": llama, **request.getfixturevalue("adapters")}
    made = Bench(router, paths, lambda: request.getfixturevalue("endpoint"), monkeypatch)
    yield made
    made.release.set()
    for chat in made._held:
        with chat.loaded.lock:
            pass


def ask(graph: Any, mode: str) -> tuple[dict[str, Any], list[Any]]:
    """The final state, and the messages and custom events that were streamed."""
    query = {"messages": "sum"}
    if not mode.endswith("stream"):
        return (asyncio.run(graph.ainvoke(query)) if mode == "ainvoke" else graph.invoke(query)), []

    async def collect() -> list[Any]:
        return [event async for event in graph.astream(query, stream_mode=["messages", "custom", "values"])]

    events = asyncio.run(collect()) if mode == "astream" else None
    events = events or list(graph.stream(query, stream_mode=["messages", "custom", "values"]))
    return events[-1][1], events


def documented() -> dict[tuple[str, str], str]:
    """The table of failures in `docs/graphs.md`: for a fault and a back end, what its cell says."""
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    start = next(number for number, line in enumerate(lines) if line.startswith("| fault |"))
    names, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    return {
        (row[0], name): cell for row in rows if row[0] in FAULTS for name, cell in zip(names[1:], row[1:], strict=True)
    }


def check(bench: Bench, fault: str, backend: str, mode: str) -> None:
    graph = bench.graph(fault, backend)
    if mode.startswith("a") and fault.startswith("hang") and backend not in REMOTE:
        # asyncio.run ends only after the blocked thread, which is what the limit is not about.
        threading.Timer(TIMEOUT_S * 4, bench.release.set).start()
    state, events = ask(graph, mode)
    assert [message.text for message in state["messages"]] == ["sum", "general says sum"]
    decision = state["decision"]
    assert (decision["category"], decision["route"], decision["reason"]) == ("math", "general", "specialist_failed")
    assert decision["confidence"] == pytest.approx(0.9)
    assert decision["error"]["message"]
    assert len(bench.general.calls) == 1
    streamed = [event[0] for kind, event in events if kind == "messages" and event[0].text]
    told = [event["routerkit.fallback"] for kind, event in events if kind == "custom" and "routerkit.fallback" in event]
    discard = {name for event in told for name in event["discard"]}
    assert "".join(message.text for message in streamed if message.id not in discard) in {"", "general says sum"}
    if fault in {"mid-stream", "hang mid-stream", "cut off"} and backend not in SILENT:
        assert [message for message in streamed if message.id in discard], "something had gone out"
        assert decision["error"]["discard"] == sorted(discard)
    assert f"`{decision['error']['type']}`" in documented()[fault, backend], "docs/graphs.md tells otherwise"


def test_the_documented_table_has_a_cell_for_every_fault_and_back_end() -> None:
    table = documented()
    assert set(table) == {(fault, backend) for fault in FAULTS for backend in (*GIVEN, *LOCAL, *REMOTE)}
    untested = {pair: cell for pair, cell in table.items() if pair[1] not in FAULTS[pair[0]]}
    assert set(untested.values()) == {"no server", "no failure"}
    assert untested["cut off", "chat"] == "no failure"


def test_half_an_answer_of_a_provider_is_taken_for_the_answer(bench: Bench) -> None:
    state, _ = ask(bench.graph("cut off", "chat"), "stream")
    assert state["decision"]["reason"] == "confident"
    assert state["messages"][-1].text


# One way of calling for each pair of fault and back end, in turn; the other ways are slow.
PAIRS = [(fault, backend) for fault, backends in FAULTS.items() for backend in backends]
QUICK = [(*pair, MODES[number % 2]) for number, pair in enumerate(PAIRS)]


@pytest.mark.parametrize(("fault", "backend", "mode"), QUICK)
def test_a_fault_is_answered_by_the_general_model(bench: Bench, fault: str, backend: str, mode: str) -> None:
    check(bench, fault, backend, mode)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "backend", "mode"), [case for case in ALL if case not in QUICK])
def test_a_fault_is_answered_by_the_general_model_whichever_way_it_is_called(
    bench: Bench, fault: str, backend: str, mode: str
) -> None:
    check(bench, fault, backend, mode)
