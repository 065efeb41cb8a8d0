"""`configs/endpoint.yaml` and the back ends openai and chat against a server that really generates."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.memory import MemorySaver
from routerkit_graphs.backends import chat

from routerkit import MissingExtraError, SpecialistError, build_graph, errors
from routerkit.config import ChatSpecialist

if TYPE_CHECKING:
    from routerkit import Router
    from routerkit.testing import ScriptedSpecialist
    from tests.graphs.backends.endpoint import Endpoint

CODE_PROMPT = "You are a programmer. Answer with short, complete, working code and one sentence about it."
QUERIES = [{"messages": text} for text in ("sum", "loop", "hello")]


@pytest.fixture
def shipped(endpoint: Endpoint, tmp_path: Path) -> Path:
    """The configuration as it ships, with only the server's address changed."""
    text = (Path(str(files("routerkit"))) / "configs" / "endpoint.yaml").read_text(encoding="utf-8")
    path = tmp_path / "endpoint.yaml"
    path.write_text(text.replace("http://127.0.0.1:8000/v1", endpoint.url), encoding="utf-8")
    return path


def test_the_shipped_configuration_answers_from_a_server_on_every_path(
    endpoint: Endpoint, shipped: Path, router: Router
) -> None:
    graph = build_graph(shipped, router=router)
    expected = [
        endpoint.model(name).invoke([("system", prompt), ("user", query)], max_new_tokens=12).text
        for name, prompt, query in (
            ("math", "You solve mathematics. Work step by step, then give the result on a line of its own.", "sum"),
            ("code", CODE_PROMPT, "loop"),
            ("general", "You are a helpful assistant. Answer briefly and plainly.", "hello"),
        )
    ]

    def answers(states: list[Any]) -> list[str]:
        return [state["messages"][-1].text for state in states]

    async def asynchronous() -> list[list[str]]:
        called = [await graph.ainvoke(query) for query in QUERIES]
        streamed = []
        for query in QUERIES:
            events = graph.astream(query, stream_mode="messages")
            streamed.append("".join([chunk.text async for chunk, _ in events if isinstance(chunk, AIMessageChunk)]))
        return [answers(called), streamed, answers(await graph.abatch(QUERIES))]

    assert answers([graph.invoke(query) for query in QUERIES]) == expected
    for query, text in zip(QUERIES, expected, strict=True):
        chunks = [chunk.text for chunk, _ in graph.stream(query, stream_mode="messages")]
        assert "".join(chunks) == text
        assert len([chunk for chunk in chunks if chunk]) > 1
    assert answers(graph.batch(QUERIES)) == expected
    assert asyncio.run(asynchronous()) == [expected] * 3
    assert {body["model"] for body in endpoint.requests} == {"math", "code", "general"}


def test_a_conversation_over_a_server_that_repeats_its_ids_keeps_every_answer(
    shipped: Path, endpoint: Endpoint, router: Router
) -> None:
    graph = build_graph(shipped, router=router, checkpointer=MemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke({"messages": "sum"}, thread)
    messages = graph.invoke({"messages": "loop"}, thread)["messages"]
    assert [message.type for message in messages] == ["human", "ai", "human", "ai"]
    assert len({message.id for message in messages}) == 4


def test_one_event_loop_after_another_is_answered(shipped: Path, endpoint: Endpoint, router: Router) -> None:
    graph = build_graph(shipped, router=router)

    async def stream() -> list[Any]:
        return [event async for event in graph.astream({"messages": "sum"}, stream_mode="values")]

    results = [asyncio.run(graph.ainvoke({"messages": "sum"})) for _ in range(3)]
    results += [asyncio.run(stream())[-1] for _ in range(2)]
    assert {result["decision"]["reason"] for result in results} == {"confident"}
    assert {body["model"] for body in endpoint.requests} == {"math"}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_request_that_is_given_up_is_closed(
    endpoint: Endpoint, router: Router, general: ScriptedSpecialist, asynchronous: bool
) -> None:
    endpoint.model("math").invoke("hello", max_new_tokens=1)
    endpoint.fault = "hang mid-stream"
    entry = {"backend": "openai", "model": "math", "base_url": endpoint.url, "timeout_s": 0.5}
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)
    graph = build_graph({"model_mappings": {"math": entry}}, specialists=others, router=router)

    async def collect() -> list[Any]:
        return [event async for event in graph.astream({"messages": "sum"}, stream_mode=["values", "messages"])]

    events = asyncio.run(collect()) if asynchronous else None
    events = events or list(graph.stream({"messages": "sum"}, stream_mode=["values", "messages"]))
    assert events[-1][1]["messages"][-1].text == "general says sum"
    endpoint.release.set()
    assert endpoint.closed_early.wait(timeout=30)


def chat_entry(endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    options = {"base_url": endpoint.url, "api_key": "none", "stream_usage": True}
    return {"backend": "chat", "model": "openai:math", "options": options, **more}


def test_any_provider_and_model_can_be_named(endpoint: Endpoint, router: Router, general: ScriptedSpecialist) -> None:
    pytest.importorskip("langchain")
    generation = {"max_new_tokens": 5, "temperature": 0.5, "stop": ["END"]}
    config = {"model_mappings": {"math": chat_entry(endpoint, generation=generation, system_prompt="Count.")}}
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)
    graph = build_graph(config, specialists=others, router=router)
    answer = graph.invoke({"messages": "sum"})["messages"][-1]
    expected = endpoint.model("math").invoke([("system", "Count."), ("user", "sum")], max_new_tokens=5)
    assert answer.text == expected.text
    assert answer.usage_metadata["output_tokens"] == 5
    body = endpoint.requests[0]
    assert (body["max_completion_tokens"], body["temperature"], body["stop"]) == (5, 0.5, ["END"])
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_settings_that_are_not_given_are_not_sent_to_a_provider(endpoint: Endpoint) -> None:
    pytest.importorskip("langchain")
    model = chat.load("math", ChatSpecialist.model_validate(chat_entry(endpoint)))
    model.invoke("sum")
    assert not {"temperature", "top_p", "max_tokens", "max_completion_tokens", "stop"} & set(endpoint.requests[0])


@pytest.mark.parametrize(
    ("model", "problem"),
    [("nobody:some-model", "(?i)nobody"), ("anthropic:some-model", "langchain-anthropic")],
)
def test_an_unknown_provider_and_a_missing_library_are_named(model: str, problem: str) -> None:
    pytest.importorskip("langchain")
    with pytest.raises(SpecialistError, match=problem):
        chat.load("math", ChatSpecialist(backend="chat", model=model))


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "routerkit\[agents\]"'):
        chat.load("math", ChatSpecialist(backend="chat", model="openai:m"))
