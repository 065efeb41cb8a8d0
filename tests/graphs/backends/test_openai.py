"""Specialists behind an OpenAI-compatible endpoint, here a scripted one on this machine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessageChunk
from routerkit_graphs.backends import openai

from routerkit import MissingExtraError, SpecialistError, build_graph, errors
from routerkit.config import GenerationConfig, OpenAISpecialist

if TYPE_CHECKING:
    from routerkit import Router
    from routerkit.testing import ScriptedSpecialist
    from tests.graphs.backends.conftest import Script

pytest.importorskip("langchain_openai")

PATH = "/v1/chat/completions"


def completion(text: str) -> dict:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def events(*pieces: str) -> str:
    chunks = [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None} for piece in pieces]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    rows = [
        {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [chunk]}
        for chunk in chunks
    ]
    return "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + "data: [DONE]\n\n"


@pytest.fixture
def graph(web: Script, router: Router, general: ScriptedSpecialist) -> Any:
    entry = {
        "backend": "openai",
        "model": "m",
        "base_url": web.url + "/v1",
        "system_prompt": "You count.",
        "generation": {"max_new_tokens": 7, "temperature": 0.5, "stop": ["END"]},
    }
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)
    return build_graph({"model_mappings": {"math": entry}}, specialists=others, router=router)


def test_an_endpoint_answers_with_the_configured_settings(web: Script, graph: Any) -> None:
    web.answers[PATH] = (200, {}, completion("four"))
    result = graph.invoke({"messages": "sum"})
    assert result["messages"][-1].text == "four"
    assert result["messages"][-1].usage_metadata["total_tokens"] == 5
    asked = web.requests[0][1]
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert asked["messages"][0]["content"] == "You count."
    assert (asked["model"], asked["max_tokens"], asked["temperature"], asked["stop"]) == ("m", 7, 0.5, ["END"])


def test_tokens_of_an_endpoint_stream_both_ways(web: Script, graph: Any) -> None:
    web.answers[PATH] = (200, {"content-type": "text/event-stream"}, events("f", "ou", "r"))

    async def astream() -> list[str]:
        stream = graph.astream({"messages": "sum"}, stream_mode="messages")
        return [chunk.text async for chunk, _ in stream if isinstance(chunk, AIMessageChunk) and chunk.text]

    stream = graph.stream({"messages": "sum"}, stream_mode="messages")
    assert [chunk.text for chunk, _ in stream if isinstance(chunk, AIMessageChunk) and chunk.text] == ["f", "ou", "r"]
    assert asyncio.run(astream()) == ["f", "ou", "r"]


def test_an_endpoint_that_refuses_is_replaced_by_the_general_model(web: Script, graph: Any) -> None:
    web.answers[PATH] = (400, {}, {"error": {"message": "no such model"}})
    result = graph.invoke({"messages": "sum"})
    assert result["decision"]["reason"] == "specialist_failed"
    assert "no such model" in result["decision"]["error"]["message"]
    assert result["messages"][-1].text == "general says sum"


def test_the_hosted_service_without_a_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    spec = OpenAISpecialist(backend="openai", model="m", api_key_env="SOME_KEY")
    with pytest.raises(SpecialistError, match="SOME_KEY is not set"):
        openai.load("math", spec)


def test_the_hosted_service_gets_its_key_and_the_newer_name_of_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    spec = OpenAISpecialist(
        backend="openai", model="m", api_key_env="SOME_KEY", generation=GenerationConfig(max_new_tokens=9)
    )
    chat = openai.load("math", spec)
    assert chat._get_request_payload("hello")["max_completion_tokens"] == 9
    assert "secret" not in repr(chat)


def test_two_servers_with_one_model_name_have_a_place_of_their_own_in_a_cache() -> None:
    specs = [OpenAISpecialist(backend="openai", model="m", base_url=f"http://127.0.0.1:{port}/v1") for port in (1, 2)]
    first, second = (openai.load("math", spec) for spec in specs)
    assert first._get_llm_string() != second._get_llm_string()
    assert first._get_llm_string() == openai.load("math", specs[0])._get_llm_string()


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "routerkit\[openai\]"'):
        openai.load("math", OpenAISpecialist(backend="openai", model="m"))
