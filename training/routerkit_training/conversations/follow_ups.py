"""Training rows from conversations: turns by themselves, and turns behind the one that they may follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit.conversation.following import glued
from routerkit.conversation.rule import Past, topic_of
from routerkit.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from routerkit_training.conversations import LabelledConversation


def follow_up_rows(conversations: Sequence[LabelledConversation]) -> list[Row]:
    """What a router is asked about in a conversation, with the label of the turn.

    Every turn comes as the sticky rule reads it, behind the anchor of its topic, so that an encoder learns when the
    words before matter and when they do not. A turn that tells its category also comes by itself.
    """
    return [row for conversation in conversations for row in _rows(conversation)]


def _rows(conversation: LabelledConversation) -> Iterator[Row]:
    past: list[Past] = []
    for turn in conversation.turns:
        topic = topic_of(past)
        if topic is not None:
            yield Row(query=glued(topic.anchor.text, turn.user), category=turn.category)
        if not turn.depends:
            yield Row(query=turn.user, category=turn.category)
        past.append(Past(turn.user, turn.category, turn.category))
