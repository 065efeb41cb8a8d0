"""`RouterChatModel`: one chat model in front of several."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, trim_messages
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.graph import START, MessagesState, StateGraph

from routerkit import GraphConfigError, InputError, RouterChatModel, SpecialistError
from routerkit.testing import ScriptedSpecialist
from tests.graphs.standard.able import AbleModel

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router


@tool
def add(first: int) -> int:
    """Add."""
    return first


@pytest.fixture
def model(router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist) -> RouterChatModel:
    return RouterChatModel(models={"math": math, "*": general}, router=router)


def test_each_call_goes_to_the_model_of_its_category(model: RouterChatModel) -> None:
    assert [answer.text for answer in model.batch(["sum", "hello", "maybe"])] == [
        "math says sum",
        "general says hello",
        "general says maybe",
    ]
    assert asyncio.run(model.ainvoke("sum")).text == "math says sum"
    decision = model.invoke("maybe").response_metadata["routerkit"]
    assert (decision["category"], decision["route"], decision["reason"]) == ("code", "general", "low_confidence")


def test_an_answer_streams_and_its_first_chunk_carries_the_decision(model: RouterChatModel) -> None:
    async def collect() -> list[Any]:
        return [chunk async for chunk in model.astream("sum")]

    for chunks in (list(model.stream("sum")), asyncio.run(collect())):
        assert len([chunk for chunk in chunks if chunk.text]) == 3
        assert ["routerkit" in chunk.response_metadata for chunk in chunks].count(True) == 1
        whole = sum(chunks[1:], chunks[0])
        assert whole.text == "math says sum"
        assert whole.response_metadata["routerkit"]["route"] == "math"


def test_tools_are_bound_to_the_chosen_model(router: Router, general: ScriptedSpecialist) -> None:
    able = AbleModel()
    bound = RouterChatModel(models={"math": able, "*": general}, router=router).bind_tools([add], tool_choice="any")
    answer = bound.invoke("sum 3")
    assert [call["args"] for call in answer.tool_calls] == [{"first": 3}]
    assert able.tools_bound[-1] == "any"
    with pytest.raises(SpecialistError, match=r"'general': ScriptedSpecialist cannot call tools; name a model"):
        bound.invoke("hello")


def test_a_call_after_a_tool_stays_with_its_model(router: Router, general: ScriptedSpecialist) -> None:
    model = RouterChatModel(models={"math": AbleModel(), "*": general}, router=router)
    call = AIMessage("", tool_calls=[{"name": "add", "args": {"first": 3}, "id": "1"}])
    answer = model.invoke([HumanMessage("sum"), call, ToolMessage("hello", tool_call_id="1")])
    assert answer.response_metadata["routerkit"]["route"] == "math"


def test_usage_is_counted_once(router: Router) -> None:
    model = RouterChatModel(models={"*": AbleModel()}, router=router)
    with get_usage_metadata_callback() as used:
        model.invoke("sum")
        list(model.stream("sum"))
    assert used.usage_metadata["able-1"]["total_tokens"] == 10


def test_a_trace_shows_one_run_described_by_the_decision(model: RouterChatModel) -> None:
    seen = RunCollectorCallbackHandler()
    model.invoke("sum", {"callbacks": [seen], "tags": ["mine"]})
    (run,) = seen.traced_runs
    assert run.name == "ScriptedSpecialist"
    assert not run.child_runs
    assert {"mine", "route:math", "reason:confident"} <= set(run.tags or [])
    assert run.metadata["routerkit.route"] == "math"


def test_callers_of_generate_get_the_decision_too(model: RouterChatModel) -> None:
    seen = RunCollectorCallbackHandler()
    result = model.generate([[HumanMessage("sum")]], callbacks=[seen])
    assert result.generations[0][0].message.response_metadata["routerkit"]["route"] == "math"
    assert [run.name for run in seen.traced_runs[0].child_runs] == ["ScriptedSpecialist"]
    result = asyncio.run(model.agenerate([[HumanMessage("sum")]]))
    assert result.generations[0][0].text == "math says sum"


def test_a_node_that_invokes_it_streams_each_token_once(model: RouterChatModel) -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("answer", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph = builder.add_edge(START, "answer").compile()
    events = [event for event in graph.stream({"messages": "sum"}, stream_mode="messages") if event[0].text]
    assert [chunk.text for chunk, _ in events] == ["math", " says", " sum"]
    assert events[0][1]["routerkit.route"] == "math"


def test_models_may_come_from_a_configuration(router: Router, llama: Path, general: ScriptedSpecialist) -> None:
    entry = {"model": str(llama), "device": "cpu", "generation": {"max_new_tokens": 4}, "system_prompt": "Count."}
    model = RouterChatModel(models={"math": entry, "*": general}, router=router)
    answer = model.invoke("sum")
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 4
    whole = RouterChatModel(models={"*": general}, config={"fallback": "general"}, router=router)
    assert whole.invoke("hello").text == "general says hello"


def test_what_does_not_fit_is_refused_when_the_model_is_made(router: Router, general: ScriptedSpecialist) -> None:
    with pytest.raises(GraphConfigError, match=r"category 'math' has no specialist"):
        RouterChatModel(models={"general": general}, router=router)
    with pytest.raises(GraphConfigError, match=r"'maths', which is no category; did you mean 'math'"):
        RouterChatModel(models={"maths": general, "*": general}, router=router)


def test_a_model_that_returns_no_message_is_named(router: Router) -> None:
    model = RouterChatModel(models={"*": RunnableLambda(lambda messages: "text")}, router=router)
    with pytest.raises(SpecialistError, match=r"'math': returned str; expected a chat model's AIMessage"):
        model.invoke("sum")
    with pytest.raises(InputError, match="no human message"):
        model.invoke([AIMessage("hi")])


def test_models_do_not_find_each_others_answers_in_a_cache(router: Router) -> None:
    set_llm_cache(InMemoryCache())
    try:
        models = [RouterChatModel(models={"*": FakeListChatModel(responses=[text])}, router=router) for text in "ab"]
        asked: list[list[BaseMessage]] = [[HumanMessage("sum")]]
        assert [model.generate(asked).generations[0][0].text for model in models] == ["a", "b"]
    finally:
        set_llm_cache(None)


def test_tokens_are_counted_as_the_general_model_counts_them(router: Router, math: ScriptedSpecialist) -> None:
    counting = ScriptedSpecialist(answers=["x"], custom_get_token_ids=lambda text: list(range(len(text.split()))))
    model = RouterChatModel(models={"general": counting, "*": math}, router=router)
    assert model.get_num_tokens("one two three") == 3
    conversation = [HumanMessage("one"), AIMessage("two three"), HumanMessage("four")]
    kept = trim_messages(conversation, max_tokens=5, token_counter=model, strategy="last", start_on="human")
    assert [message.text for message in kept] == ["four"]
