"""The routing graph among other agents: supervisors, swarms, tools, and graphs of one's own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import BaseModel
from routerkit_graphs.state import RoutingState

from routerkit import InputError, Router, RouterRunnable, ThresholdPolicy, as_tool, build_graph, route_edge
from tests.graphs.standard.able import AbleModel

if TYPE_CHECKING:
    from routerkit.testing import ScriptedSpecialist

THREAD: Any = {"configurable": {"thread_id": "1"}}


@pytest.fixture
def graph(router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist) -> Any:
    return build_graph(specialists={"math": math, "*": general}, router=router, name="experts")


def hand_off(name: str) -> list[Any]:
    """What supervisors and swarms leave in a conversation; its words would be routed wrongly."""
    call = AIMessage("", tool_calls=[{"name": f"transfer_to_{name}", "args": {}, "id": "1"}], name="supervisor")
    return [call, ToolMessage(f"hello, transferred to {name}", name=f"transfer_to_{name}", tool_call_id="1")]


def supervised(graph: Any, **compiling: Any) -> Any:
    def supervisor(state: MessagesState) -> Command[str]:
        if isinstance(state["messages"][-1], HumanMessage):
            return Command(goto=graph.name, update={"messages": hand_off(graph.name)})
        return Command(goto=END, update={"messages": [AIMessage("done", name="supervisor")]})

    builder = StateGraph(MessagesState)
    builder.add_node("supervisor", supervisor, destinations=(graph.name, END))
    builder.add_node(graph.name, graph).add_edge(START, "supervisor").add_edge(graph.name, "supervisor")
    return builder.compile(**compiling)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_supervisor_hands_over_and_gets_the_answer_back(graph: Any, asynchronous: bool) -> None:
    outer = supervised(graph, checkpointer=MemorySaver())
    for query, answer in (("sum", "math says"), ("loop", "general says")):
        asked = {"messages": query}
        result = asyncio.run(outer.ainvoke(asked, THREAD)) if asynchronous else outer.invoke(asked, THREAD)
        texts = [message.text for message in result["messages"]][-5:]
        assert texts[0] == query
        assert texts[3].startswith(answer)
        assert texts[4] == "done"
    assert len(result["messages"]) == 10


def test_a_swarm_jumps_to_it_from_inside_of_another_agent(graph: Any) -> None:
    def leave(state: MessagesState) -> Command[str]:
        return Command(goto="experts", graph=Command.PARENT, update={"messages": hand_off("experts")})

    agent = StateGraph(MessagesState).add_node("leave", leave).add_edge(START, "leave").compile(name="greeter")
    swarm = StateGraph(MessagesState).add_node("greeter", agent, destinations=("experts",)).add_node("experts", graph)
    result = swarm.add_edge(START, "greeter").compile().invoke({"messages": "sum"})  # type: ignore[call-overload]
    assert result["messages"][-1].text.startswith("math says")


def test_late_system_messages_do_not_matter(graph: Any, math: ScriptedSpecialist) -> None:
    graph.invoke({"messages": [HumanMessage("sum"), SystemMessage("hello, be brief")]})
    assert len(math.calls) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_agent_asks_it_as_a_tool(graph: Any, asynchronous: bool) -> None:
    tool = as_tool(graph)
    assert set(tool.args) == {"question"}
    agent: Any = create_agent(AbleModel(), [tool])
    asked = {"messages": "sum"}
    result = asyncio.run(agent.ainvoke(asked)) if asynchronous else agent.invoke(asked)
    answer = result["messages"][2]
    assert (answer.name, answer.text) == ("ask_specialist", "math says sum")
    assert answer.artifact["route"] == "math"
    assert tool.invoke({"question": "hello"}) == "general says hello"


def test_a_tool_tells_all_answers_of_several_specialists(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    config = {"fan_out": {"min_probability": 0.05}}
    graph = build_graph(config, specialists={"math": math, "*": general}, router=router)
    assert as_tool(graph).invoke({"question": "sum"}) == "math says sum\n\ngeneral says sum"


def test_a_person_is_asked_through_an_agent_and_its_tool(router: Router, general: ScriptedSpecialist) -> None:
    graph = build_graph({"confirm_below": 1.0}, specialists={"*": general}, router=router)
    agent: Any = create_agent(AbleModel(), [as_tool(graph)], checkpointer=MemorySaver())
    assert agent.invoke({"messages": "sum"}, THREAD)["__interrupt__"][0].value["query"] == "sum"
    result = agent.invoke(Command(resume="code"), THREAD)["messages"][2]
    assert (result.text, result.artifact["route"]) == ("general says sum", "code")


def test_a_person_cannot_be_asked_through_a_tool_alone(router: Router, general: ScriptedSpecialist) -> None:
    graph = build_graph({"confirm_below": 1.0}, specialists={"*": general}, router=router, checkpointer=MemorySaver())
    with pytest.raises(InputError, match="outside of an agent nobody can answer a tool"):
        as_tool(graph).invoke({"question": "sum"}, THREAD)


def test_a_tool_tells_what_an_agent_behind_it_wrote_as_a_person(router: Router, general: ScriptedSpecialist) -> None:
    told = RunnableLambda(lambda messages: {"messages": [HumanMessage("four", name="researcher")]})
    graph = build_graph(specialists={"math": told, "*": general}, router=router)
    assert as_tool(graph).invoke({"question": "sum"}) == "four"


@dataclass
class AsDataclass:
    messages: list[Any]
    route: str = ""
    decision: dict[str, Any] = field(default_factory=dict)


class AsModel(BaseModel):
    messages: list[Any]
    route: str = ""
    decision: dict[str, Any] = {}


@pytest.mark.parametrize("schema", [AsDataclass, AsModel])
def test_a_state_may_be_a_dataclass_or_a_model(router: Router, schema: Any) -> None:
    builder = StateGraph(schema)
    builder.add_node("router", RouterRunnable(router)).add_edge(START, "router")
    builder.add_node("code", lambda state: {"messages": [*state.messages, AIMessage(state.decision["category"])]})
    ends = dict.fromkeys(router.categories, "code")
    graph: Any = builder.add_conditional_edges("router", route_edge(router), ends).compile()
    result = graph.invoke({"messages": [HumanMessage("loop")]})
    assert (result["route"], result["messages"][-1].text) == ("code", "code")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_edge_of_a_graph_of_ones_own_names_the_route(router: Router, asynchronous: bool) -> None:
    def node(name: str) -> Any:
        return lambda state: {"messages": [AIMessage(name)]}

    nodes = {name: f"my_{name}" for name in router.categories}
    builder = StateGraph(MessagesState)
    for name in nodes.values():
        builder.add_node(name, node(name))
    graph = builder.add_conditional_edges(START, route_edge(router), nodes).compile()

    def ask(query: str) -> str:
        asked: Any = {"messages": query}
        result = asyncio.run(graph.ainvoke(asked)) if asynchronous else graph.invoke(asked)
        return str(result["messages"][-1].text)

    assert [ask("sum"), ask("loop"), ask("hello")] == ["my_math", "my_code", "my_general"]
    strict = route_edge(router, policy=ThresholdPolicy(fallback="general", confidence_threshold=0.99))
    assert strict("sum") == "general"
    with pytest.raises(InputError, match=r"the state has no 'messages' \(its keys: \['question'\]\).*parent graph"):
        route_edge(router)({"question": "sum"})


def test_the_runnable_stands_behind_a_prompt_and_as_a_node(router: Router) -> None:

    runnable = RouterRunnable(router)
    chain = ChatPromptTemplate([("system", "hello"), ("human", "{task}")]) | runnable
    assert chain.invoke({"task": "sum"}).route == "math"
    builder = StateGraph(RoutingState)
    builder.add_node("router", runnable)
    graph: Any = builder.add_edge(START, "router").compile()
    assert graph.invoke({"messages": "sum"})["route"] == "math"
