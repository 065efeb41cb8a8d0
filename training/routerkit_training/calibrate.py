"""Fitting the confidence: the temperature that makes probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from routerkit.calibration import softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routerkit.rows import Row

_LOG_RANGE = (-3.0, 3.0)  # temperatures from 0.05 to 20


@dataclass(frozen=True, slots=True)
class Predicted:
    """Labelled rows of one kind, and what a router says of them without having learnt from them.

    Attributes:
        rows: labelled rows; their text may be missing.
        logits: shape (n, n_categories), up to a constant for each row.
        truth: shape (n,), index of the true category.
    """

    rows: Sequence[Row]
    logits: NDArray[np.floating]
    truth: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Row], logits: NDArray[np.floating], categories: Sequence[str]) -> Predicted:
        """Rows beside logits in the order of `categories`."""
        return cls(rows, logits, np.array([categories.index(str(row.category)) for row in rows]))


def fit_temperature(kinds: Sequence[Predicted]) -> float:
    """The temperature with the lowest negative log-likelihood, every kind of rows weighing the same.

    Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2. Rows from the sources of training and
    rows from unseen sources want different temperatures; a router cannot know which it is asked, so one is fitted to
    both.
    """

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        losses = [negative_log_likelihood(softmax(kind.logits, temperature), kind.truth) for kind in kinds]
        return float(np.mean(losses))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded").x))


def negative_log_likelihood(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean negative log-probability of the true category, in nats."""
    found = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(found, 1e-12)).mean())
