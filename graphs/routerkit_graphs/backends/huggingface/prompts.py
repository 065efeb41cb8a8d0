"""From LangChain messages to the turns of a chat template.

Chat templates are strict: a system turn only in front, then user and assistant in turn. Conversations are not: a
supervisor leaves hand-off notices, a tool loop leaves tool results, other agents leave late instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from routerkit.errors import InputError
from routerkit_graphs.backends.hand_offs import is_notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from routerkit_graphs.backends.fitting import Turn


def turns_of(messages: Sequence[BaseMessage]) -> list[Turn]:
    """The turns of a conversation that ends with what is to be answered.

    All system messages become one turn in front. Tool results become part of the user's turn, hand-off notices and
    messages without text are left out, neighbours of one role are joined, and answers after the last user turn are
    dropped.

    Args:
        messages: the conversation.

    Raises:
        InputError: if nothing is left to answer.
    """
    turns: list[Turn] = []
    for message in messages:
        role, text = _role(message), _text(message)
        if not text or role == "system":
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + text
        else:
            turns.append({"role": role, "content": text})
    while turns and turns[-1]["role"] == "assistant":
        turns.pop()
    if not turns:
        raise InputError("the conversation holds no text from a person; add a message of role 'user' with text in it")
    instructions = [_text(message) for message in messages if isinstance(message, SystemMessage)]
    if any(instructions):
        turns.insert(0, {"role": "system", "content": "\n\n".join(filter(None, instructions))})
    return turns


def _role(message: BaseMessage) -> str:
    if isinstance(message, SystemMessage):
        return "system"
    return "assistant" if isinstance(message, AIMessage) else "user"


def _text(message: BaseMessage) -> str:
    if isinstance(message, ToolMessage):
        if is_notice(message):
            return ""
        return f"Result of the tool {message.name or 'used'}:\n{message.text}"
    if isinstance(message, HumanMessage | AIMessage | SystemMessage):
        return message.text
    return ""
