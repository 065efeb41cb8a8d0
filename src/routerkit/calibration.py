"""From logits to probabilities that mean what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of each row of `logits`, softened by a temperature.

    Temperature scaling: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2.

    Args:
        logits: shape (n, n_categories), uncalibrated log-odds.
        temperature: above 0; above 1 lowers the confidence, below 1 raises it. Never changes the order.

    Returns:
        float64, shape (n, n_categories), each row sums to 1.
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def sigmoid(log_odds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities of log-odds, the same shape, each in [0, 1]."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds.astype(np.float64))))
