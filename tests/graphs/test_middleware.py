"""`RoutingMiddleware`: an agent whose model is chosen per call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import MemorySaver

from routerkit import InputError, RoutingMiddleware, SpecialistError
from tests.graphs.standard.able import AbleModel

if TYPE_CHECKING:
    from routerkit import Router
    from routerkit.testing import ScriptedSpecialist


@tool
def add(first: int) -> str:
    """Add."""
    return f"hello, the sum is {first}"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_model_is_chosen_by_the_last_human_message(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    middleware = RoutingMiddleware({"math": math, "*": general}, router=router)
    agent: Any = create_agent(general, [], middleware=[middleware], checkpointer=MemorySaver())
    thread = {"configurable": {"thread_id": "1"}}

    def ask(query: str) -> dict[str, Any]:
        asked = {"messages": query}
        return asyncio.run(agent.ainvoke(asked, thread)) if asynchronous else agent.invoke(asked, thread)

    first, second = ask("sum"), ask("hello")
    assert first["messages"][-1].text == "math says sum"
    assert (first["route"], first["decision"]["reason"]) == ("math", "confident")
    assert first["messages"][-1].response_metadata["routerkit"] == first["decision"]
    assert second["messages"][-1].text == "general says hello"
    assert second["route"] == "general"


def test_a_loop_over_tools_stays_with_its_model(router: Router, general: ScriptedSpecialist) -> None:
    middleware = RoutingMiddleware({"math": AbleModel(), "*": general}, router=router)
    result = create_agent(general, [add], middleware=[middleware]).invoke({"messages": "sum 3"})  # type: ignore[call-overload]
    assert [message.type for message in result["messages"]] == ["human", "ai", "tool", "ai"]
    assert result["messages"][2].text == "hello, the sum is 3"
    assert result["messages"][-1].response_metadata["routerkit"]["route"] == "math"
    assert not general.calls


def test_a_hand_off_in_the_conversation_is_not_taken_for_the_question(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    agent: Any = create_agent(general, [], middleware=[RoutingMiddleware({"math": math, "*": general}, router=router)])
    call = AIMessage("", tool_calls=[{"name": "transfer_to_helper", "args": {}, "id": "1"}])
    notice = ToolMessage("hello, transferred to helper", name="transfer_to_helper", tool_call_id="1")
    assert agent.invoke({"messages": [HumanMessage("sum"), call, notice]})["route"] == "math"
    with pytest.raises(InputError, match="no human message"):
        agent.invoke({"messages": [AIMessage("hi")]})


def test_tokens_of_the_chosen_model_stream_once(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    agent: Any = create_agent(general, [], middleware=[RoutingMiddleware({"math": math, "*": general}, router=router)])
    chunks = [chunk.text for chunk, _ in agent.stream({"messages": "sum"}, stream_mode="messages")]
    assert [chunk for chunk in chunks if chunk] == ["math", " says", " sum"]


def test_a_model_that_cannot_call_tools_is_named(router: Router, general: ScriptedSpecialist) -> None:
    agent: Any = create_agent(general, [add], middleware=[RoutingMiddleware({"*": general}, router=router)])
    with pytest.raises(SpecialistError, match="'math': ScriptedSpecialist cannot call tools"):
        agent.invoke({"messages": "sum"})


def test_a_model_that_returns_no_message_is_named(router: Router, general: ScriptedSpecialist) -> None:
    middleware = RoutingMiddleware({"*": RunnableLambda(lambda messages: "text")}, router=router)
    agent: Any = create_agent(general, [], middleware=[middleware])
    with pytest.raises(SpecialistError, match="'math': returned str; expected a chat model's AIMessage"):
        agent.invoke({"messages": "sum"})
