"""Symmetric 8-bit rounding of weights, one scale per output column or per table row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 127  # symmetric: -128 is not used, so that -w is as exact as w


def quantise_columns(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a matrix of shape (inputs, outputs); returns int8 values of that shape and scales of shape (outputs,)."""
    scales = _scales(weight, axis=0)
    return _rounded(weight, scales), scales.reshape(-1)


def quantise_rows(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a table of shape (rows, dim); returns int8 values of that shape and scales of shape (rows, 1)."""
    scales = _scales(weight, axis=1)
    return _rounded(weight, scales), scales


def dequantise(values: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """The float weights that rounded values stand for: the definition of a router shipped as int8 only."""
    return np.asarray(values.astype(np.float32) * scales, dtype=np.float32)


def _scales(weight: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    largest = np.abs(weight).max(axis=axis, keepdims=True)
    scales = np.where(largest > 0, largest / _LARGEST, 1.0)  # an all-zero column needs some scale, any will do
    return np.asarray(scales, dtype=np.float32)


def _rounded(weight: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.int8]:
    rounded = np.clip(np.rint(weight / scales), -_LARGEST, _LARGEST)
    return np.asarray(rounded, dtype=np.int8)
