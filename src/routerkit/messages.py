"""Which text of a conversation is routed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages

from routerkit.errors import InputError

RouterInput = str | BaseMessage | Sequence[Any] | Mapping[str, Any]
"""What a router node accepts: text, a message, a list of messages, or a state with `messages`."""

_OTHER_SCHEMA = "a parent graph with another schema must call the routing graph in a node that passes {'messages': ...}"


def query_of(value: RouterInput) -> str:
    """The text to route: a string itself, or the last human message of a conversation.

    Later messages of other kinds (answers, tool results, hand-off notices) are not what the person asked.

    Raises:
        InputError: if there is no human message, or a state has no `messages`.
    """
    if isinstance(value, str):
        return value
    for message in reversed(_messages_of(value)):
        if isinstance(message, HumanMessage):
            return message.text
    raise InputError(
        "there is no human message to route; pass a string, a HumanMessage, or "
        '{"messages": [...]} with at least one message of role "user"; ' + _OTHER_SCHEMA
    )


def _messages_of(value: RouterInput) -> list[BaseMessage]:
    if isinstance(value, Mapping):
        if "messages" not in value:
            raise InputError(f"the state has no 'messages' (its keys: {sorted(map(str, value))}); {_OTHER_SCHEMA}")
        value = value["messages"]
    if isinstance(value, str):
        return [HumanMessage(value)]
    if isinstance(value, BaseMessage):
        return [value]
    try:
        return convert_to_messages(value)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(f"these are no messages: {str(error).splitlines()[0]}") from error
