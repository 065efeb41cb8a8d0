"""Any conversation becomes turns that a chat template accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from routerkit_graphs.backends.huggingface.prompts import turns_of

from routerkit.errors import InputError

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def shape(messages: list[BaseMessage]) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in turns_of(messages)]


def test_a_plain_conversation_is_kept() -> None:
    messages = [SystemMessage("s"), HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    assert shape(messages) == [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")]


def test_late_instructions_move_to_the_front() -> None:
    messages = [SystemMessage("s"), HumanMessage("a"), SystemMessage("late")]
    assert shape(messages) == [("system", "s\n\nlate"), ("user", "a")]


def test_hand_off_notices_and_calls_without_text_are_left_out() -> None:
    messages = [
        HumanMessage("a"),
        AIMessage("", tool_calls=[{"name": "transfer_to_x", "args": {}, "id": "1"}]),
        ToolMessage("Successfully transferred to x", name="transfer_to_x", tool_call_id="1"),
    ]
    assert shape(messages) == [("user", "a")]


def test_a_tool_result_becomes_part_of_what_is_asked() -> None:
    messages = [
        HumanMessage("how warm is it?"),
        AIMessage("", tool_calls=[{"name": "weather", "args": {}, "id": "1"}]),
        ToolMessage("21 degrees", name="weather", tool_call_id="1"),
    ]
    assert shape(messages) == [("user", "how warm is it?\n\nResult of the tool weather:\n21 degrees")]


def test_neighbours_of_one_role_are_joined() -> None:
    messages = [HumanMessage("a"), HumanMessage("b"), AIMessage("c"), AIMessage("d"), HumanMessage("e")]
    assert shape(messages) == [("user", "a\n\nb"), ("assistant", "c\n\nd"), ("user", "e")]


def test_answers_after_the_last_question_are_dropped() -> None:
    assert shape([HumanMessage("a"), AIMessage("b")]) == [("user", "a")]


def test_content_blocks_are_read_as_text() -> None:
    assert shape([HumanMessage([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]) == [("user", "ab")]


@pytest.mark.parametrize("messages", [[], [AIMessage("b")], [SystemMessage("s")], [HumanMessage("")]])
def test_a_conversation_without_a_question_is_refused(messages: list[BaseMessage]) -> None:
    with pytest.raises(InputError, match="no text from a person"):
        turns_of(messages)
