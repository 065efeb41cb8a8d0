"""Conversations over several runs of the graph, from every checkpointer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from routerkit_graphs.builder import build_graph

from routerkit.testing import ScriptedSpecialist

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router

TURNS = [
    "a sum",
    "and for three?",
    "write a loop over customers in our database",
    "why that?",
    "thanks, hello!",
    "and now?",
]
ROUTES = ["math", "math", "code", "code", "general", "code"]
THREAD: Any = {"configurable": {"thread_id": "1"}}


def sticky_graph(router: Router, checkpointer: Any) -> Any:
    config = {"router_config": {"conversation": "sticky"}}
    specialists = {"*": ScriptedSpecialist(answers=["done"])}
    return build_graph(config, specialists=specialists, router=router, checkpointer=checkpointer)


def test_a_conversation_stays_with_its_specialists_in_memory(router: Router) -> None:
    graph = sticky_graph(router, InMemorySaver())
    states = [graph.invoke({"messages": [HumanMessage(text)]}, THREAD) for text in TURNS]
    assert [state["route"] for state in states] == ROUTES
    assert [state["decision"]["reason"] for state in states][1::2] == ["sticky"] * 3


def test_a_conversation_goes_on_in_another_process_from_sqlite(router: Router, tmp_path: Path) -> None:
    routes = []
    for text in TURNS:
        with SqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
            state = sticky_graph(router, saver).invoke({"messages": [HumanMessage(text)]}, THREAD)
            routes.append(state["route"])
    assert routes == ROUTES


def test_a_conversation_goes_on_from_asynchronous_sqlite(router: Router, tmp_path: Path) -> None:
    async def run() -> list[str]:
        routes = []
        for text in TURNS:
            async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
                state = await sticky_graph(router, saver).ainvoke({"messages": [HumanMessage(text)]}, THREAD)
                routes.append(state["route"])
        return routes

    assert asyncio.run(run()) == ROUTES


@pytest.mark.parametrize("keeps_decision", [True, False], ids=["kept", "messages only"])
def test_hand_offs_tools_and_system_messages_do_not_end_a_topic(router: Router, keeps_decision: bool) -> None:
    kept = {"decision": {"category": "math", "route": "math", "reason": "confident"}} if keeps_decision else {}
    messages = [
        SystemMessage("You are helpful."),
        HumanMessage("a sum"),
        AIMessage("", tool_calls=[{"name": "transfer_to_router", "args": {}, "id": "1"}]),
        ToolMessage("Successfully transferred to router", tool_call_id="1"),
        AIMessage("Two.", name="math"),
        HumanMessage("and for three?"),
        AIMessage("", tool_calls=[{"name": "loop", "args": {}, "id": "2"}]),
        ToolMessage("a loop", tool_call_id="2"),
    ]
    state = sticky_graph(router, None).invoke({"messages": messages, **kept})
    assert (state["route"], state["decision"]["reason"]) == ("math", "sticky")


def test_without_the_setting_a_follow_up_is_routed_by_its_own_words(router: Router) -> None:
    graph = build_graph(specialists={"*": ScriptedSpecialist(answers=["done"])}, router=router)
    state = graph.invoke({"messages": [HumanMessage("a sum"), AIMessage("2"), HumanMessage("and for three?")]})
    assert (state["route"], state["decision"]["reason"]) == ("general", "low_confidence")
