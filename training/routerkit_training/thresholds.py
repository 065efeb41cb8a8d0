"""Choosing the confidence below which the general model answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def choose_by_category(
    confidence: NDArray[np.float64], harmful: NDArray[np.bool_], found: NDArray[np.str_], target: float
) -> dict[str, Threshold]:
    """A threshold for each most probable category, so that no specialist gets more strangers than the target says.

    Of the queries that look like its category, at most `target` go to a specialist wrongly, so of all queries no more
    do. The 95 % hold for each category by itself. With a confidence that is right in every category, one threshold for
    all sends more queries to their specialists at the same harm (Chow, "On optimum recognition error and reject
    tradeoff", 1970); this is for those who must promise something about every single specialist.

    Args:
        confidence: shape (n,), of rows that training did not see.
        harmful: shape (n,), whether sending the row to its most probable category's specialist would be wrong.
        found: shape (n,), the most probable category.
        target: largest harm wanted, in (0, 1).
    """
    groups = {str(name): found == name for name in np.unique(found)}
    return {name: choose_threshold(confidence[rows], harmful[rows], target) for name, rows in groups.items()}


def _at(value: float, confidence: NDArray[np.float64], harmful: NDArray[np.bool_], target: float) -> Threshold:
    count, n = int((harmful & (confidence >= value)).sum()), len(confidence)
    bound = 1.0 if count == n else float(beta.ppf(0.95, count + 1, n - count))
    return Threshold(value, count / n, bound, meets_target=bound <= target)
