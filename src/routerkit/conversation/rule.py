"""The sticky rule: a conditional logit with a dozen weights over the categories.

McFadden, "Conditional logit analysis of qualitative choice behavior" (1974). The weights stand for every router and any
categories; `python -m routerkit_training.conversations --fit` fits them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from routerkit.conversation.cues import cues_of
from routerkit.decision import Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEATURES: dict[str, str] = {
    "alone": "log probability of the category, for the turn by itself",
    "together": "log probability of the category, for the turn behind the one that it may follow",
    "keep": "the category is the topic's",
    "keep_content": "likewise, times the words of the turn that carry content: 0 to 1 for none to six",
    "keep_long": "the topic's, times the words of the turn: 0 to 1 for none to twenty",
    "keep_outside": "the topic's, times the out-of-domain score of the turn by itself",
    "keep_opens": "the topic's, and the turn begins like a continuation",
    "keep_refers": "the topic's, and a word stands for something said before",
    "keep_sure": "the topic's, times the highest probability of the turn by itself",
    "back": "the turn speaks of something earlier, and an earlier topic had this category",
    "talk": "the category is the general model's, and the turn is thanks, a greeting or a short remark",
    "leave": "the category is the general model's, and the topic's is another",
}
"""What speaks for a category, in the order of the weights."""

WEIGHTS_FILE = "weights.json"
_LEAST = 0.005
"""Less counts as this: a category that neither text speaks for may not win because each text rules out the other's."""
_FULL = 6
_LONG = 20
_SPEAKS = 3
"""Words of content from which a turn says by itself what it is about."""


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier turn.

    Attributes:
        text: what the person wrote.
        category: what it was taken for.
        route: who answered.
    """

    text: str
    category: str
    route: str


@dataclass(frozen=True, slots=True)
class Topic:
    """What a turn may go on with.

    Attributes:
        turn: the latest turn that is more than small talk.
        anchor: the latest turn of its category that says by itself what it is about, or the same turn.
    """

    turn: Past
    anchor: Past


def topic_of(past: Sequence[Past]) -> Topic | None:
    """The topic that a conversation has, or None if there was small talk only."""
    spoken = [turn for turn in reversed(past) if not cues_of(turn.text).is_talk]
    if not spoken:
        return None
    latest = spoken[0]
    of_topic = (turn for turn in spoken if turn.category == latest.category)
    speaking = (turn for turn in of_topic if cues_of(turn.text).content >= _SPEAKS)
    return Topic(latest, next(speaking, latest))


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn, and all that the rule looks at.

    Attributes:
        text: what the person wrote.
        past: the turns before, oldest first.
        topic: see `topic_of`.
        alone: belief about the turn by itself.
        together: belief about the topic's anchor and the turn as one text.
        general: category of the general model.
    """

    text: str
    past: Sequence[Past]
    topic: Topic
    alone: Prediction
    together: Prediction
    general: str


def features(turn: Turn) -> Floats:
    """Evidence for every category, shape (categories, features), in the orders of `alone` and `FEATURES`."""
    cues, topic = cues_of(turn.text), turn.topic.turn.category
    spoken = [earlier for earlier in turn.past if not cues_of(earlier.text).is_talk]
    known = {earlier.category for earlier in spoken}
    content = min(cues.content, _FULL) / _FULL
    length = min(len(turn.text.split()), _LONG) / _LONG
    rows = []
    for name in turn.alone.probabilities:
        keep, general = name == topic, name == turn.general
        rows.append(
            [
                np.log(max(turn.alone.probabilities[name], _LEAST)),
                np.log(max(turn.together.probabilities[name], _LEAST)),
                keep,
                keep * content,
                keep * length,
                keep * (turn.alone.ood_score or 0.0),
                keep and cues.opens,
                keep and cues.refers,
                keep * turn.alone.confidence,
                cues.returns and name in known and not keep,
                general and cues.is_talk,
                general and not keep,
            ]
        )
    return np.array(rows, dtype=np.float64)


def believe(turn: Turn, weights: Floats) -> Prediction:
    """The probability of each category, given the conversation. The out-of-domain score is the turn's own."""
    scores = features(turn) @ weights
    shares = np.exp(scores - scores.max())
    probabilities = dict(zip(turn.alone.probabilities, (shares / shares.sum()).tolist(), strict=True))
    best = max(probabilities, key=probabilities.__getitem__)
    return Prediction(
        category=best, confidence=probabilities[best], probabilities=probabilities, ood_score=turn.alone.ood_score
    )


@cache
def shipped_weights() -> Floats:
    """The weights that ship with routerkit."""
    content = (files("routerkit.conversation") / WEIGHTS_FILE).read_text(encoding="utf-8")
    return as_vector(json.loads(content)["weights"])


def as_vector(weights: Mapping[str, float]) -> Floats:
    """Named weights in the order of `FEATURES`."""
    return np.array([weights[name] for name in FEATURES], dtype=np.float64)
