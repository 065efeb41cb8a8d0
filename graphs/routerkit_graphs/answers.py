"""Several answers to one question: what they look like in a conversation, and to a model that reads them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARK = "routerkit_side_by_side"
"""In `response_metadata`: the category whose specialist wrote one of several answers."""

_MERGE = """{query}

Several specialists have answered this. Write one answer that keeps what is right in theirs, without naming them.

{answers}"""


def side_by_side(answers: Mapping[str, Sequence[BaseMessage]]) -> list[BaseMessage]:
    """The messages of all specialists, one specialist's after the other's; their last ones carry the category.

    Args:
        answers: for a category, the new messages of its specialist.
    """
    told: list[BaseMessage] = []
    for category, messages in answers.items():
        *steps, last = messages
        metadata = {**last.response_metadata, _MARK: category}
        told += [*steps, last.model_copy(update={"name": category, "response_metadata": metadata})]
    return told


def in_turns(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The conversation for a model: answers side by side as one message, for many models refuse two in a row."""
    turns: list[BaseMessage] = []
    for several, run in groupby(messages, key=_is_one_of_several):
        if several:
            turns.append(AIMessage("\n\n".join(f"{message.name}: {message.text}" for message in run)))
        else:
            turns.extend(run)
    return turns


def to_merge(messages: Sequence[BaseMessage], answers: Mapping[str, Sequence[BaseMessage]]) -> list[BaseMessage]:
    """The conversation with the answers written into its last question, for the model that makes one of them."""
    position = max(index for index, message in enumerate(messages) if isinstance(message, HumanMessage))
    told = "\n\n".join(f"{category}: {texts[-1].text}" for category, texts in answers.items())
    question = HumanMessage(_MERGE.format(query=messages[position].text, answers=told))
    return [*messages[:position], question]


def _is_one_of_several(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and _MARK in message.response_metadata
