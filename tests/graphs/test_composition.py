"""The routing graph as a node of a parent graph."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NotRequired

import pytest
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from typing_extensions import TypedDict

from routerkit import InputError, Router, build_graph

if TYPE_CHECKING:
    from routerkit.testing import ScriptedSpecialist


class Declaring(MessagesState):
    route: NotRequired[str]
    decision: NotRequired[dict[str, Any]]


class Disjoint(TypedDict):
    question: str


@pytest.fixture
def graph(router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist) -> Any:
    return build_graph(specialists={"math": math, "*": general}, router=router)


def parent(schema: type, child: Any, **compiling: Any) -> Any:
    return StateGraph(schema).add_node("answer", child).add_edge(START, "answer").compile(**compiling)


def test_a_parent_of_messages_works_unchanged(graph: Any) -> None:
    result = parent(MessagesState, graph).invoke({"messages": "sum"})
    assert list(result) == ["messages"]
    assert [message.text for message in result["messages"]] == ["sum", "math says sum"]
    result = asyncio.run(parent(MessagesState, graph).ainvoke({"messages": "sum"}))
    assert [message.text for message in result["messages"]] == ["sum", "math says sum"]


def test_a_parent_that_declares_them_keeps_route_and_decision(graph: Any) -> None:
    result = parent(Declaring, graph).invoke({"messages": "sum"})
    assert result["route"] == "math"
    assert result["decision"]["category"] == "math"


def test_tokens_reach_a_parent_that_streams_subgraphs(graph: Any) -> None:
    outer = parent(MessagesState, graph)
    events = outer.stream({"messages": "sum"}, stream_mode="messages", subgraphs=True)
    chunks = [chunk.text for _, (chunk, _) in events if isinstance(chunk, AIMessageChunk)]
    assert "".join(chunks) == "math says sum"
    assert len([chunk for chunk in chunks if chunk]) == 3

    async def astream() -> list[str]:
        events = outer.astream({"messages": "sum"}, stream_mode="messages", subgraphs=True)
        return [chunk.text async for _, (chunk, _) in events if isinstance(chunk, AIMessageChunk)]

    assert asyncio.run(astream()) == chunks


def test_a_checkpointer_of_the_parent_remembers_for_the_child(graph: Any, general: ScriptedSpecialist) -> None:
    outer = parent(MessagesState, graph, checkpointer=MemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    outer.invoke({"messages": "sum"}, thread)
    outer.invoke({"messages": "hello"}, thread)
    assert len(general.calls[0]) == 3


def test_a_parent_without_messages_gets_a_clear_error(graph: Any) -> None:
    with pytest.raises(InputError, match=r"no human message to route.*parent graph"):
        parent(Disjoint, graph).invoke({"question": "sum"})


def test_a_parent_with_another_schema_calls_the_graph_in_a_node(graph: Any) -> None:
    class Asked(Disjoint):
        answer: NotRequired[str]

    def ask(state: Asked) -> dict[str, str]:
        return {"answer": graph.invoke({"messages": state["question"]})["messages"][-1].text}

    assert parent(Asked, ask).invoke({"question": "sum"})["answer"] == "math says sum"
