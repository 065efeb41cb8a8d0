"""What is left out of conversations that are too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from routerkit_graphs.backends.fitting import newest_messages, newest_turns, room_for_prompt

from routerkit import RouterChatModel, RoutingMiddleware, build_graph

if TYPE_CHECKING:
    from routerkit import Router
    from tests.graphs.backends.conftest import Script


def words(turns: list[dict[str, str]]) -> int:
    return sum(len(turn["content"].split()) for turn in turns)


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


TURNS = [
    turn("system", "be brief"),
    *[turn(role, f"{role} {number}") for number in range(20) for role in ("user", "assistant")],
    turn("user", "the last question"),
]


@pytest.mark.parametrize("room", range(5, 90))
def test_as_many_turns_stay_as_fit_and_they_begin_with_a_person(room: int) -> None:
    kept = newest_turns(TURNS, words, room)
    assert kept[0] == TURNS[0]
    assert kept[1:] == TURNS[-len(kept) + 1 :]
    assert kept[1]["role"] == "user"
    assert words(kept) <= room
    assert kept == TURNS or words(kept) + 4 > room


def test_instructions_and_the_last_question_stay_whatever_they_need() -> None:
    assert newest_turns(TURNS, words, 1) == [TURNS[0], TURNS[-1]]
    assert newest_turns(TURNS[1:], words, 1) == [TURNS[-1]]


def test_an_answer_has_its_length_or_a_quarter_of_the_context() -> None:
    assert room_for_prompt(8192, 512) == 7680
    assert room_for_prompt(512, 512) == 384


def conversation(length: int) -> list[BaseMessage]:
    told = [HumanMessage("q " * 30) if number % 2 == 0 else AIMessage("a " * 30) for number in range(length)]
    return [SystemMessage("be brief"), *told, HumanMessage("sum")]


def test_messages_for_a_server_begin_with_the_instructions_and_a_person() -> None:
    messages = conversation(40)
    kept = newest_messages(messages, 200)
    assert kept[0] == messages[0]
    assert kept[1].type == "human"
    assert kept[1:] == messages[-len(kept) + 1 :]
    assert 4 < len(kept) < 12
    assert newest_messages(messages, 10_000) == messages


def test_a_question_that_is_too_long_alone_is_sent_with_what_was_found_out_for_it() -> None:
    call = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])
    question = [HumanMessage("long " * 200), call, ToolMessage("found", tool_call_id="1")]
    assert newest_messages([*conversation(4), *question], 20) == [SystemMessage("be brief"), *question]
    assert newest_messages([AIMessage("hi " * 50)], 5) == [AIMessage("hi " * 50)]


@pytest.mark.parametrize("way", ["graph", "chat model", "middleware"])
def test_a_server_with_a_known_context_is_sent_no_more(router: Router, web: Script, way: str) -> None:
    pytest.importorskip("langchain_openai")
    from langchain.agents import create_agent

    answer = {"index": 0, "message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}
    web.answers["/v1/chat/completions"] = (200, {}, {"id": "1", "model": "m", "choices": [answer], "usage": None})
    entry = {
        "backend": "openai",
        "model": "m",
        "base_url": f"{web.url}/v1",
        "system_prompt": "be exact",
        "context_tokens": 200,
        "generation": {"max_new_tokens": 20},
    }
    models = dict.fromkeys(router.categories, entry)
    asked: Any = {"messages": conversation(40)[1:]}
    if way == "graph":
        result = build_graph({"model_mappings": models}, router=router).invoke(asked)
        assert len(result["messages"]) == 42, "nothing is taken out of the conversation itself"
    elif way == "chat model":
        RouterChatModel(models=models, router=router).invoke(asked["messages"])
    else:
        model = RouterChatModel(models=models, router=router)
        create_agent(model, [], middleware=[RoutingMiddleware(models, router=router)]).invoke(asked)
    ((_, body),) = web.requests
    sent = body["messages"]
    assert (sent[0]["role"], sent[0]["content"]) == ("system", "be exact")
    assert (sent[1]["role"], sent[-1]["content"]) == ("user", "sum")
    assert 4 < len(sent) < 12
