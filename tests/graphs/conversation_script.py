"""One conversation for every back end, every way of calling and every place the graph can stand in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from routerkit_graphs.state import RoutingState

from routerkit import build_graph
from routerkit.testing import ScriptedSpecialist
from tests.graphs.backends.adapters import entry as lora_entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from routerkit import Router

BACKENDS = ("huggingface", "lora", "openai", "chat", "chat model", "runnable", "graph")
"""The last three are handed over in Python."""
STREAMING = set(BACKENDS) - {"runnable"}
CATEGORIES = ("math", "science", "code", "general", "commonsense")


@dataclass(frozen=True)
class Turn:
    """What a person says, and what the graph shall make of it; `handed_over` adds what a supervisor leaves behind."""

    says: str
    category: str
    route: str
    reason: str
    handed_over: bool = False
    context: dict[str, Any] | None = None

    def asked(self) -> dict[str, Any]:
        messages: list[Any] = [HumanMessage(self.says)]
        if self.handed_over:
            call = {"name": "transfer_to_experts", "args": {}, "id": "1"}
            messages.append(AIMessage("", tool_calls=[call], name="supervisor"))
            messages.append(ToolMessage("hello, transferred", name="transfer_to_experts", tool_call_id="1"))
        return {"messages": messages}


SCRIPT = (
    Turn("what is the sum", "math", "math", "confident"),
    Turn("write a loop", "code", "code", "confident"),
    Turn("maybe", "code", "general", "low_confidence"),
    Turn("the sum again", "math", "math", "confident", handed_over=True),
    Turn("hello", "general", "science", "forced", context={"force_route": "science"}),
)


@dataclass
class Transcript:
    """What came of the script: after each turn the decision, and in the end all messages."""

    decisions: list[tuple[str, str, str, float]] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)

    def add(self, values: dict[str, Any]) -> None:
        decision = values["decision"]
        found = (decision["category"], decision["route"], decision["reason"], round(decision["confidence"], 4))
        self.decisions.append(found)
        self.messages = [as_pair(message) for message in values["messages"]]

    def check(self) -> None:
        """Every turn went where the script says, was answered, and nothing was lost or doubled."""
        assert [found[:3] for found in self.decisions] == [(turn.category, turn.route, turn.reason) for turn in SCRIPT]
        asked = [as_pair(message) for turn in SCRIPT for message in turn.asked()["messages"]]
        answers = [pair for pair in self.messages if pair not in asked]
        assert len(answers) == len(SCRIPT)
        assert all(kind == "ai" and text.strip() for kind, text in answers)
        assert [pair for pair in self.messages if pair in asked] == asked
        assert self.messages[-1] in answers


def as_pair(message: Any) -> tuple[str, str]:
    """Type and text of a message, whether it is an object or what a server made of it."""
    if isinstance(message, dict):
        content = message["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        return message["type"], text
    return message.type, message.text


def build(backend: str, router: Router, paths: dict[str, Path], url: str, **compiling: Any) -> Any:
    """A routing graph whose five specialists stand on one back end.

    Args:
        backend: one of `BACKENDS`.
        router: decides.
        paths: of the tiny Llama and the five adapters.
        url: of the OpenAI-compatible server.
        compiling: for `build_graph`.
    """
    entries: dict[str, Callable[[str], dict[str, Any]]] = {
        "huggingface": lambda name: {
            "model": str(paths["llama"]),
            "device": "cpu",
            "system_prompt": f"You know {name}.",
            "generation": {"max_new_tokens": 12},
        },
        "lora": lambda name: lora_entry(paths[name]),
        "openai": lambda name: {"backend": "openai", "model": name, "base_url": url},
        "chat": lambda name: {
            "backend": "chat",
            "model": f"openai:{name}",
            # Its connections are langchain-openai's own, which outlive the event loops of these tests.
            "options": {"base_url": url, "api_key": "none", "default_headers": {"Connection": "close"}},
        },
    }
    if backend in entries:
        mappings = {name: entries[backend](name) for name in CATEGORIES}
        return build_graph({"model_mappings": mappings}, router=router, **compiling)
    given = {name: _given(backend, name) for name in CATEGORIES}
    return build_graph(specialists=given, router=router, **compiling)


def _given(backend: str, name: str) -> Any:
    model = ScriptedSpecialist(answers=[f"{name} says {{query}}"])
    if backend == "chat model":
        return model
    if backend == "runnable":
        return RunnableLambda(lambda messages: AIMessage(f"{name} says {messages[-1].text}"))
    inner = StateGraph(MessagesState).add_node("answer", lambda state: {"messages": [model.invoke(state["messages"])]})
    return inner.add_edge(START, "answer").compile()


def placed(place: str, **building: Any) -> Any:
    """The graph alone, or as the only node of a parent that keeps the conversation."""
    if place == "alone":
        return build(**building, checkpointer=MemorySaver())
    parent = StateGraph(RoutingState).add_node("answer", build(**building)).add_edge(START, "answer")
    return parent.compile(checkpointer=MemorySaver())


Said = tuple[dict[str, Any], list[str] | None]
"""The state after a turn, and the pieces of its answer as they were streamed."""


def _thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def _invoke(graph: Any, turn: Turn) -> Said:
    return graph.invoke(turn.asked(), _thread("1"), context=turn.context), None


def _ainvoke(graph: Any, turn: Turn) -> Said:
    return asyncio.run(graph.ainvoke(turn.asked(), _thread("1"), context=turn.context)), None


_STREAMED: Any = {"stream_mode": ["messages", "values"], "subgraphs": True}


def _gathered(events: list[Any]) -> Said:
    pieces = [data[0].text for _, kind, data in events if kind == "messages" and isinstance(data[0], AIMessageChunk)]
    states = [data for namespace, kind, data in events if kind == "values" and not namespace]
    return states[-1], [piece for piece in pieces if piece]


def _stream(graph: Any, turn: Turn) -> Said:
    return _gathered(list(graph.stream(turn.asked(), _thread("1"), context=turn.context, **_STREAMED)))


def _astream(graph: Any, turn: Turn) -> Said:
    async def collect() -> list[Any]:
        stream = graph.astream(turn.asked(), _thread("1"), context=turn.context, **_STREAMED)
        return [event async for event in stream]

    return _gathered(asyncio.run(collect()))


def _both(states: list[dict[str, Any]]) -> Said:
    first, second = ([as_pair(message) for message in state["messages"]] for state in states)
    assert first == second, "two conversations at once must not mix"
    return states[0], None


def _batch(graph: Any, turn: Turn) -> Said:
    asked = [turn.asked(), turn.asked()]
    return _both(graph.batch(asked, [_thread("1"), _thread("2")], context=turn.context))


def _abatch(graph: Any, turn: Turn) -> Said:
    asked = [turn.asked(), turn.asked()]
    return _both(asyncio.run(graph.abatch(asked, [_thread("1"), _thread("2")], context=turn.context)))


def _astream_events(graph: Any, turn: Turn) -> Said:
    async def collect() -> list[Any]:
        events = graph.astream_events(turn.asked(), _thread("1"), context=turn.context, version="v2")
        return [event async for event in events]

    events = asyncio.run(collect())
    assert events[0]["event"] == "on_chain_start"
    assert events[-1]["event"] == "on_chain_end"
    assert [event["data"]["route"] for event in events if event["name"] == "routerkit.decision"] == [turn.route]
    pieces = [event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream"]
    return events[-1]["data"]["output"], [piece for piece in pieces if piece]


WAYS: dict[str, Callable[[Any, Turn], Said]] = {
    "invoke": _invoke,
    "ainvoke": _ainvoke,
    "stream": _stream,
    "astream": _astream,
    "batch": _batch,
    "abatch": _abatch,
    "astream_events": _astream_events,
}


def play(graph: Any, way: str, *, streams: bool) -> Transcript:
    """Go through the script; answers that are streamed must arrive in pieces, whole and once.

    Args:
        graph: what `placed` returned.
        way: how to call it.
        streams: whether the back end writes word by word.
    """
    transcript = Transcript()
    for turn in SCRIPT:
        values, pieces = WAYS[way](graph, turn)
        transcript.add(values)
        if streams and pieces is not None:
            assert "".join(pieces) == values["messages"][-1].text
            assert len(pieces) > 1
    return transcript
