from __future__ import annotations

import asyncio
from collections import UserDict
from typing import TYPE_CHECKING, Any, NotRequired

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from routerkit.config import RouterConfig
from routerkit.decision import Decision
from routerkit.errors import InputError, OverloadError
from routerkit.router import Router
from routerkit.runnable import RouterRunnable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from routerkit.testing import FakeEngine


class State(MessagesState):
    """What a graph with a router keeps."""

    route: NotRequired[str]
    decision: NotRequired[dict[str, Any]]


class Recorder(BaseCallbackHandler):
    """Counts the runs that tracing would show."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.failed = 0

    def on_chain_start(self, *_args: Any, name: str = "", **_kwargs: Any) -> None:
        self.started.append(name)

    def on_chain_error(self, *_args: Any, **_kwargs: Any) -> None:
        self.failed += 1


@pytest.fixture
def runnable(believer: Router) -> RouterRunnable:
    """The believing router as a Runnable."""
    return RouterRunnable(believer)


@pytest.mark.parametrize(
    "value", ["the sum", HumanMessage("the sum"), [HumanMessage("the sum")], [("user", "the sum")]], ids=str
)
def test_text_and_messages_give_a_decision(runnable: RouterRunnable, believer: Router, value: Any) -> None:
    assert runnable.invoke(value) == believer.route_query("the sum")


def test_a_state_gives_the_update_that_a_graph_stores(runnable: RouterRunnable, believer: Router) -> None:
    update = runnable.invoke({"messages": [HumanMessage("the sum")], "other": 5})
    assert update == {"route": "math", "decision": believer.route_query("the sum").to_dict()}
    assert type(update["decision"]) is dict
    assert runnable.invoke(UserDict({"messages": "the sum"})) == update


def test_every_entrance_gives_what_invoke_gives(runnable: RouterRunnable) -> None:
    state = {"messages": [("user", "a loop")]}

    async def ask() -> list[Any]:
        streamed = [part async for part in runnable.astream(state)]
        return [await runnable.ainvoke(state), *await runnable.abatch([state]), *streamed]

    expected = runnable.invoke(state)
    assert [*runnable.batch([state]), *runnable.stream(state), *asyncio.run(ask())] == [expected] * 5


def test_a_batch_is_one_real_batch(runnable: RouterRunnable, fake_engine: FakeEngine) -> None:
    found = runnable.batch(["sum", HumanMessage("loop"), {"messages": "hello"}, [("user", "rain")]])
    assert fake_engine.batch_sizes == [4]
    assert [type(item) for item in found] == [Decision, Decision, dict, Decision]
    assert [found[0].category, found[1].category, found[2]["route"], found[3].category] == [
        "math",
        "code",
        "general",
        "commonsense",
    ]


def test_an_async_batch_is_one_real_batch_too(runnable: RouterRunnable, fake_engine: FakeEngine) -> None:
    found = asyncio.run(runnable.abatch(["sum", "loop", "hello"]))
    assert fake_engine.batch_sizes == [3]
    assert [decision.category for decision in found] == ["math", "code", "general"]


def test_an_empty_batch_gives_nothing(runnable: RouterRunnable) -> None:
    assert runnable.batch([]) == []
    assert asyncio.run(runnable.abatch([])) == []


def test_a_bad_input_of_a_batch_raises_and_names_its_position(runnable: RouterRunnable) -> None:
    with pytest.raises(InputError, match=r"input 1 of the batch \(counted from 0\): the query is empty"):
        runnable.batch(["sum", "", "loop"])


@pytest.mark.parametrize("entrance", ["batch", "abatch"])
def test_when_errors_are_returned_the_good_inputs_are_still_answered(
    runnable: RouterRunnable, fake_engine: FakeEngine, entrance: str
) -> None:
    inputs: list[Any] = ["sum", "", {"question": "x"}, {"messages": "loop"}, [AIMessage("4")]]
    if entrance == "batch":
        found = runnable.batch(inputs, return_exceptions=True)
    else:
        found = asyncio.run(runnable.abatch(inputs, return_exceptions=True))
    assert found[0].category == "math"
    assert found[3]["route"] == "code"
    assert [type(found[position]) for position in (1, 2, 4)] == [InputError] * 3
    assert "the query is empty" in str(found[1])
    assert fake_engine.batch_sizes == [2]


def test_a_batch_of_bad_inputs_only_gives_errors_only(runnable: RouterRunnable) -> None:
    assert all(isinstance(found, InputError) for found in runnable.batch(["", "\0"], return_exceptions=True))


@pytest.mark.parametrize("bad", ["", {"messages": []}, {"question": "x"}, [AIMessage("4")], None], ids=repr)
def test_what_cannot_be_routed_is_refused(runnable: RouterRunnable, bad: Any) -> None:
    with pytest.raises(InputError):
        runnable.invoke(bad)
    with pytest.raises(InputError):
        asyncio.run(runnable.ainvoke(bad))


def test_tracing_sees_one_run_for_each_input_and_which_of_them_failed(runnable: RouterRunnable) -> None:
    recorder = Recorder()
    runnable.batch(["sum", "", "loop"], config={"callbacks": [recorder]}, return_exceptions=True)
    runnable.invoke("sum", config={"callbacks": [recorder], "run_name": "mine"})
    asyncio.run(runnable.ainvoke("sum", config={"callbacks": [recorder]}))
    assert recorder.started == ["router", "router", "router", "mine", "router"]
    assert recorder.failed == 1


def test_it_composes_with_prompts_and_functions(runnable: RouterRunnable) -> None:
    prompt: Any = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{word}")])
    chain = prompt | runnable | RunnableLambda(lambda decision: decision.route)
    assert chain.invoke({"word": "atom"}) == "science"
    assert chain.batch([{"word": "sum"}, {"word": "rain"}]) == ["math", "general"]


def answer(name: str) -> Callable[[State], dict[str, Any]]:
    return lambda state: {"messages": [AIMessage(f"{name} answers {state['messages'][-1].text}")]}


def test_it_is_a_node_of_a_graph_and_its_decision_survives_a_checkpoint(runnable: RouterRunnable) -> None:
    builder: Any = StateGraph(State)
    builder.add_node("router", runnable)
    for name in runnable.router.categories:
        builder.add_node(name, answer(name))
        builder.add_edge(name, END)
    builder.add_edge(START, "router")
    paths = {name: name for name in runnable.router.categories}
    builder.add_conditional_edges("router", lambda state: state["route"], paths)
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}

    first = graph.invoke({"messages": [("user", "the sum")]}, config)
    assert first["messages"][-1].text == "math answers the sum"
    assert first["decision"]["reason"] == "confident"

    second = graph.invoke({"messages": [("user", "rain")]}, config)
    assert second["messages"][-1].text == "general answers rain"
    stored = graph.get_state(config).values
    assert (stored["route"], stored["decision"]["category"]) == ("general", "commonsense")
    assert stored["decision"] == runnable.router.route_query("rain").to_dict()

    updates = list(graph.stream({"messages": [("user", "loop")]}, config, stream_mode="updates"))
    assert updates[0]["router"]["route"] == "code"
    assert asyncio.run(graph.ainvoke({"messages": [("user", "atom")]}, config))["route"] == "science"


def test_an_event_loop_waits_in_the_router_s_bounded_queue(tiny_router_folder: Path) -> None:
    router = Router.from_pretrained(tiny_router_folder, config=RouterConfig(sessions=1, max_queue=4))
    runnable = RouterRunnable(router)

    async def ask() -> list[Decision | BaseException]:
        return await asyncio.gather(*(runnable.ainvoke("sum") for _ in range(50)), return_exceptions=True)

    found = asyncio.run(ask())
    refused = [answer for answer in found if isinstance(answer, OverloadError)]
    assert refused
    assert [answer for answer in found if answer not in refused] == [router.route_query("sum")] * (50 - len(refused))


def test_a_conversation_in_an_event_loop_borrows_the_only_engine_without_waiting_for_itself(
    tiny_router_folder: Path,
) -> None:
    router = Router.from_pretrained(tiny_router_folder, config=RouterConfig(sessions=1))
    runnable = RouterRunnable(router, conversation="sticky")
    turns = [HumanMessage("what is the sum"), AIMessage("4"), HumanMessage("and then?")]
    assert asyncio.run(asyncio.wait_for(runnable.ainvoke(turns), 20)) == runnable.invoke(turns)
