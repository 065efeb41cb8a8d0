"""How far the figures of an evaluation would move on other rows of the same kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routerkit.metrics import ECE_BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routerkit.evaluation import Evaluation

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Integers = NDArray[np.int64]

RESAMPLES = 1_000
LEVEL = 0.95

_CELLS_AT_ONCE = 1_000_000
"""Bounds the memory: rows drawn in one piece of work, over all its resamples."""


def bootstrap_intervals(evaluation: Evaluation, *, seed: int = 0) -> dict[str, list[float] | None]:
    """Percentile intervals of level 95 % from 1,000 resamples of the rows.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3. Rows are drawn one by one; where
    rows of one source or writer resemble each other, the true intervals are wider. The calibration error of a resample
    is a little larger on average than that of its rows, so its interval leans upwards.

    Args:
        evaluation: labelled rows and decisions; rows outside every category are resampled on their own.
        seed: of the resampling.

    Returns:
        `[low, high]` of accuracy, macro_f1, ece, brier, aurc, confidence_auroc, harm, recall and coverage, and of
        ood_auroc and ood_fpr95 where there are such; None where no resample defines the figure.
    """
    rng = np.random.default_rng(seed)
    rows, outside = _Rows.of(evaluation), _Outside.of(evaluation)
    at_once = max(1, _CELLS_AT_ONCE // (len(evaluation.rows) + len(evaluation.outside)))
    parts: dict[str, list[Floats]] = {}
    for start in range(0, RESAMPLES, at_once):
        count = min(at_once, RESAMPLES - start)
        # Sorted draws of rows that are sorted by confidence: every resample is in the order that the bins need.
        drawn = np.sort(rng.integers(0, len(evaluation.rows), (count, len(evaluation.rows))), axis=1)
        found = rows.figures(drawn)
        if outside is not None:
            found |= outside.figures(drawn, rng)
        for name, values in found.items():
            parts.setdefault(name, []).append(values)
    return {name: _interval(np.concatenate(values)) for name, values in parts.items()}


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the figures need of every labelled row, least confident row first."""

    right: Flags
    gap: Floats
    brier: Floats
    rank: Integers
    cell: Integers
    n_categories: int
    harmed: Flags
    confident: Flags
    specialist: Flags
    reached: Flags

    @classmethod
    def of(cls, evaluation: Evaluation) -> _Rows:
        order = _confidence_order(evaluation)
        confidence, right = evaluation.confidence[order], np.array(evaluation.right)[order]
        index = {name: position for position, name in enumerate(evaluation.categories)}
        truth = np.array([index[name] for name in evaluation.truth])[order]
        found = np.array([index[decision.category] for decision in evaluation.decisions])[order]
        return cls(
            right=right,
            gap=confidence - right,
            brier=evaluation.squared_errors[order],
            rank=np.unique(confidence, return_inverse=True)[1],
            cell=truth * len(index) + found,
            n_categories=len(index),
            harmed=evaluation.harmed[order],
            confident=evaluation.confident[order],
            specialist=evaluation.specialist[order],
            reached=evaluation.reached[order],
        )

    def figures(self, drawn: Integers) -> dict[str, Floats]:
        """Each figure on each resample; `drawn` holds positions, shape (resamples, n), sorted along the rows."""
        specialist = self.specialist[drawn]
        return {
            "accuracy": self.right[drawn].mean(axis=1),
            "macro_f1": self._macro_f1(drawn),
            "ece": self._calibration_error(drawn),
            "brier": self.brier[drawn].mean(axis=1),
            "aurc": self._area_under_risk_coverage(drawn),
            "confidence_auroc": self._confidence_auroc(drawn),
            "harm": self.harmed[drawn].mean(axis=1),
            "recall": _divide((self.reached[drawn] & specialist).sum(axis=1), specialist.sum(axis=1)),
            "coverage": self.confident[drawn].mean(axis=1),
        }

    def _macro_f1(self, drawn: Integers) -> Floats:
        size = self.n_categories
        matrix = _tally(self.cell[drawn], size * size).reshape(-1, size, size)
        right = np.diagonal(matrix, axis1=1, axis2=2)
        true, found = matrix.sum(axis=2), matrix.sum(axis=1)
        scores = np.nan_to_num(_divide(2 * right, true + found))
        return np.asarray((scores * (true > 0)).sum(axis=1) / (true > 0).sum(axis=1))

    def _calibration_error(self, drawn: Integers) -> Floats:
        n = drawn.shape[1]
        sizes = [len(part) for part in np.array_split(np.arange(n), min(ECE_BINS, n))]
        starts = np.cumsum([0, *sizes[:-1]])
        return np.asarray(np.abs(np.add.reduceat(self.gap[drawn], starts, axis=1)).sum(axis=1) / n)

    def _area_under_risk_coverage(self, drawn: Integers) -> Floats:
        errors = np.cumsum(~self.right[drawn][:, ::-1], axis=1)
        return np.asarray((errors / np.arange(1, drawn.shape[1] + 1)).mean(axis=1))

    def _confidence_auroc(self, drawn: Integers) -> Floats:
        ranks = int(self.rank[-1]) + 1
        counts = _tally(2 * self.rank[drawn] + self.right[drawn], 2 * ranks).reshape(-1, ranks, 2)
        return _area_under_roc(counts[:, :, 1], counts[:, :, 0])


@dataclass(frozen=True, slots=True)
class _Outside:
    """Ranks of the out-of-domain scores: of labelled rows, least confident first, and of rows outside."""

    inside: Integers
    outside: Integers
    ranks: int

    @classmethod
    def of(cls, evaluation: Evaluation) -> _Outside | None:
        inside, outside = evaluation.inside_scores, evaluation.outside_scores
        if not len(inside) or not len(outside):
            return None
        values, rank = np.unique(np.concatenate([inside, outside]), return_inverse=True)
        return cls(rank[: len(inside)][_confidence_order(evaluation)], rank[len(inside) :], len(values))

    def figures(self, drawn: Integers, rng: np.random.Generator) -> dict[str, Floats]:
        """Both figures on each resample; the rows outside are drawn here."""
        others = rng.integers(0, len(self.outside), (len(drawn), len(self.outside)))
        positive, negative = _tally(self.outside[others], self.ranks), _tally(self.inside[drawn], self.ranks)
        # As `metrics.false_positive_rate_at_95`: the threshold is the lower 5 % quantile of the positives.
        missed = int(0.05 * (len(self.outside) - 1))
        threshold = (np.cumsum(positive, axis=1) > missed).argmax(axis=1)
        below = np.where(np.arange(self.ranks) < threshold[:, None], negative, 0).sum(axis=1)
        alarms = 1 - below / drawn.shape[1]
        return {"ood_auroc": _area_under_roc(positive, negative), "ood_fpr95": alarms}


def _confidence_order(evaluation: Evaluation) -> Integers:
    return np.argsort(evaluation.confidence, kind="stable")


def _tally(labels: Integers, size: int) -> Integers:
    """How often each label below `size` stands in each row of `labels`, shape (rows, size)."""
    shifted = labels + np.arange(len(labels))[:, None] * size
    return np.bincount(shifted.ravel(), minlength=len(labels) * size).reshape(len(labels), size)


def _area_under_roc(positive: Integers, negative: Integers) -> Floats:
    """The area in each row, from how often each rank occurs; see `metrics.area_under_roc`."""
    below = np.cumsum(negative, axis=1) - negative / 2
    return _divide((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _divide(part: NDArray[np.floating | np.integer], whole: Integers) -> Floats:
    share = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=share, where=whole > 0))


def _interval(values: Floats) -> list[float] | None:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]
