"""A graph that takes over a new configuration while it answers."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from routerkit import ArtefactError, ConfigError, GraphConfigError, ReloadingGraph, SpecialistError, build_graph
from routerkit.testing import ScriptedSpecialist

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router

THREAD: Any = {"configurable": {"thread_id": "1"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("fallback: general\n")
    return path


def text_of(result: Any) -> str:
    return str(result["messages"][-1].text)


def test_it_is_used_like_the_graph(file: Path, router: Router, general: ScriptedSpecialist) -> None:
    graph = ReloadingGraph(file, specialists={"*": general}, router=router, checkpointer=MemorySaver())
    asked = {"messages": "hello"}

    async def everything() -> list[str]:
        chunks = [chunk async for chunk, _ in graph.astream(asked, THREAD, stream_mode="messages")]
        events = [event["event"] async for event in graph.astream_events(asked, THREAD)]
        assert "on_chat_model_stream" in events
        return [text_of(await graph.ainvoke(asked, THREAD)), "".join(chunk.text for chunk in chunks)]

    assert text_of(graph.invoke(asked, THREAD)) == "general says hello"
    assert asyncio.run(everything()) == ["general says hello"] * 2
    events: Any = graph.stream(asked, THREAD, stream_mode="messages")
    assert "".join(chunk.text for chunk, _ in events if isinstance(chunk, AIMessageChunk)) == "general says hello"
    assert len(graph.get_state(THREAD).values["messages"]) == 10
    assert "router" in graph.get_graph().nodes
    assert [text_of(one) for one in graph.batch([asked], THREAD)] == ["general says hello"]
    outer = StateGraph(MessagesState).add_node("answer", graph).add_edge(START, "answer").compile()
    assert text_of(outer.invoke({"messages": "sum"})) == "general says sum"  # type: ignore[call-overload]
    with pytest.raises(AttributeError):
        graph.nothing  # noqa: B018


def test_it_has_the_graphs_own_schemas_and_events(router: Router, general: ScriptedSpecialist) -> None:
    graph = ReloadingGraph(specialists={"*": general}, router=router)
    assert graph.get_input_jsonschema() == graph.current.get_input_jsonschema()
    assert graph.get_output_jsonschema() == graph.current.get_output_jsonschema()
    assert graph.get_input_schema() == graph.current.get_input_schema()
    with pytest.warns(LangChainBetaWarning):
        assert list(graph.stream_events({"messages": "sum"}, version="v3"))


def test_it_may_be_a_specialist(router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist) -> None:
    inner = ReloadingGraph(specialists={"*": math}, router=router)
    for given in (inner, inner.with_config(tags=["a"]), inner.current.with_retry(), inner.with_fallbacks([inner])):
        result = build_graph(specialists={"math": given, "*": general}, router=router).invoke({"messages": "sum"})
        assert (text_of(result), result["decision"]["reason"]) == ("math says sum", "confident")


def test_a_changed_file_is_taken_over_and_the_conversation_goes_on(
    file: Path, router: Router, general: ScriptedSpecialist
) -> None:
    graph = ReloadingGraph(file, specialists={"*": general}, router=router, checkpointer=MemorySaver())
    graph.invoke({"messages": "hello"}, THREAD)
    assert not graph.reload_if_changed()
    file.write_text("fallback: general\nfan_out: {min_probability: 0.05}\n")
    assert graph.reload_if_changed()
    result = graph.invoke({"messages": "sum"}, THREAD)
    assert result["decision"]["routes"] == ["math", "general"]
    assert len(result["messages"]) == 5


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("fallback: [", ConfigError),
        ("falback: general", ConfigError),
        ("fallback: nobody", GraphConfigError),
        ("categories: [math, general]", GraphConfigError),
        ("decision_log: /nowhere/at/all.sqlite", ConfigError),
    ],
)
def test_a_faulty_configuration_is_refused_as_a_whole(
    file: Path, router: Router, general: ScriptedSpecialist, text: str, error: type[Exception]
) -> None:
    graph = ReloadingGraph(file, specialists={"*": general}, router=router)
    before = graph.current
    file.write_text(text)
    with pytest.raises(error):
        graph.reload_if_changed()
    assert graph.current is before
    assert text_of(graph.invoke({"messages": "hello"})) == "general says hello"
    assert not graph.reload_if_changed()
    with pytest.raises(error):
        graph.reload()
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        graph.reload_if_changed()


def test_a_router_trained_again_is_taken_over(tmp_path: Path, general: ScriptedSpecialist) -> None:
    import shutil

    from routerkit.artefact import MANIFEST
    from routerkit.store import starter_path

    folder = tmp_path / "router"
    shutil.copytree(starter_path(), folder)
    graph = ReloadingGraph({"router_config": {"model_path": str(folder)}}, specialists={"*": general})
    first = graph.current
    damaged = folder / "tokenizer.json"
    content = damaged.read_bytes()
    damaged.write_bytes(content + b" ")
    (folder / MANIFEST).touch()
    with pytest.raises(ArtefactError, match=r"tokenizer\.json"):
        graph.reload_if_changed()
    assert graph.current is first
    damaged.write_bytes(content)
    (folder / MANIFEST).touch()
    assert graph.reload_if_changed()
    assert graph.current is not first


def test_requests_in_flight_end_with_the_version_they_began_with(file: Path, router: Router) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(messages: Any) -> AIMessage:
        begun.set()
        assert go_on.wait(60)
        return AIMessage("late")

    specialists = {"*": RunnableLambda(slow)}
    graph = ReloadingGraph(file, specialists=specialists, router=router, checkpointer=MemorySaver())
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(graph.invoke, {"messages": "sum"}, THREAD)
        assert begun.wait(60)
        file.write_text("fallback: general\nrouter_config: {max_query_chars: 5}\nconfirm_below: 1.0\n")
        assert graph.reload_if_changed()
        go_on.set()
        assert text_of(answer.result(60)) == "late"
    assert "__interrupt__" in graph.invoke({"messages": "sum"}, THREAD)


def test_nothing_is_dropped_while_it_is_loaded_again_and_again(
    file: Path, router: Router, general: ScriptedSpecialist
) -> None:
    graph = ReloadingGraph(file, specialists={"*": general}, router=router)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(graph.invoke, {"messages": "hello"}) for _ in range(40)]
        for _ in range(5):
            graph.reload()
        assert [text_of(answer.result(60)) for answer in answers] == ["general says hello"] * 40


def test_unchanged_specialists_keep_their_weights(
    file: Path, router: Router, general: ScriptedSpecialist, llama: Path
) -> None:
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)

    def write(length: int) -> None:
        entry = f"{{model: '{llama}', device: cpu, generation: {{max_new_tokens: {length}}}}}"
        file.write_text(f"model_mappings: {{math: {entry}}}\n# {length}\n")

    def model() -> Any:
        return graph._version.models[next(iter(graph._version.models))].get()

    write(4)
    graph = ReloadingGraph(file, specialists=others, router=router)
    first = model()
    graph.reload(warm=True)
    assert model() is first
    write(5)
    graph.reload(warm=True)
    assert model() is not first
    file.write_text("model_mappings: {math: {model: ./not/there}}\n")
    with pytest.raises(SpecialistError, match="math"):
        graph.reload(warm=True)
    assert len(text_of(graph.invoke({"messages": "sum"}))) > 0


def test_the_decision_log_goes_on(tmp_path: Path, router: Router) -> None:
    import sqlite3

    log = tmp_path / "decisions.sqlite"
    specialists = {"*": ScriptedSpecialist(answers=["yes"])}
    graph = ReloadingGraph({"decision_log": {"path": str(log)}}, specialists=specialists, router=router)
    for _ in range(2):
        graph.invoke({"messages": "sum"})
        graph.reload()
    db = sqlite3.connect(log)
    assert db.execute("SELECT count(*), min(reason) FROM decisions").fetchone() == (2, "confident")
    db.close()
