"""Routes the last turn of a conversation by a policy."""

from __future__ import annotations

import copy
import dataclasses
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from routerkit.conversation.rule import Past, Turn, believe, shipped_weights, topic_of
from routerkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routerkit.conversation.history import Conversation, Mode
    from routerkit.conversation.rule import Floats
    from routerkit.decision import Decision, Prediction
    from routerkit.policy import ThresholdPolicy
    from routerkit.router import Router

WINDOW = 8
"""Turns that are looked at; what came before counts by the decision that the state keeps."""

_FOLLOW_UP_CHARS = 2_000
"""A longer turn is no follow-up, and no more than this of the turn before is put in front of one."""

_KEPT_TEXTS = 2_048
_CHOSEN = {"forced", "confirmed"}
"""Reasons of routes that somebody chose."""


class Following:
    """A router that knows the conversation. Safe to share between threads.

    Earlier turns are judged again from their text, so that nothing has to be stored; their beliefs are kept for the
    latest 2,048 texts, which makes it one text more to classify for each turn of a running conversation.

    Args:
        router: classifies the texts.
        mode: see `Mode`.
        weights: of the sticky rule, in the order of `rule.FEATURES`; those that ship with routerkit unless given.
        memory: texts whose beliefs are kept.
    """

    def __init__(
        self, router: Router, mode: Mode = "last", *, weights: Floats | None = None, memory: int = _KEPT_TEXTS
    ) -> None:
        self.mode = mode
        self.router = router
        self._weights = shipped_weights() if weights is None and mode == "sticky" else weights
        self._remembered = lru_cache(maxsize=memory)(router.classify)

    def with_weights(self, weights: Floats) -> Following:
        """The sticky policy with other weights, and the same memory of texts."""
        changed = copy.copy(self)
        changed.mode, changed._weights = "sticky", weights
        return changed

    def route(self, conversation: Conversation, *, policy: ThresholdPolicy | None = None) -> Decision:
        """Decide where the last turn goes.

        Raises:
            InputError: if the last turn cannot be classified.
        """
        if self.mode == "sticky":
            return self._sticky(conversation, policy or self.router.policy)
        return self.router.route_query(self._text(conversation), policy=policy)

    def route_batch(
        self, conversations: Sequence[Conversation], *, policy: ThresholdPolicy | None = None
    ) -> list[Decision]:
        """Decide for several conversations; for `last` and `previous` in true batches.

        Raises:
            InputError: naming the position of the first one whose last turn cannot be classified.
        """
        for position, one in enumerate(conversations):
            try:
                self.router.check(one.query)
            except InputError as error:
                raise InputError(f"query {position} of the batch (counted from 0): {error}") from error
        if self.mode == "sticky":
            return [self.route(conversation, policy=policy) for conversation in conversations]
        return self.router.route_batch([self._text(one) for one in conversations], policy=policy)

    def turn(self, text: str, past: Sequence[Past], policy: ThresholdPolicy) -> Turn | None:
        """What the sticky rule looks at; None if the turn cannot be a follow-up."""
        topic = topic_of(past)
        if topic is None or len(text) > _FOLLOW_UP_CHARS:
            return None
        together = self._classify(glued(topic.anchor.text, text))
        return Turn(text, past, topic, self._classify(text), together, policy.fallback)

    def _text(self, conversation: Conversation) -> str:
        query = self.router.check(conversation.query)
        if self.mode == "last" or len(conversation.turns) < 2 or len(query) > _FOLLOW_UP_CHARS:
            return query
        return glued(conversation.turns[-2], query)

    def _sticky(self, conversation: Conversation, policy: ThresholdPolicy) -> Decision:
        query = self.router.check(conversation.query)
        past: list[Past] = []
        for text in conversation.turns[-WINDOW:-1]:
            if self._is_usable(text):
                past.append(_past(text, self._decide(text, past, policy)))
        if past and conversation.decided:
            past[-1] = self._kept(past[-1], conversation.decided)
        return self._decide(query, past, policy)

    def _kept(self, turn: Past, decided: Mapping[str, Any]) -> Past:
        """The turn before as it was decided, which may rest on older turns, on the caller or on a person."""
        category, route, reason = (decided.get(key) for key in ("category", "route", "reason"))
        if reason in _CHOSEN and route in self.router.categories:
            category = route
        if category not in self.router.categories:
            return turn
        # A specialist that failed once is asked again.
        return Past(turn.text, category, category if reason == "specialist_failed" or route is None else route)

    def _decide(self, text: str, past: Sequence[Past], policy: ThresholdPolicy) -> Decision:
        turn = self.turn(text, past, policy)
        if turn is None or self._weights is None:
            return policy.decide(self._classify(text))
        belief, own = believe(turn, self._weights), policy.decide(turn.alone)
        if own.category == belief.category and own.reason == "confident":
            return own
        kept = next((one for one in reversed(past) if one.category == belief.category), None)
        if kept is None:
            return own if own.category == belief.category else policy.decide(belief)
        decision = policy.decide(dataclasses.replace(belief, ood_score=_least_outside(turn.alone, turn.together)))
        if decision.reason == "out_of_domain":
            return decision
        # Hysteresis: what is unclear stays where its topic was, also if that is the general model.
        route = decision.category if decision.reason == "confident" else kept.route
        return dataclasses.replace(decision, route=route, reason="sticky")

    def _classify(self, text: str) -> Prediction:
        if len(text) > 2 * _FOLLOW_UP_CHARS:  # Long texts fill the memory, and seldom come twice.
            return self.router.classify(text)
        return self._remembered(text)

    def _is_usable(self, text: str) -> bool:
        try:
            self.router.check(text)
        except InputError:
            return False
        return True


def _past(text: str, decision: Decision) -> Past:
    return Past(text, decision.category, decision.route)


def glued(earlier: str, text: str) -> str:
    """The text that is classified for a turn behind an earlier one."""
    return f"{earlier[-_FOLLOW_UP_CHARS:]}\n{text}"


def _least_outside(alone: Prediction, together: Prediction) -> float | None:
    scores = [one.ood_score for one in (alone, together) if one.ood_score is not None]
    return min(scores, default=None)
