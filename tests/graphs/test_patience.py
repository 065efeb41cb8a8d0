"""Specialists that fail, hang, or break off in the middle: trying again, giving up, and what a reader sees."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from pydantic import ConfigDict

from routerkit import SpecialistError, build_graph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from routerkit import Router
    from routerkit.testing import ScriptedSpecialist

SOON = {"timeout_s": 0.3}
QUERY = {"messages": "sum"}


class Moody(BaseChatModel):
    """Streams its words; before each it calls `before` with the word's number, counted over all calls."""

    words: tuple[str, ...] = ("one ", "two ", "three ")
    before: Any = None
    spoken: list[int] = []  # noqa: RUF012 - a field of pydantic, copied for each object

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "moody"

    def _pieces(self) -> Iterator[str]:
        for word in self.words:
            self.spoken.append(len(self.spoken))
            if self.before:
                self.before(self.spoken[-1])
            yield word

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(self._pieces())))])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self._pieces():
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))


def failing(times: int, error: Exception) -> Any:
    def before(number: int) -> None:
        if number < times:
            raise error

    return before


def run(graph: Any, asynchronous: bool, **options: Any) -> Any:
    return asyncio.run(graph.ainvoke(QUERY, **options)) if asynchronous else graph.invoke(QUERY, **options)


def stream(graph: Any, asynchronous: bool, mode: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [event async for event in graph.astream(QUERY, stream_mode=mode)]

    return asyncio.run(collect()) if asynchronous else list(graph.stream(QUERY, stream_mode=mode))


both = pytest.mark.parametrize("asynchronous", [False, True])


@both
def test_a_failure_that_passes_is_tried_again(router: Router, general: ScriptedSpecialist, asynchronous: bool) -> None:
    model = Moody(before=failing(2, ConnectionError("gone")))
    result = run(build_graph(specialists={"math": model, "*": general}, router=router), asynchronous)
    assert result["messages"][-1].text == "one two three "
    assert result["decision"]["reason"] == "confident"
    assert not general.calls


@both
@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2), (2, 3)])
def test_tries_are_limited(
    router: Router, general: ScriptedSpecialist, asynchronous: bool, retries: int, tries: int
) -> None:
    model = Moody(before=failing(99, ConnectionError("gone")))
    graph = build_graph({"retries": retries}, specialists={"math": model, "*": general}, router=router)
    result = run(graph, asynchronous)
    assert len(model.spoken) == tries
    assert result["decision"]["error"] == {"type": "ConnectionError", "message": "gone"}


def test_a_failure_that_stays_is_not_tried_again(router: Router, general: ScriptedSpecialist) -> None:
    model = Moody(before=failing(1, ValueError("no digits")))
    graph = build_graph(specialists={"math": model, "*": general}, router=router)
    assert run(graph, False)["messages"][-1].text == "general says sum"
    assert len(model.spoken) == 1


def test_a_specialists_own_patience_wins_over_the_graphs(router: Router, general: ScriptedSpecialist) -> None:
    from routerkit_graphs.patience import Patience
    from routerkit_graphs.wiring import wire

    from routerkit.config import GraphConfig

    own = {"backend": "openai", "model": "m", "retries": 0, "timeout_s": 5}
    silent = {"backend": "openai", "model": "m"}
    config = {"retries": 4, "timeout_s": 9, "model_mappings": {"math": own, "code": silent}}
    given: Any = dict.fromkeys(("science", "general", "commonsense"), general)
    seats = {seat.category: seat.patience for seat in wire(GraphConfig.load(config), given, router).seats}
    assert seats["math"] == Patience(retries=0, timeout_s=5)
    assert seats["code"] == seats["general"] == Patience(retries=4, timeout_s=9)
    assert GraphConfig.load({}).retries == 2


