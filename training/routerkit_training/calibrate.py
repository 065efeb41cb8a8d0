"""Fitting the confidence: the temperature that makes probabilities mean what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from routerkit.calibration import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOG_RANGE = (-3.0, 3.0)  # temperatures from 0.05 to 20


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.int64]) -> float:
    """The temperature with the lowest negative log-likelihood.

    Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2.

    Args:
        logits: shape (n, n_categories), of rows that training did not see.
        truth: shape (n,), index of the true category.
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(softmax(logits, float(np.exp(log_temperature))), truth)

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded").x))


def negative_log_likelihood(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean negative log-probability of the true category, in nats."""
    found = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(found, 1e-12)).mean())
