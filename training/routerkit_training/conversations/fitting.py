"""Fits the weights of the sticky rule, and says how well a policy does on labelled conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from routerkit.conversation.following import Following
from routerkit.conversation.history import Conversation
from routerkit.conversation.rule import FEATURES, Past, features
from routerkit.intervals import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routerkit.conversation.history import Mode
    from routerkit.conversation.rule import Floats
    from routerkit.decision import Decision
    from routerkit.router import Router
    from routerkit_training.conversations import LabelledConversation

PENALTY = 3.0
"""Strength of the pull of all weights towards zero; a value of plain size, not searched."""

MEMORY = 100_000
"""Texts whose beliefs are kept while weights are fitted: every turn is looked at again and again."""

_ROUNDS = 2
_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Scored:
    """A turn and what a policy did with it.

    Attributes:
        conversation: id.
        depends: see `LabelledTurn`.
        category_right: whether the decision's category was the label.
        route_right: whether the label's specialist was asked.
    """

    conversation: str
    depends: bool
    category_right: bool
    route_right: bool


def rollout(following: Following, conversation: LabelledConversation) -> list[Decision]:
    """A policy's decision on every turn, as the turns come in."""
    texts = tuple(turn.user for turn in conversation.turns)
    decisions: list[Decision] = []
    for count in range(1, len(texts) + 1):
        decided = decisions[-1].to_dict() if decisions else None
        decisions.append(following.route(Conversation(texts[:count], decided)))
    return decisions


def score(following: Following, conversations: Sequence[LabelledConversation]) -> list[Scored]:
    """Score every turn."""
    return [
        Scored(one.id, turn.depends, decision.category == turn.category, decision.route == turn.category)
        for one in conversations
        for turn, decision in zip(one.turns, rollout(following, one), strict=True)
    ]


def fit(following: Following, conversations: Sequence[LabelledConversation]) -> Floats:
    """The weights that make the labels most probable, less a penalty on their squares.

    The first round sees the conversations with the right categories of earlier turns, the next ones also with those
    that the rule gave itself, so that it learns to live with its own mistakes.

    Args:
        following: its router and its memory of texts are used, its weights are not.
        conversations: labelled.
    """
    weights = np.zeros(len(FEATURES))
    for number in range(_ROUNDS):
        examples = [found for one in conversations for found in _examples(following, one, _labels(one))]
        if number:
            fitted = following.with_weights(weights)
            for one in conversations:
                examples += _examples(following, one, [decision.category for decision in rollout(fitted, one)])
        weights = _maximise(np.array([rows for rows, _ in examples]), np.array([label for _, label in examples]))
    return weights


def cross_validated(following: Following, conversations: Sequence[LabelledConversation], folds: int) -> list[Scored]:
    """Scores of the sticky rule on conversations that its weights were not fitted on."""
    order = np.random.default_rng(0).permutation(len(conversations))
    scored: list[Scored] = []
    for fold in range(folds):
        held_out = set(order[fold::folds].tolist())
        learnt = [one for place, one in enumerate(conversations) if place not in held_out]
        tested = [one for place, one in enumerate(conversations) if place in held_out]
        scored += score(following.with_weights(fit(following, learnt)), tested)
    return scored


def table(router: Router, conversations: Sequence[LabelledConversation], folds: int | None) -> list[str]:
    """One line for each policy and kind of turn: shares of categories and of routes that are right.

    Args:
        router: the router to use.
        conversations: labelled.
        folds: for the sticky rule; None takes the weights that ship with routerkit.
    """
    modes: tuple[Mode, ...] = ("last", "previous", "sticky")
    lines = [f"{'':26}{'category right':36}route right"]
    for mode in modes:
        if mode == "sticky" and folds:
            scored = cross_validated(Following(router, memory=MEMORY), conversations, folds)
        else:
            scored = score(Following(router, mode), conversations)
        for name, chosen in _groups(scored).items():
            category = share(chosen, lambda one: one.category_right)
            route = share(chosen, lambda one: one.route_right)
            lines.append(f"{mode:10}{name:16}{category!s:36}{route}")
    return lines


def share(scored: Sequence[Scored], right: Callable[[Scored], bool]) -> Share:
    """Share of turns that are right; the 95 % interval resamples whole conversations.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13: percentile intervals.
    """
    names = sorted({one.conversation for one in scored})
    place = {name: number for number, name in enumerate(names)}
    hits, sizes = np.zeros(len(names)), np.zeros(len(names))
    for one in scored:
        hits[place[one.conversation]] += right(one)
        sizes[place[one.conversation]] += 1
    draws = np.random.default_rng(0).integers(0, len(names), (_RESAMPLES, len(names)))
    low, high = np.quantile(hits[draws].sum(axis=1) / sizes[draws].sum(axis=1), [0.025, 0.975])
    return Share(float(hits.sum() / sizes.sum()), float(low), float(high), len(scored))


def _groups(scored: Sequence[Scored]) -> dict[str, list[Scored]]:
    return {
        "all": list(scored),
        "depends": [one for one in scored if one.depends],
        "stands alone": [one for one in scored if not one.depends],
    }


def _labels(conversation: LabelledConversation) -> list[str]:
    return [turn.category for turn in conversation.turns]


def _examples(
    following: Following, conversation: LabelledConversation, given: Sequence[str]
) -> list[tuple[Floats, int]]:
    """Evidence and label of every turn that may follow another, if the turns were taken for what is `given`."""
    router = following.router
    past: list[Past] = []
    found = []
    for turn, category in zip(conversation.turns, given, strict=True):
        seen = following.turn(turn.user, past, router.policy)
        if seen is not None:
            found.append((features(seen), router.categories.index(turn.category)))
        past.append(Past(turn.user, category, category))
    return found


def _maximise(rows: Floats, labels: Floats) -> Floats:
    place = np.arange(len(labels))
    wanted = np.eye(rows.shape[1])[labels]

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = rows @ weights
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        slope = np.einsum("nc,ncf->f", shares - wanted, rows) + PENALTY * weights
        return float(-np.log(shares[place, labels] + 1e-12).sum() + PENALTY * (weights @ weights) / 2), slope

    found: Floats = minimize(loss, np.zeros(rows.shape[2]), jac=True, method="L-BFGS-B").x
    return found
