"""One graph, from query to answer: routing, falling back, streaming, remembering."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.checkpoint.memory import MemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from routerkit import InputError, SpecialistError, build_graph, graph_builder
from routerkit.testing import ScriptedSpecialist

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.runnables import RunnableConfig

    from routerkit import Router


def broken(error: BaseException) -> ScriptedSpecialist:
    return ScriptedSpecialist(answers=["never"], error=error)


def test_a_query_is_answered_by_the_specialist_of_its_category(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    graph = build_graph(specialists={"math": math, "*": general}, router=router)
    result = graph.invoke({"messages": "sum"})
    assert result["route"] == "math"
    assert result["decision"]["reason"] == "confident"
    assert [message.text for message in result["messages"]] == ["sum", "math says sum"]
    assert list(result["decision"]) == ["category", "confidence", "route", "reason", "ood_score", "probabilities"]


def test_an_unsure_query_goes_to_the_general_model_and_keeps_its_category(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    code = ScriptedSpecialist(answers=["code"])
    unsure = {"router_config": {"model_path": "unused"}}
    graph = build_graph(unsure, specialists={"code": code, "*": general}, router=unsure_router(router))
    result = graph.invoke({"messages": "maybe"})
    assert (result["route"], result["decision"]["category"]) == ("general", "code")
    assert result["decision"]["reason"] == "low_confidence"
    assert not code.calls


def unsure_router(router: Router) -> Router:
    """The same router, with a threshold that only certain queries reach."""
    from routerkit import ThresholdPolicy

    return type(router)(
        artefact=router.artefact,
        engine=router._engine,
        tokenizer=router._tokenizer,
        policy=ThresholdPolicy(fallback="general", confidence_threshold=0.7),
        max_query_chars=1000,
    )


def test_the_last_human_message_is_routed(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    graph = build_graph(specialists={"math": math, "*": general}, router=router)
    history = [
        HumanMessage("loop"),
        AIMessage("an answer about a loop"),
        HumanMessage([{"type": "text", "text": "sum"}]),
        AIMessage("", tool_calls=[{"name": "transfer_to_router", "args": {}, "id": "1"}]),
        ToolMessage("Successfully transferred: hello", name="transfer_to_router", tool_call_id="1"),
    ]
    assert graph.invoke({"messages": history})["route"] == "math"


def test_the_picture_shows_every_way_to_the_general_model(router: Router, general: ScriptedSpecialist) -> None:
    picture = build_graph(specialists={"*": general}, router=router).get_graph().draw_mermaid()
    assert "router -. &nbsp;general, or low confidence&nbsp; .-> general;" in picture
    for category in ("math", "science", "code", "commonsense"):
        assert f"router -.-> {category};" in picture
        assert f"{category} -. &nbsp;specialist failed&nbsp; .-> general;" in picture
        assert f"{category} -. &nbsp;answered&nbsp; .-> __end__;" in picture
    assert "general --> __end__;" in picture


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failed_specialist_is_replaced_by_the_general_model(
    router: Router, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    graph = build_graph(specialists={"math": broken(ValueError("no digits")), "*": general}, router=router)
    query = {"messages": "sum"}
    result = asyncio.run(graph.ainvoke(query)) if asynchronous else graph.invoke(query)
    decision = result["decision"]
    assert (result["route"], decision["route"], decision["category"]) == ("general", "general", "math")
    assert decision["confidence"] == pytest.approx(0.9)
    assert decision["reason"] == "specialist_failed"
    assert decision["error"] == {"type": "ValueError", "message": "no digits"}
    assert [message.text for message in result["messages"]] == ["sum", "general says sum"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failed_general_model_gives_one_clear_error(router: Router, asynchronous: bool) -> None:
    specialists = {"math": broken(ValueError("no digits")), "*": broken(RuntimeError("no words"))}
    graph = build_graph(specialists=specialists, router=router)
    with pytest.raises(SpecialistError) as caught:
        asyncio.run(graph.ainvoke({"messages": "sum"})) if asynchronous else graph.invoke({"messages": "sum"})
    text = str(caught.value)
    assert "'general': the general model failed, RuntimeError: no words" in text
    assert "the specialist 'math' failed, ValueError: no digits" in text
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert not caught.value.retryable


def test_what_may_be_tried_again_says_so(router: Router) -> None:
    busy = broken(SpecialistError("general", "busy", retryable=True))
    with pytest.raises(SpecialistError) as caught:
        build_graph(specialists={"*": busy}, router=router).invoke({"messages": "hello"})
    assert caught.value.retryable


def test_an_interrupted_program_is_not_answered_by_the_general_model(
    router: Router, general: ScriptedSpecialist
) -> None:
    graph = build_graph(specialists={"math": broken(KeyboardInterrupt()), "*": general}, router=router)
    with pytest.raises(KeyboardInterrupt):
        graph.invoke({"messages": "sum"})
    assert not general.calls


def test_a_specialist_that_writes_text_or_several_messages_is_understood(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    several = RunnableLambda(lambda messages: [*messages, AIMessage("one"), AIMessage("two")])
    specialists = {"math": math | StrOutputParser(), "code": several, "*": general}
    graph = build_graph(specialists=specialists, router=router)
    assert [message.text for message in graph.invoke({"messages": "sum"})["messages"]] == ["sum", "math says sum"]
    assert [message.text for message in graph.invoke({"messages": "loop"})["messages"]] == ["loop", "one", "two"]


@pytest.mark.parametrize("ending", [StrOutputParser(), RunnableLambda(lambda answer: AIMessage(answer.text))])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_answer_of_a_chain_streams_once(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist, ending: Any, asynchronous: bool
) -> None:
    graph = build_graph(specialists={"math": math | ending, "*": general}, router=router)

    async def collect() -> list[Any]:
        return [event async for event in graph.astream({"messages": "sum"}, stream_mode=["messages", "values"])]

    events: list[Any] = list(graph.stream({"messages": "sum"}, stream_mode=["messages", "values"]))
    events = asyncio.run(collect()) if asynchronous else events
    chunks = [event[0] for mode, event in events if mode == "messages"]
    assert "".join(chunk.text for chunk in chunks) == "math says sum"
    assert {chunk.id for chunk in chunks} == {events[-1][1]["messages"][-1].id}


def test_an_answer_that_a_chain_has_changed_is_told_beside_what_streamed(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    shout = RunnableLambda(lambda answer: answer.text.upper())
    graph = build_graph(specialists={"math": math | shout, "*": general}, router=router)
    *_, last = graph.stream({"messages": "sum"}, stream_mode="messages")
    assert last[0].text == "MATH SAYS SUM"


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (7, "returned int"),
        ([], "returned no new message"),
        (AIMessage([]), "the answer is empty"),
        (AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": " "}]), "the answer is empty"),
    ],
)
def test_a_specialist_that_returns_no_answer_counts_as_failed(
    router: Router, general: ScriptedSpecialist, output: object, problem: str
) -> None:
    silent = RunnableLambda(lambda messages: output)
    result = build_graph(specialists={"math": silent, "*": general}, router=router).invoke({"messages": "sum"})
    assert result["decision"]["error"]["type"] == "SpecialistError"
    assert problem in result["decision"]["error"]["message"]


def test_a_compiled_graph_as_specialist_adds_its_new_messages_only(router: Router, general: ScriptedSpecialist) -> None:
    agent = StateGraph(MessagesState)
    agent.add_node("think", lambda state: {"messages": [AIMessage("thinking")]})
    agent.add_node("speak", lambda state: {"messages": [AIMessage(f"{len(state['messages'])} so far")]})
    agent.add_edge(START, "think").add_edge("think", "speak").add_edge("speak", END)
    graph = build_graph(specialists={"math": agent.compile(), "*": general}, router=router)
    texts = ["sum", "thinking", "2 so far"]
    assert [message.text for message in graph.invoke({"messages": "sum"})["messages"]] == texts
    assert [message.text for message in asyncio.run(graph.ainvoke({"messages": "sum"}))["messages"]] == texts


def test_a_specialist_that_asks_a_person_interrupts_the_graph(router: Router, general: ScriptedSpecialist) -> None:
    agent = StateGraph(MessagesState)
    agent.add_node("ask", lambda state: {"messages": [AIMessage("you said " + interrupt("sure?"))]})
    agent.add_edge(START, "ask")
    specialists = {"math": agent.compile(), "*": general}
    graph = build_graph(specialists=specialists, router=router, checkpointer=MemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    assert graph.invoke({"messages": "sum"}, thread)["__interrupt__"][0].value == "sure?"
    assert graph.invoke(Command(resume="yes"), thread)["messages"][-1].text == "you said yes"


def test_a_given_specialist_gets_the_conversation_without_a_system_prompt(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    config = {"model_mappings": {"math": {"model": "some/model", "system_prompt": "Count."}}}
    build_graph(config, specialists={"math": math, "*": general}, router=router).invoke({"messages": "sum"})
    assert [message.type for message in math.calls[0]] == ["human"]


def test_a_configured_specialist_gets_its_system_prompt_which_stays_out_of_the_conversation(
    router: Router, general: ScriptedSpecialist, llama: Path
) -> None:
    model = {"model": str(llama), "device": "cpu", "generation": {"max_new_tokens": 12}}
    config = {"model_mappings": {"math": {**model, "system_prompt": "You count."}}}
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)
    graph = build_graph(config, specialists=others, router=router)
    answered = graph.invoke({"messages": "sum"})["messages"]
    assert [message.type for message in answered] == ["human", "ai"]
    from routerkit_graphs.backends import LazyModel

    from routerkit.config import HuggingFaceSpecialist

    chat = LazyModel("math", HuggingFaceSpecialist.model_validate(model)).get()
    assert answered[-1].text == chat.invoke([SystemMessage("You count."), HumanMessage("sum")]).text


def test_tokens_stream_from_given_and_local_specialists_both_ways(
    router: Router, general: ScriptedSpecialist, llama: Path
) -> None:
    model = {"model": str(llama), "device": "cpu", "generation": {"max_new_tokens": 12}}
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)
    graph = build_graph({"model_mappings": {"math": model}}, specialists=others, router=router)

    async def astream(query: str) -> list[str]:
        events = graph.astream({"messages": query}, stream_mode="messages")
        return [chunk.text async for chunk, _ in events if isinstance(chunk, AIMessageChunk)]

    for query, least in (("hello", 3), ("sum", 6)):
        answer = graph.invoke({"messages": query})["messages"][-1].text
        events = graph.stream({"messages": query}, stream_mode="messages")
        chunks = [chunk.text for chunk, _ in events if isinstance(chunk, AIMessageChunk)]
        assert "".join(chunks) == answer
        assert len([chunk for chunk in chunks if chunk]) >= least
        assert asyncio.run(astream(query)) == chunks


def test_traces_name_the_specialist(router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist) -> None:
    collected = RunCollectorCallbackHandler()
    graph = build_graph(specialists={"math": math, "*": general}, router=router)
    graph.invoke({"messages": "sum"}, {"callbacks": [collected]})
    root = collected.traced_runs[0]
    assert root.name == "routerkit"
    assert [run.name for run in root.child_runs] == ["router", "math"]
    assert "specialist:math" in [run.name for run in root.child_runs[1].child_runs]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_conversation_is_remembered(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist, store: str
) -> None:
    saver = MemorySaver() if store == "memory" else SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))
    graph = build_graph(specialists={"math": math, "*": general}, router=router, checkpointer=saver)
    thread = {"configurable": {"thread_id": "1"}}
    graph.invoke({"messages": "sum"}, thread)
    graph.invoke({"messages": "hello"}, thread)
    state = graph.get_state(thread).values
    texts = ["sum", "math says sum", "hello", "general says hello"]
    assert [message.text for message in state["messages"]] == texts
    assert state["decision"]["category"] == "general"
    assert len(general.calls[0]) == 3
    if store == "sqlite":
        saver.conn.close()


def test_a_failure_of_an_earlier_turn_is_forgotten(router: Router, general: ScriptedSpecialist) -> None:
    graph = build_graph(
        specialists={"math": broken(ValueError("no")), "*": general}, router=router, checkpointer=MemorySaver()
    )
    thread = {"configurable": {"thread_id": "1"}}
    graph.invoke({"messages": "sum"}, thread)
    assert "error" not in graph.invoke({"messages": "hello"}, thread)["decision"]


def test_the_uncompiled_graph_takes_more_nodes(router: Router, general: ScriptedSpecialist) -> None:
    builder = graph_builder(specialists={"*": general}, router=router)
    builder.add_node("polish", lambda state: {"messages": [AIMessage("polished")]})
    builder.add_edge("general", "polish")
    result = builder.compile(name="mine").invoke({"messages": "hello"})
    assert result["messages"][-1].text == "polished"


def test_a_conversation_without_a_query_is_refused(router: Router, general: ScriptedSpecialist) -> None:
    graph = build_graph(specialists={"*": general}, router=router)
    with pytest.raises(InputError, match="no human message"):
        graph.invoke({"messages": [AIMessage("hi")]})


def test_a_route_that_the_graph_does_not_have_is_named(router: Router, general: ScriptedSpecialist) -> None:
    graph = build_graph(specialists={"*": general}, router=router, checkpointer=MemorySaver())
    thread: RunnableConfig = {"configurable": {"thread_id": "1"}}
    graph.invoke({"messages": "sum"}, thread)
    with pytest.raises(InputError, match="the state's route is 'law'; this graph has: math, science"):
        graph.update_state(thread, {"route": "law"}, as_node="router")


def test_a_picture_is_an_answer(router: Router, general: ScriptedSpecialist) -> None:
    drawn = AIMessage([{"type": "image", "url": "https://example.org/a.png"}])
    graph = build_graph(specialists={"math": RunnableLambda(lambda messages: drawn), "*": general}, router=router)
    assert graph.invoke({"messages": "sum"})["decision"]["reason"] == "confident"
