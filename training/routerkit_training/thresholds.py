"""Choosing the confidence below which the general model answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import beta

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from routerkit_training.calibrate import Predicted

LEAST_THRESHOLD = 0.5
"""Below it the router is more likely wrong than right, whatever the target allows."""

_GRID = np.round(np.arange(LEAST_THRESHOLD, 1.0, 0.01), 2)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and what it promises.

    Attributes:
        value: least confidence for a specialist, in [0, 1].
        harm: share of the calibration rows that it sends to a wrong specialist.
        bound: with 95 % confidence the share on new rows of the same kind is at most this.
        meets_target: whether the bound keeps the target.
    """

    value: float
    harm: float
    bound: float
    meets_target: bool


def choose_threshold(confidence: NDArray[np.float64], harmful: NDArray[np.bool_], target: float) -> Threshold:
    """The lowest threshold whose harm is below the target with 95 % confidence.

    Thresholds are tested from high to low, each with an exact binomial bound (Clopper and Pearson, 1934), until one
    fails: fixed-sequence testing, so that the level holds for the one chosen (Angelopoulos et al., "Learn then Test",
    2021, section 4.1). If even the highest fails, because the rows are few or the router is poor, the lowest threshold
    with an observed harm below the target is taken, without a promise.

    Args:
        confidence: shape (n,), of rows that training did not see.
        harmful: shape (n,), whether sending the row to its most probable category's specialist would be wrong.
        target: largest harm wanted, in (0, 1).
    """
    chosen: Threshold | None = None
    for value in _GRID[::-1]:
        candidate = _at(float(value), confidence, harmful, target)
        if not candidate.meets_target:
            break
        chosen = candidate
    if chosen is not None:
        return chosen
    observed = [_at(float(value), confidence, harmful, target) for value in _GRID]
    return next((candidate for candidate in observed if candidate.harm <= target), observed[-1])


@dataclass(frozen=True, slots=True)
class Harms:
    """What sending rows of one kind to their most probable category would do.

    Attributes:
        found: shape (n,), the most probable category.
        confidence: shape (n,), its probability.
        harmful: shape (n,), whether its specialist would be wrong for the row; the fallback never is.
    """

    found: NDArray[np.str_]
    confidence: NDArray[np.float64]
    harmful: NDArray[np.bool_]

    @classmethod
    def of(cls, kind: Predicted, probabilities: NDArray[np.float64], categories: Sequence[str], fallback: str) -> Harms:
        """Those of rows whose probabilities, shape (n, n_categories), are in the order of `categories`."""
        found = np.array(categories)[probabilities.argmax(axis=1)]
        harmful = [
            name not in {fallback, row.category, *row.also} for name, row in zip(found.tolist(), kind.rows, strict=True)
        ]
        return cls(found, probabilities.max(axis=1), np.array(harmful))

    def threshold(self, target: float, category: str | None = None) -> Threshold | None:
        """`choose_threshold` on all rows, or on those that look like one category; None if there are none."""
        chosen = np.full(len(self.found), True) if category is None else self.found == category
        return choose_threshold(self.confidence[chosen], self.harmful[chosen], target) if chosen.any() else None


def by_category(kinds: Sequence[Harms], target: float, fallback: str) -> dict[str, Threshold]:
    """A threshold for each specialist, so that none gets more strangers than the target says, on any kind of rows.

    Of the queries that look like its category, at most `target` go to a specialist wrongly, so of all queries no more
    do. The 95 % hold for each category by itself. With a confidence that is right in every category, one threshold for
    all sends more queries to their specialists at the same harm (Chow, "On optimum recognition error and reject
    tradeoff", 1970); this is for those who must promise something about every single specialist.
    """
    names = sorted({name for kind in kinds for name in kind.found.tolist()} - {fallback})
    return {name: strictest([kind.threshold(target, name) for kind in kinds]) for name in names}


def strictest(thresholds: Sequence[Threshold | None]) -> Threshold:
    """The highest of several thresholds, which keeps the promises of all."""
    return max((found for found in thresholds if found is not None), key=lambda found: found.value)


def promised(common: Threshold, single: Mapping[str, Threshold], target: float) -> dict[str, Any]:
    """What the manifest says of the thresholds."""
    found = {**asdict(common), "target_harm": target}
    return {**found, "by_category": {name: asdict(one) for name, one in single.items()}} if single else found


def _at(value: float, confidence: NDArray[np.float64], harmful: NDArray[np.bool_], target: float) -> Threshold:
    count, n = int((harmful & (confidence >= value)).sum()), len(confidence)
    bound = 1.0 if count == n else float(beta.ppf(0.95, count + 1, n - count))
    return Threshold(value, count / n, bound, meets_target=bound <= target)
