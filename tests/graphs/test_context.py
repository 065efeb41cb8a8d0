"""Settings of a single run by `context=`, and people who confirm a route."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from routerkit import ConfigError, GraphConfig, InputError, RoutingContext, build_graph

if TYPE_CHECKING:
    from routerkit import Router
    from routerkit.testing import ScriptedSpecialist

THREAD: Any = {"configurable": {"thread_id": "1"}}


@dataclass
class Foreign:
    user: str = "me"
    threshold: Any = None
    force_route: str | None = None


def built(router: Router, specialist: Any, **kwargs: Any) -> Any:
    return build_graph(kwargs.pop("config", None), specialists={"*": specialist}, router=router, **kwargs)


def inside(graph: Any, schema: Any = None, **compiling: Any) -> Any:
    builder = StateGraph(MessagesState, context_schema=schema)
    return builder.add_node("answer", graph).add_edge(START, "answer").compile(**compiling)


def test_a_run_may_set_the_threshold(router: Router, general: ScriptedSpecialist) -> None:
    graph = built(router, general)
    assert graph.invoke({"messages": "sum"}, context={"threshold": 0.95})["decision"]["reason"] == "low_confidence"
    result = asyncio.run(graph.ainvoke({"messages": "maybe"}, context=RoutingContext(threshold=0.3)))
    assert (result["route"], result["decision"]["reason"]) == ("code", "confident")
    assert graph.invoke({"messages": "maybe"})["route"] == "general"


def test_a_run_may_force_its_route_and_the_belief_stays_on_record(router: Router, general: ScriptedSpecialist) -> None:
    seen = RunCollectorCallbackHandler()
    graph = built(router, general)
    result = graph.invoke({"messages": "sum"}, {"callbacks": [seen]}, context={"force_route": "science"})
    decision = result["decision"]
    assert (result["route"], decision["reason"], decision["category"]) == ("science", "forced", "math")
    assert decision["probabilities"]["math"] == pytest.approx(0.9)
    assert "reason:forced" in (seen.traced_runs[0].tags or [])


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({"treshold": 0.5}, "unknown key 'treshold'; did you mean 'threshold'"),
        ({"threshold": 7}, "key 'threshold': input should be less than or equal to 1, found 7"),
        ({"force_route": "maths"}, "force_route is 'maths', which is no route; there are: math, science"),
        ("math", "found 'math', expected a RoutingContext, or a mapping"),
        ({"fan_out": 2}, "fan_out is 2, but this graph asks one specialist; add fan_out to its configuration"),
    ],
)
def test_a_context_that_cannot_be_followed_is_refused(
    router: Router, general: ScriptedSpecialist, context: Any, problem: str
) -> None:
    with pytest.raises(InputError, match="context: .*" + problem.split(";", maxsplit=1)[0]):
        built(router, general).invoke({"messages": "sum"}, context=context)
    assert not general.calls


@pytest.mark.parametrize(
    ("context", "route"),
    [
        (None, "math"),
        (Foreign(), "math"),
        (Foreign(force_route="code"), "code"),
        (Foreign(threshold=0.95), "general"),
        (Foreign(threshold="a doorstep", force_route="a street"), "math"),
        ({"user": "me", "force_route": "code"}, "code"),
        (RoutingContext(force_route="code"), "code"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_subgraph_takes_from_its_parents_context_what_fits(
    router: Router, general: ScriptedSpecialist, context: Any, route: str, asynchronous: bool
) -> None:
    outer = inside(built(router, general))
    events: Any
    if asynchronous:

        async def collect() -> list[Any]:
            stream = outer.astream({"messages": "sum"}, context=context, stream_mode="updates", subgraphs=True)
            return [event async for event in stream]

        events = asyncio.run(collect())
    else:
        events = list(outer.stream({"messages": "sum"}, context=context, stream_mode="updates", subgraphs=True))
    assert events[0][1]["router"]["route"] == route


def test_a_root_graph_takes_any_object_with_its_fields(router: Router, general: ScriptedSpecialist) -> None:
    graph = built(router, general)
    assert graph.invoke({"messages": "sum"}, context=Foreign(force_route="code"))["route"] == "code"
    with pytest.raises(InputError, match="threshold"):
        graph.invoke({"messages": "sum"}, context=Foreign(threshold="a doorstep"))


@pytest.mark.parametrize("in_yaml", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_person_confirms_an_unsure_route(
    router: Router, general: ScriptedSpecialist, in_yaml: bool, asynchronous: bool
) -> None:
    config = {"confirm_below": 0.6} if in_yaml else None
    context = None if in_yaml else {"confirm_below": 0.6}
    graph = built(router, general, config=config, checkpointer=MemorySaver())

    def run(value: Any) -> Any:
        if asynchronous:
            return asyncio.run(graph.ainvoke(value, THREAD, context=context))
        return graph.invoke(value, THREAD, context=context)

    question = run({"messages": "maybe"})["__interrupt__"][0].value
    assert (question["query"], question["category"], question["route"]) == ("maybe", "code", "general")
    assert question["choices"] == ["math", "science", "code", "general", "commonsense"]
    assert not general.calls
    again = run(Command(resume="maths"))["__interrupt__"][0].value
    assert again["problem"] == "'maths' is no route; resume with one of: math, science, code, general, commonsense"
    result = run(Command(resume="science"))
    decision = result["decision"]
    assert (result["route"], decision["reason"], decision["category"]) == ("science", "confirmed", "code")
    assert result["messages"][-1].text == "general says maybe"
    assert run({"messages": "sum"})["decision"]["reason"] == "confident"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_persons_choice_counts_also_where_the_run_is_resumed_without_its_context(
    router: Router, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    graph = built(router, general, checkpointer=MemorySaver())

    def run(value: Any, **kwargs: Any) -> Any:
        return (
            asyncio.run(graph.ainvoke(value, THREAD, **kwargs))
            if asynchronous
            else graph.invoke(value, THREAD, **kwargs)
        )

    assert "__interrupt__" in run({"messages": "sum"}, context={"confirm_below": 1.0})
    assert "'maths' is no route" in run(Command(resume="maths"))["__interrupt__"][0].value["problem"]
    decision = run(Command(resume="code"))["decision"]
    assert (decision["route"], decision["reason"]) == ("code", "confirmed")
    assert run({"messages": "sum"})["decision"]["reason"] == "confident"


def test_an_answer_for_the_graph_around_is_left_to_it(router: Router, general: ScriptedSpecialist) -> None:
    graph = built(router, general, checkpointer=False)

    def ask(state: MessagesState) -> dict[str, Any]:
        answer = graph.invoke({"messages": "sum"})["messages"][-1].text
        return {"messages": [AIMessage(f"{answer}: {interrupt('right?')}")]}

    outer = inside(ask, checkpointer=MemorySaver())
    outer.invoke({"messages": "hello"}, THREAD)
    assert outer.invoke(Command(resume="yes"), THREAD)["messages"][-1].text == "general says sum: yes"


@pytest.mark.parametrize("nested", [False, True])
def test_a_question_that_nothing_could_keep_is_refused(
    router: Router, general: ScriptedSpecialist, nested: bool
) -> None:
    graph = built(router, general, config={"confirm_below": 0.6})
    with pytest.raises(InputError, match="no checkpointer keeps it"):
        (inside(graph) if nested else graph).invoke({"messages": "maybe"})


def test_a_person_is_asked_through_a_parent_and_the_decision_is_told_once(
    router: Router, general: ScriptedSpecialist
) -> None:
    outer = inside(built(router, general, config={"confirm_below": 0.6}), checkpointer=MemorySaver())
    told = []
    for value in ({"messages": "maybe"}, Command(resume="math")):
        events = outer.stream(value, THREAD, stream_mode="custom", subgraphs=True)
        told += [event["routerkit.decision"] for _, event in events]
    assert [(event["route"], event["reason"]) for event in told] == [("math", "confirmed")]


def test_a_run_may_do_without_the_person_and_a_forced_route_needs_none(
    router: Router, general: ScriptedSpecialist
) -> None:
    graph = built(router, general, config={"confirm_below": 0.6}, checkpointer=MemorySaver())
    assert graph.invoke({"messages": "maybe"}, THREAD, context={"confirm_below": 0})["route"] == "general"
    assert graph.invoke({"messages": "maybe"}, THREAD, context={"force_route": "code"})["route"] == "code"


def test_the_configuration_checks_its_bounds() -> None:
    with pytest.raises(ConfigError, match="confirm_below"):
        GraphConfig.load({"confirm_below": 2})
    with pytest.raises(ConfigError, match=r"fan_out\.top_k"):
        GraphConfig.load({"fan_out": {"top_k": 0}})


def test_servers_can_show_what_a_run_may_be_told(router: Router, general: ScriptedSpecialist) -> None:
    schema = built(router, general).get_context_jsonschema()
    assert set(schema["properties"]) == {"threshold", "force_route", "fan_out", "confirm_below"}
