"""The routing graph as an agent of langgraph-supervisor and langgraph-swarm, as those packages hand over to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.memory import MemorySaver

from routerkit import Router, build_graph
from tests.graphs.standard.able import AbleModel

if TYPE_CHECKING:
    from routerkit.testing import ScriptedSpecialist

THREAD: Any = {"configurable": {"thread_id": "1"}}
# The packages call parts of LangGraph by names that are to be moved.
pytestmark = pytest.mark.filterwarnings("ignore::langgraph.warnings.LangGraphDeprecatedSinceV10")


@pytest.fixture
def experts(router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist) -> Any:
    return build_graph(specialists={"math": math, "*": general}, router=router, name="experts")


def supervisor_of(experts: Any, **settings: Any) -> Any:
    package = pytest.importorskip("langgraph_supervisor", reason="needs langgraph-supervisor, in the extra `dev`")
    return package.create_supervisor([experts], model=AbleModel(), **settings).compile(checkpointer=MemorySaver())


def swarm_of(experts: Any) -> Any:
    package = pytest.importorskip("langgraph_swarm", reason="needs langgraph-swarm, in the extra `dev`")
    from langchain.agents import create_agent

    greeter = create_agent(AbleModel(), [package.create_handoff_tool(agent_name="experts")], name="greeter")
    return package.create_swarm([greeter, experts], default_active_agent="greeter").compile(checkpointer=MemorySaver())


def ask(graph: Any, query: str, *, asynchronous: bool) -> Any:
    asked = {"messages": query}
    return asyncio.run(graph.ainvoke(asked, THREAD)) if asynchronous else graph.invoke(asked, THREAD)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("mode", ["last_message", "full_history"])
def test_a_supervisor_hands_each_question_over_and_gets_the_answer_back(
    experts: Any, math: ScriptedSpecialist, mode: str, asynchronous: bool
) -> None:
    outer = supervisor_of(experts, output_mode=mode)
    for query, answer in (("sum", "math says"), ("hello", "general says")):
        found = ask(outer, query, asynchronous=asynchronous)["messages"]
        turn = found[max(number for number, message in enumerate(found) if message.type == "human") :]
        assert [message.text for message in turn if message.text.startswith(answer)], turn
        assert turn[-1].text == "this is said to you", "the supervisor has the last word"
    # What is routed is the question, though hand-off messages follow it, and the model is asked the question, too.
    assert len(math.calls) == 1
    assert [message.text for message in math.calls[0] if message.type == "human"] == ["sum"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_swarm_hands_over_and_the_graph_stays_active(experts: Any, asynchronous: bool) -> None:
    swarm = swarm_of(experts)
    first = ask(swarm, "sum", asynchronous=asynchronous)
    assert first["active_agent"] == "experts"
    assert first["messages"][-1].text.startswith("math says")
    second = ask(swarm, "hello", asynchronous=asynchronous)
    assert second["messages"][-1].text.startswith("general says")
    assert [message.type for message in second["messages"]].count("human") == 2


@pytest.mark.parametrize("make", [supervisor_of, swarm_of])
def test_tokens_of_the_specialist_stream_out_of_both(experts: Any, make: Any) -> None:
    events = make(experts).stream({"messages": "sum"}, THREAD, stream_mode="messages", subgraphs=True)
    chunks = [
        chunk.text
        for namespace, (chunk, _) in events
        if isinstance(chunk, AIMessageChunk) and namespace and namespace[0].startswith("experts:")
    ]
    assert "".join(chunks).startswith("math says")
    assert len([chunk for chunk in chunks if chunk]) >= 3
