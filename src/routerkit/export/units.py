"""How the inputs of one linear are rounded to 8 bits: a step for each, and one zero for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 255
"""Steps between the lowest and the highest value that 8 bits hold."""

FAR = 5.0
"""An input whose step is this many times the median counts as an outlier."""

MAX_OUTLIERS = 16
"""Most outliers of one linear: they cost as much as 64 other inputs."""

LEAST = 0.1
"""Smallest step as a share of the median: an input that was always zero in a sample may be something else tomorrow."""


@dataclass(frozen=True, slots=True)
class Units:
    """The rounding of a linear's inputs: `q = round(x / steps) + zero`, held within [0, 255].

    Attributes:
        steps: float32, shape (inputs,), above 0.
        zero: the integer that stands for 0.0 exactly.
        outliers: int64, shape (few,), ascending: inputs that are not to be rounded.
    """

    steps: NDArray[np.float32]
    zero: int
    outliers: NDArray[np.int64]


def choose_units(seen: NDArray[np.float32]) -> Units:
    """Find the rounding with the smallest steps that still hold every value seen.

    The zero is where the sum of the squared steps, and so the noise, is least: in the middle after a LayerNorm, near
    the low end after a GELU, which has hardly any values below zero. Weights have no say, so that weights which were
    rounded are rounded in the same way again.

    Args:
        seen: shape (2, inputs), lowest and highest value of each input.
    """
    low, high = np.minimum(seen[0], 0.0), np.maximum(seen[1], 0.0)
    zeros = np.arange(1, LEVELS)[:, None]
    steps = np.maximum(high / (LEVELS - zeros), -low / zeros)  # one row for each possible zero
    best = int(np.square(steps).sum(axis=1).argmin())
    usual = float(np.median(steps[best])) or 1.0
    far = np.flatnonzero(steps[best] > FAR * usual)
    outliers = np.sort(far[np.argsort(-steps[best][far], kind="stable")][:MAX_OUTLIERS])
    chosen = np.maximum(steps[best], LEAST * usual)
    chosen[outliers] = usual
    return Units(steps=chosen.astype(np.float32), zero=best + 1, outliers=outliers.astype(np.int64))
