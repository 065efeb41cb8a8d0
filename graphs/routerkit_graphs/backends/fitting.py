"""Long conversations: what is left out so that the rest fits the specialist's context.

The newest turns are kept and the oldest left out, whole turns only, so that what is left still begins with a person.
Instructions and the last question always stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.messages import HumanMessage, SystemMessage, trim_messages
from langchain_core.messages.utils import count_tokens_approximately

from routerkit_graphs.backends.hand_offs import without_hand_offs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import BaseMessage

Turn = dict[str, str]
"""`{"role": "system" | "user" | "assistant", "content": text}`, as chat templates take it."""

_CHARS_PER_TOKEN = 3.0
"""A cautious guess for servers, whose tokenizers are not known here: English has about 4, code less."""


def room_for_prompt(context_tokens: int, max_new_tokens: int) -> int:
    """Most tokens of a prompt, so that the answer has its length, or else a quarter of the context.

    Args:
        context_tokens: most tokens that prompt and answer may have together.
        max_new_tokens: the wanted length of the answer.
    """
    return context_tokens - min(max_new_tokens, context_tokens // 4)


def newest_turns(turns: Sequence[Turn], count: Callable[[list[Turn]], int], room: int) -> list[Turn]:
    """All turns that fit, the oldest left out first.

    Args:
        turns: alternating turns, with a system turn in front if there are instructions.
        count: tokens of some of them.
        room: most tokens; the last user turn stays even if it needs more.
    """
    if count(list(turns)) <= room:
        return list(turns)
    front = [turn for turn in turns[:1] if turn["role"] == "system"]
    starts = [number for number, turn in enumerate(turns) if turn["role"] == "user"]
    low, high = 1, len(starts) - 1
    # Rendering and counting a long conversation takes milliseconds, so the beginning is searched by halves.
    while low < high:
        middle = (low + high) // 2
        if count([*front, *turns[starts[middle] :]]) <= room:
            high = middle
        else:
            low = middle + 1
    return [*front, *turns[starts[high] :]]


def for_server(messages: Sequence[BaseMessage], room: int | None) -> list[BaseMessage]:
    """A conversation as a server shall be sent it: without hand-offs, and no longer than it may be.

    Args:
        messages: the conversation, with its instructions in front.
        room: most tokens; None for a server whose context is not known.
    """
    plain = without_hand_offs(messages)
    return plain if room is None else newest_messages(plain, room)


def newest_messages(messages: Sequence[BaseMessage], room: int) -> list[BaseMessage]:
    """The same for messages to a server, whose tokens are estimated from their letters.

    Args:
        messages: the conversation, with its instructions in front.
        room: most tokens; the last question and what follows it stay even if they need more.
    """
    kept = trim_messages(
        list(messages),
        max_tokens=room,
        token_counter=lambda some: count_tokens_approximately(some, chars_per_token=_CHARS_PER_TOKEN),
        strategy="last",
        start_on="human",
        include_system=True,
    )
    questions = [number for number, message in enumerate(messages) if isinstance(message, HumanMessage)]
    if not questions or any(message is messages[questions[-1]] for message in kept):
        return kept if questions else list(messages)
    return [*(message for message in messages[:1] if isinstance(message, SystemMessage)), *messages[questions[-1] :]]
