"""The format-leak probe: how well length and punctuation alone tell the category.

Benchmark sources give themselves away by their format, and a classifier that learns the format is lost on what people
type. The probe sees no word: only how long a query is and which marks it has.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from routerkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routerkit_training.data.files import DataRow

FOLDS = 5
MARKS = string.punctuation
FEATURES = (
    "characters",
    "lines",
    *(f"number of {mark}" for mark in MARKS),
    "ends with ?",
    "ends with .",
    "ends with another mark",
)
"""What the probe sees. Characters alone measure the length: together with words they would tell how long the words
are, which is vocabulary, not format."""

_TELLING = 5
_Z = 1.96  # 95 % of a normal distribution
_ROUNDS = 30
_LEAVES = 15
_RARE = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class TellingFeature:
    """A feature that the probe leans on.

    Attributes:
        name: one of `FEATURES`.
        importance: balanced accuracy lost when its values are shuffled among unseen rows (Breiman, "Random Forests",
            2001, section 10).
        means: its mean by category.
    """

    name: str
    importance: float
    means: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the probe found.

    Attributes:
        n: labelled rows.
        balanced_accuracy: mean recall of the categories on rows that were left out of fitting, in [0, 1].
        low: lower end of its 95 % interval, normal approximation.
        high: upper end.
        chance: what guessing reaches.
        telling: the most telling features, most telling first; at most five.
    """

    n: int
    balanced_accuracy: float
    low: float
    high: float
    chance: float
    telling: list[TellingFeature]


def probe_format(rows: Sequence[DataRow], *, seed: int = 0) -> Probe:
    """Predict the category from length and punctuation, cross-validated over five folds with boosted trees.

    Args:
        rows: labelled rows.
        seed: of the folds and of the shuffling.

    Raises:
        DataError: if there are fewer than two categories, or one has fewer than five rows.
    """
    truth = np.array([row.label for row in rows])
    categories, counts = np.unique(truth, return_counts=True)
    if len(categories) < 2 or counts.min() < FOLDS:
        present = dict(zip(categories.tolist(), counts.tolist(), strict=True))
        raise DataError(
            rows[0].path if rows else "rows",
            None,
            f"the format probe needs two categories with {FOLDS} rows each, found {present}",
        )
    features = format_features([row.query for row in rows])
    found, losses = _cross_validated(features, truth, seed)
    recalls = np.array([(found[truth == name] == name).mean() for name in categories])
    value = float(recalls.mean())
    error = _Z * math.sqrt(float((recalls * (1 - recalls) / counts).sum())) / len(categories)
    order = [int(column) for column in np.argsort(-losses, kind="stable")[:_TELLING] if losses[column] > 0]
    return Probe(
        n=len(rows),
        balanced_accuracy=value,
        low=max(0.0, value - error),
        high=min(1.0, value + error),
        chance=1 / len(categories),
        telling=[
            TellingFeature(
                name=FEATURES[column],
                importance=float(losses[column]),
                means={str(name): float(features[truth == name, column].mean()) for name in categories},
            )
            for column in order
        ],
    )


def format_features(queries: Sequence[str]) -> NDArray[np.float64]:
    """Length and punctuation of each query, shape (len(queries), len(FEATURES))."""
    return np.array([_features(query.strip()) for query in queries], dtype=np.float64)


def _features(query: str) -> list[float]:
    end = query[-1]
    return [
        len(query),
        query.count("\n") + 1,
        *(query.count(mark) for mark in MARKS),
        end == "?",
        end == ".",
        end in MARKS and end not in "?.",
    ]


def _cross_validated(
    features: NDArray[np.float64], truth: NDArray[np.str_], seed: int
) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """The category found for every row by trees that did not see it, and what shuffling each feature costs."""
    found = np.empty_like(truth)
    losses = np.zeros(features.shape[1])
    generator = np.random.default_rng(seed)
    for fit, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, truth):
        trees = HistGradientBoostingClassifier(
            max_iter=_ROUNDS,
            max_leaf_nodes=_LEAVES,
            class_weight="balanced",
            early_stopping=False,  # `auto` would switch it on above 10,000 rows and change what is measured
            random_state=seed,
        ).fit(features[fit], truth[fit])
        found[held_out] = trees.predict(features[held_out])
        right = _balanced_accuracy(truth[held_out], found[held_out])
        for column in _varied(features[held_out]):
            shuffled = features[held_out].copy()
            shuffled[:, column] = generator.permutation(shuffled[:, column])
            losses[column] += (right - _balanced_accuracy(truth[held_out], trees.predict(shuffled))) / FOLDS
    return found, losses


def _varied(features: NDArray[np.float64]) -> NDArray[np.int64]:
    """Columns that differ from their median in enough rows to matter; shuffling takes its time."""
    differs = features != np.median(features, axis=0)
    return np.flatnonzero(differs.mean(axis=0) >= _RARE)


def _balanced_accuracy(truth: NDArray[np.str_], found: NDArray[np.str_]) -> float:
    return float(np.mean([(found[truth == name] == name).mean() for name in np.unique(truth)]))
