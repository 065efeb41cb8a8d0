from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate

from routerkit.errors import InputError
from routerkit.messages import query_of

HUMAN = HumanMessage("What is 2+2?")
CALL = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 2, "b": 2}, "id": "1"}])
RESULT = ToolMessage("4", tool_call_id="1")


@pytest.mark.parametrize(
    "value",
    [
        "What is 2+2?",
        HUMAN,
        [HUMAN],
        (HUMAN,),
        ["What is 2+2?"],
        [("user", "What is 2+2?")],
        [("human", "What is 2+2?")],
        [{"role": "user", "content": "What is 2+2?"}],
        [{"type": "human", "content": "What is 2+2?"}],
        {"messages": "What is 2+2?"},
        {"messages": HUMAN},
        {"messages": [HUMAN]},
        {"messages": [("system", "Be brief."), ("user", "What is 2+2?")], "route": "math", "decision": None},
        {"messages": [{"role": "user", "content": "What is 2+2?"}]},
        UserDict({"messages": [HUMAN]}),
        ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{q}")]).invoke({"q": "What is 2+2?"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_way_of_passing_a_question_gives_its_text(value: Any) -> None:
    assert query_of(value) == "What is 2+2?"


@pytest.mark.parametrize(
    "later",
    [[AIMessage("4")], [SystemMessage("Be brief.")], [CALL, RESULT], [CALL], [AIMessageChunk(content="4")]],
    ids=["answer", "system", "tool result", "tool call", "chunk"],
)
def test_what_comes_after_the_last_question_is_not_what_the_person_asked(later: list[Any]) -> None:
    assert query_of([HumanMessage("Hello"), AIMessage("Hi"), HUMAN, *later]) == "What is 2+2?"


def test_the_last_of_several_questions_counts() -> None:
    assert query_of([HumanMessage("first"), AIMessage("answer"), HumanMessage("second")]) == "second"


def test_the_text_of_content_blocks_is_joined_and_pictures_are_left_out() -> None:
    blocks: list[str | dict[str, Any]] = [
        {"type": "text", "text": "What is "},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "this?"},
    ]
    assert query_of([HumanMessage(content=blocks)]) == "What is this?"
    assert query_of({"messages": [{"role": "user", "content": blocks}]}) == "What is this?"


@pytest.mark.parametrize(
    "value", [[], [AIMessage("4")], [SystemMessage("Be brief.")], RESULT, {"messages": []}], ids=str
)
def test_without_a_human_message_there_is_nothing_to_route(value: Any) -> None:
    with pytest.raises(InputError, match=r'no human message to route.*at least one message of role "user"'):
        query_of(value)


def test_a_state_without_messages_is_answered_with_the_keys_it_has() -> None:
    with pytest.raises(
        InputError, match=r"no 'messages' \(its keys: \['1', 'question'\]\).*passes \{'messages': \.\.\.\}"
    ):
        query_of({"question": "What is 2+2?", "1": "odd"})


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        object(),
        [5],
        [None],
        [("wizard", "What is 2+2?")],
        [{"role": "user"}],
        {"messages": None},
        {"messages": 5},
        {"messages": [{"content": "no role"}]},
    ],
    ids=lambda value: type(value).__name__ if type(value) is object else repr(value),
)
def test_what_are_no_messages_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        query_of(value)
    assert "\n" not in str(caught.value)
