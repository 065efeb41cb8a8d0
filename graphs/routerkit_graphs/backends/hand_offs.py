"""Notices that a conversation was handed over: they tell a specialist nothing, and many servers refuse them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "transfer_"
"""Tools whose names begin so hand a conversation over (langgraph-supervisor, langgraph-swarm)."""


def is_notice(message: BaseMessage) -> bool:
    """Whether a message is the result of a hand-off."""
    return isinstance(message, ToolMessage) and (message.name or "").startswith(PREFIX)


def without_hand_offs(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The conversation without calls that hand it over and without their results; text beside a call stays."""
    kept: list[BaseMessage] = []
    for message in messages:
        if is_notice(message):
            continue
        if isinstance(message, AIMessage) and any(call["name"].startswith(PREFIX) for call in message.tool_calls):
            others = [call for call in message.tool_calls if not call["name"].startswith(PREFIX)]
            if not others and not message.text:
                continue
            # The provider's own form of the calls would be sent otherwise.
            message = message.model_copy(  # noqa: PLW2901 - the message without them
                update={"tool_calls": others, "additional_kwargs": {}, "content": message.text}
            )
        kept.append(message)
    return kept
