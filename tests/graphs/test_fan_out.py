"""A mixed query answered by several specialists."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import MemorySaver
from langgraph.types import Command, interrupt

from routerkit import SpecialistError, build_graph
from routerkit.testing import ScriptedSpecialist, fake_router

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router

THREAD: Any = {"configurable": {"thread_id": "1"}}


@pytest.fixture
def mixing(tmp_path: Path) -> Router:
    """Torn between code and math at `plot`, sure at `sum`."""
    beliefs = {"plot": {"code": 0.5, "math": 0.4, "general": 0.1}, "sum": {"math": 0.9, "general": 0.1}}
    return fake_router(tmp_path / "router", beliefs)


@pytest.fixture
def code() -> ScriptedSpecialist:
    return ScriptedSpecialist(answers=["code says {query}"])


@pytest.fixture
def specialists(
    math: ScriptedSpecialist, code: ScriptedSpecialist, general: ScriptedSpecialist
) -> dict[str, ScriptedSpecialist]:
    return {"math": math, "code": code, "*": general}


def built(router: Router, specialists: Any, checkpointer: Any = None, **fan_out: Any) -> Any:
    return build_graph({"fan_out": fan_out}, specialists=specialists, router=router, checkpointer=checkpointer)


def run(graph: Any, value: Any, asynchronous: bool, **kwargs: Any) -> Any:
    return (
        asyncio.run(graph.ainvoke(value, THREAD, **kwargs)) if asynchronous else graph.invoke(value, THREAD, **kwargs)
    )


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_answers_stand_side_by_side_in_the_order_of_probability(
    mixing: Router, specialists: Any, asynchronous: bool
) -> None:
    result = run(built(mixing, specialists), {"messages": "plot"}, asynchronous)
    answers = result["messages"][1:]
    assert [(answer.name, answer.text) for answer in answers] == [
        ("code", "code says plot"),
        ("math", "math says plot"),
    ]
    decision = result["decision"]
    assert (result["route"], decision["reason"], decision["routes"]) == ("code", "mixed", ["code", "math"])
    assert decision["probabilities"] == pytest.approx(
        {"math": 0.4, "science": 0, "code": 0.5, "general": 0.1, "commonsense": 0}, abs=1e-6
    )
    assert "answers" not in result


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_general_model_merges_the_answers(
    mixing: Router, specialists: Any, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    general.answers = ["both"]
    result = run(built(mixing, specialists, join="merge"), {"messages": "plot"}, asynchronous)
    assert [message.text for message in result["messages"]] == ["plot", "both"]
    (asked,) = general.calls[0]
    assert asked.text.startswith("plot\n\n")
    assert "code: code says plot\n\nmath: math says plot" in asked.text


def test_a_clear_query_goes_to_one_specialist(mixing: Router, specialists: Any) -> None:
    result = built(mixing, specialists).invoke({"messages": "sum"})
    assert (result["decision"]["reason"], len(result["messages"])) == ("confident", 2)
    assert "routes" not in result["decision"]


def test_a_run_may_widen_or_switch_off(mixing: Router, specialists: Any) -> None:
    graph = built(mixing, specialists, min_probability=0.05)
    assert graph.invoke({"messages": "plot"}, context={"fan_out": 1})["decision"]["reason"] == "confident"
    result = graph.invoke({"messages": "plot"}, context={"fan_out": 3})
    assert result["decision"]["routes"] == ["code", "math", "general"]
    assert "routes" not in graph.invoke({"messages": "plot"}, context={"force_route": "math"})["decision"]


def test_the_specialists_work_at_the_same_time(mixing: Router, general: ScriptedSpecialist) -> None:
    both = threading.Barrier(2, timeout=60)

    def waiting(name: str) -> Any:
        return RunnableLambda(lambda messages: (both.wait(), AIMessage(name))[1])

    graph = built(mixing, {"math": waiting("math"), "code": waiting("code"), "*": general})
    assert [message.text for message in graph.invoke({"messages": "plot"})["messages"]] == ["plot", "code", "math"]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("join", ["side_by_side", "merge"])
def test_one_failed_specialist_leaves_the_other_its_answer(
    mixing: Router, specialists: Any, asynchronous: bool, join: str
) -> None:
    specialists["code"].error = ValueError("no code")
    result = run(built(mixing, specialists, join=join), {"messages": "plot"}, asynchronous)
    assert [message.text for message in result["messages"]] == ["plot", "math says plot"]
    decision = result["decision"]
    assert (result["route"], decision["reason"], decision["category"]) == ("math", "mixed", "code")
    assert decision["failed"] == {"code": {"type": "ValueError", "message": "no code"}}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_if_all_fail_the_general_model_answers(mixing: Router, specialists: Any, asynchronous: bool) -> None:
    specialists["code"].error, specialists["math"].error = ValueError("no code"), ValueError("no math")
    result = run(built(mixing, specialists), {"messages": "plot"}, asynchronous)
    assert [message.text for message in result["messages"]] == ["plot", "general says plot"]
    assert (result["route"], result["decision"]["reason"]) == ("general", "specialist_failed")
    assert set(result["decision"]["failed"]) == {"code", "math"}
    specialists["*"].error = ValueError("nothing")
    with pytest.raises(SpecialistError, match="the general model failed, ValueError: nothing; before it"):
        run(built(mixing, specialists), {"messages": "plot"}, asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_merge_that_fails_leaves_the_answers_side_by_side(
    mixing: Router, specialists: Any, asynchronous: bool
) -> None:
    specialists["*"].error = ValueError("no merge")
    result = run(built(mixing, specialists, join="merge"), {"messages": "plot"}, asynchronous)
    assert [message.text for message in result["messages"][1:]] == ["code says plot", "math says plot"]
    assert result["decision"]["error"]["message"] == "no merge"


@pytest.mark.parametrize(("join", "streamed"), [("side_by_side", {"code", "math"}), ("merge", {"general"})])
def test_what_streams_is_what_stays(mixing: Router, specialists: Any, join: str, streamed: set[str]) -> None:
    graph = built(mixing, specialists, MemorySaver(), join=join)
    parts: dict[str, str] = {}
    events = graph.stream({"messages": "plot"}, THREAD, stream_mode="messages")
    for chunk, _ in events:
        if isinstance(chunk, AIMessageChunk):
            parts[chunk.id] = parts.get(chunk.id, "") + chunk.text
    answers = {message.id: message.text for message in graph.get_state(THREAD).values["messages"][1:]}
    assert parts == answers
    assert {text.split()[0] for text in parts.values()} == streamed


def test_later_models_read_the_answers_as_one_turn(mixing: Router, specialists: Any, math: ScriptedSpecialist) -> None:
    graph = built(mixing, specialists, MemorySaver())
    graph.invoke({"messages": "plot"}, THREAD)
    graph.invoke({"messages": "sum"}, THREAD)
    graph.invoke({"messages": "plot"}, THREAD)
    assert [message.type for message in math.calls[1]] == ["human", "ai", "human"]
    assert math.calls[1][1].text == "code: code says plot\n\nmath: math says plot"
    assert [message.type for message in math.calls[2]] == ["human", "ai", "human", "ai", "human"]
    assert len(graph.get_state(THREAD).values["messages"]) == 8


def test_a_specialist_of_several_may_ask_a_person(mixing: Router, specialists: Any) -> None:
    asking = RunnableLambda(lambda messages: AIMessage("you said " + interrupt("sure?")))
    graph = built(mixing, {**specialists, "code": asking}, MemorySaver())
    assert graph.invoke({"messages": "plot"}, THREAD)["__interrupt__"][0].value == "sure?"
    result = graph.invoke(Command(resume="yes"), THREAD)
    assert [message.text for message in result["messages"][1:]] == ["you said yes", "math says plot"]


def test_the_picture_shows_fan_out_where_there_is_one(mixing: Router, specialists: Any) -> None:
    picture = built(mixing, specialists).get_graph().draw_mermaid()
    assert "router -. &nbsp;several&nbsp; .-> consult;" in picture
    assert "consult --> join;" in picture
    assert "join -. &nbsp;answered&nbsp; .-> __end__;" in picture
    assert "join -. &nbsp;all specialists failed&nbsp; .-> general;" in picture