def test_a_server_that_asks_for_a_pause_gets_it_unless_it_is_too_long(
    router: Router, general: ScriptedSpecialist, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    for wish, tries in ((7.0, 2), (600.0, 1)):
        model = Moody(before=failing(1, SpecialistError("math", "busy", retryable=True, retry_after_s=wish)))
        build_graph(specialists={"math": model, "*": general}, router=router).invoke(QUERY)
        assert len(model.spoken) >= tries
    assert slept == [7.0]
    assert len(general.calls) == 1


@both
def test_the_general_model_is_tried_again_too(router: Router, asynchronous: bool) -> None:
    model = Moody(before=failing(1, ConnectionError("gone")))
    specialists = {"math": Moody(before=failing(99, ValueError("no"))), "*": model}
    assert run(build_graph(specialists=specialists, router=router), asynchronous)["messages"][-1].text.startswith("one")


@both
def test_a_specialist_that_breaks_off_is_replaced_under_a_new_id_and_its_text_discarded(
    router: Router, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    # Retryable, but after the first word there is no second try.
    model = Moody(before=lambda number: number == 2 and failing(3, ConnectionError("gone"))(number))
    graph = build_graph(specialists={"math": model, "*": general}, router=router)
    events = stream(graph, asynchronous, ["messages", "custom", "values"])
    chunks = [event[0] for mode, event in events if mode == "messages" and isinstance(event[0], AIMessageChunk)]
    partial = [chunk for chunk in chunks if chunk.id == chunks[0].id]
    assert "".join(chunk.text for chunk in partial) == "one two "
    custom = [(at, event) for at, (mode, event) in enumerate(events) if mode == "custom"]
    told = [(at, event) for at, event in custom if "routerkit.fallback" in event]
    assert [event["routerkit.fallback"] for _, event in told] == [
        {"category": "math", "route": "general", "discard": [chunks[0].id]}
    ]
    later = [event[0] for mode, event in events[told[0][0] :] if mode == "messages"]
    assert "".join(chunk.text for chunk in later) == "general says sum"
    assert all(chunk.id != chunks[0].id for chunk in later)
    final = events[-1][1]
    assert [message.text for message in final["messages"]] == ["sum", "general says sum"]
    assert final["messages"][-1].id not in {chunks[0].id, None}
    assert final["decision"]["error"]["discard"] == [chunks[0].id]
    assert final["decision"]["category"] == "math"


def test_the_fallback_is_an_event_for_callbacks_and_astream_events(router: Router, general: ScriptedSpecialist) -> None:
    model = Moody(before=lambda number: number == 1 and failing(2, ValueError("broke"))(number))
    graph = build_graph(specialists={"math": model, "*": general}, router=router)

    async def collect() -> list[Any]:
        return [event async for event in graph.astream_events(QUERY, version="v2")]

    events = [event for event in asyncio.run(collect()) if event["event"] == "on_custom_event"]
    found = [event["data"] for event in events if event["name"] == "routerkit.fallback"]
    assert len(found) == 1
    assert found[0]["discard"]


@both
def test_a_general_model_that_breaks_off_gives_one_error_and_is_not_tried_again(
    router: Router, asynchronous: bool
) -> None:
    model = Moody(before=lambda number: number == 1 and failing(2, ConnectionError("gone"))(number))
    graph = build_graph(specialists={"*": model}, router=router, checkpointer=MemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}

    async def collect() -> None:
        async for _ in graph.astream({"messages": "hello"}, thread, stream_mode="messages"):
            pass

    with pytest.raises(SpecialistError, match=r"the general model failed, ConnectionError: gone"):
        asyncio.run(collect()) if asynchronous else list(
            graph.stream({"messages": "hello"}, thread, stream_mode="messages")
        )
    assert len(model.spoken) == 2
    assert [message.text for message in graph.get_state(thread).values["messages"]] == ["hello"]


def test_a_blocking_runnable_is_given_up_in_time_and_never_heard_again(
    router: Router, general: ScriptedSpecialist
) -> None:
    gate, ended = threading.Event(), threading.Event()

    def block(messages: Any) -> AIMessage:
        gate.wait(timeout=60)
        ended.set()
        return AIMessage("too late")

    graph = build_graph(SOON, specialists={"math": RunnableLambda(block), "*": general}, router=router)
    result = graph.invoke(QUERY)
    assert not ended.is_set()
    assert result["messages"][-1].text == "general says sum"
    assert result["decision"]["error"]["type"] == "TimeoutError"
    assert "no answer within 0.3 s" in result["decision"]["error"]["message"]
    gate.set()
    assert ended.wait(timeout=60)


@both
def test_a_streaming_model_that_is_given_up_ends_at_its_next_word(
    router: Router, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    gate, seen = threading.Event(), threading.Event()

    def before(number: int) -> None:
        if number == 1:
            gate.wait(timeout=60)
        if number == 2:
            seen.set()

    model = Moody(words=("word ",) * 50, before=before)
    graph = build_graph(SOON, specialists={"math": model, "*": general}, router=router)

    def read(event: Any) -> str:
        # Opened while the general model speaks: the given-up one wakes, and must not be heard.
        if event[0].text.startswith("general"):
            gate.set()
            seen.wait(timeout=0.2)
        return str(event[0].text)

    async def collect() -> list[str]:
        return [read(event) async for event in graph.astream(QUERY, stream_mode="messages")]

    texts = asyncio.run(collect()) if asynchronous else [read(e) for e in graph.stream(QUERY, stream_mode="messages")]
    assert "".join(texts) == "word general says sum"
    assert len(model.spoken) <= 3


def test_an_asynchronous_runnable_is_cancelled(router: Router, general: ScriptedSpecialist) -> None:
    ended: list[str] = []

    async def sleep(messages: Any) -> AIMessage:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return AIMessage("too late")

    graph = build_graph(SOON, specialists={"math": RunnableLambda(print, sleep), "*": general}, router=router)
    assert run(graph, True)["decision"]["error"]["type"] == "TimeoutError"
    assert ended == ["cancelled"]


def test_a_cancelled_request_cancels_its_specialist(router: Router, general: ScriptedSpecialist) -> None:
    ended: list[str] = []

    async def leave() -> None:
        started = asyncio.Event()

        async def sleep(messages: Any) -> AIMessage:
            started.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("cancelled")
            return AIMessage("too late")

        given: Any = {"math": RunnableLambda(print, sleep), "*": general}
        task = asyncio.create_task(build_graph({"timeout_s": 60}, specialists=given, router=router).ainvoke(QUERY))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert ended == ["cancelled"]
    assert not general.calls


@both
def test_local_generation_ends_at_its_next_token_when_it_is_given_up(
    router: Router, general: ScriptedSpecialist, llama: Path, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    from routerkit_graphs.backends import huggingface

    from routerkit.config import HuggingFaceSpecialist

    entry = {"model": str(llama), "device": "cpu", "timeout_s": 0.3, "generation": {"max_new_tokens": 200}}
    # Held here, because a model that no specialist holds is unloaded.
    held: Any = huggingface.load("math", HuggingFaceSpecialist.model_validate(entry))
    model = held.loaded.llm.pipeline.model
    forward, gate, steps = model.forward, threading.Event(), []

    def slow(*args: Any, **kwargs: Any) -> Any:
        steps.append(1)
        if len(steps) == 3:
            gate.wait(timeout=60)
        return forward(*args, **kwargs)

    monkeypatch.setattr(model, "forward", slow)
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)
    graph = build_graph({"model_mappings": {"math": entry}}, specialists=others, router=router)
    result = run(graph, asynchronous)
    assert result["decision"]["error"]["type"] == "TimeoutError"
    gate.set()
    with held.loaded.lock:
        assert len(steps) <= 5


@both
def test_a_quick_specialist_with_a_limit_answers_as_without(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    graph = build_graph({"timeout_s": 60}, specialists={"math": math, "*": general}, router=router)
    assert run(graph, asynchronous)["messages"][-1].text == "math says sum"
    assert "".join(event[0].text for event in stream(graph, asynchronous, "messages")) == "math says sum"


@pytest.mark.parametrize("limit", [{}, {"timeout_s": 60}])
def test_interrupts_and_jumps_pass_through_untouched(
    router: Router, general: ScriptedSpecialist, limit: dict[str, Any]
) -> None:
    agent = StateGraph(MessagesState)
    agent.add_node("ask", lambda state: {"messages": [AIMessage("you said " + interrupt("sure?"))]})
    agent.add_edge(START, "ask")
    jumper = StateGraph(MessagesState)
    jump = Command(graph=Command.PARENT, goto="elsewhere", update={"messages": [AIMessage("jumped")]})
    jumper.add_node("jump", lambda state: jump)
    jumper.add_edge(START, "jump")
    given: Any = {"math": agent.compile(), "code": jumper.compile(), "*": general}
    from routerkit import graph_builder

    builder = graph_builder(limit, specialists=given, router=router)
    builder.add_node("elsewhere", lambda state: {"messages": [AIMessage("arrived")]})
    builder.add_edge("elsewhere", END)
    graph = builder.compile(checkpointer=MemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    assert graph.invoke(QUERY, thread)["__interrupt__"][0].value == "sure?"
    assert graph.invoke(Command(resume="yes"), thread)["messages"][-1].text == "you said yes"
    other: Any = {"configurable": {"thread_id": "2"}}
    texts = [message.text for message in graph.invoke({"messages": "loop"}, other)["messages"]]
    assert texts == ["loop", "jumped", "arrived"]
    assert not general.calls


def test_two_answers_with_one_id_are_two_messages(router: Router, general: ScriptedSpecialist) -> None:
    same = RunnableLambda(lambda messages: AIMessage(f"answer to {messages[-1].text}", id="chatcmpl-1"))
    graph = build_graph(specialists={"math": same, "*": general}, router=router, checkpointer=MemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke(QUERY, thread)
    texts = [message.text for message in graph.invoke({"messages": "sum again"}, thread)["messages"]]
    assert texts == ["sum", "answer to sum", "sum again", "answer to sum again"]


@pytest.mark.parametrize("empty", ["", "  \n", AIMessage(""), [AIMessage("")]])
def test_an_empty_answer_is_a_failure(router: Router, general: ScriptedSpecialist, empty: Any) -> None:
    graph = build_graph(specialists={"math": RunnableLambda(lambda _: empty), "*": general}, router=router)
    result = graph.invoke(QUERY)
    assert result["messages"][-1].text == "general says sum"
    assert "the answer is empty" in result["decision"]["error"]["message"]
    silent = build_graph(specialists={"*": RunnableLambda(lambda _: empty)}, router=router)
    with pytest.raises(SpecialistError, match=r"the general model failed.*the answer is empty"):
        silent.invoke(QUERY)


def test_an_answer_that_only_calls_tools_is_not_empty(router: Router, general: ScriptedSpecialist) -> None:
    call = AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1"}])
    graph = build_graph(specialists={"math": RunnableLambda(lambda _: call), "*": general}, router=router)
    assert graph.invoke(QUERY)["messages"][-1].tool_calls
