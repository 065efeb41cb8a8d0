"""Which text of a conversation is routed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeGuard

from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue

from routerkit.conversation.history import Conversation
from routerkit.errors import InputError


class StateObject(Protocol):
    """The state of a graph whose schema is a dataclass or a pydantic model."""

    messages: Any


RouterInput = str | PromptValue | BaseMessage | Sequence[Any] | Mapping[str, Any] | StateObject
"""What a router node accepts: text, a prompt's value, a message, a list of messages, or a state with `messages`."""

_OTHER_SCHEMA = "a parent graph with another schema must call the routing graph in a node that passes {'messages': ...}"


def query_of(value: RouterInput) -> str:
    """The text to route: a string itself, or the last human message of a conversation.

    Later messages of other kinds (answers, tool results, hand-off notices) are not what the person asked.

    Raises:
        InputError: if there is no human message, or a state has no `messages`.
    """
    if isinstance(value, str):
        return value
    for message in reversed(messages_of(value)):
        if isinstance(message, HumanMessage):
            return message.text
    raise InputError(
        "there is no human message to route; pass a string, a HumanMessage, or "
        '{"messages": [...]} with at least one message of role "user"; ' + _OTHER_SCHEMA
    )


def conversation_of(value: RouterInput) -> Conversation:
    """The person's side of a conversation, and the latest decision of a state.

    Answers, tool results, system and hand-off messages are not what the person said. Only messages and plain values
    are read, so that a conversation goes on from any checkpointer.

    Raises:
        InputError: as `query_of`.
    """
    query = query_of(value)
    if isinstance(value, str):
        return Conversation((query,))
    said = [message.text for message in messages_of(value) if isinstance(message, HumanMessage)]
    decided = value.get("decision") if isinstance(value, Mapping) else getattr(value, "decision", None)
    return Conversation((*(text for text in said[:-1] if text.strip()), query), decided or None)


def messages_of(value: RouterInput) -> list[BaseMessage]:
    """The messages of whatever a router node accepts; a string becomes one human message.

    Raises:
        InputError: if a state has no `messages`, or there are things that are no messages.
    """
    found: Any = value
    if isinstance(value, Mapping):
        if "messages" not in value:
            raise InputError(f"the state has no 'messages' (its keys: {sorted(map(str, value))}); {_OTHER_SCHEMA}")
        found = value["messages"]
    elif is_state_object(value):
        found = value.messages
    if isinstance(found, str):
        return [HumanMessage(found)]
    if isinstance(found, BaseMessage):
        return [found]
    try:
        return convert_to_messages(found)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(f"these are no messages: {str(error).splitlines()[0]}") from error


def is_state_object(value: object) -> TypeGuard[StateObject]:
    """Whether it is a state, and no mapping; the value of a prompt has `messages`, too, and is none."""
    return hasattr(value, "messages") and not isinstance(value, PromptValue)
