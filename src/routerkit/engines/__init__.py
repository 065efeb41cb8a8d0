"""Engines compute scores from token ids. One small protocol, one module for each library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Scores:
    """What an engine computes for a batch.

    Attributes:
        logits: float32, shape (batch, n_categories), uncalibrated log-odds.
        outside: float32, shape (batch,), log-odds of being outside every category; None if the router carries no
            such score.
    """

    logits: NDArray[np.float32]
    outside: NDArray[np.float32] | None = None


class Engine(Protocol):
    """Anything that turns token ids into scores.

    Engines are safe to call from several threads, and what they compute for a query does not depend on the others in
    its batch.

    Attributes:
        name: library and precision, such as `onnx int8`.
    """

    name: str

    def run(self, batch: Sequence[Sequence[int]]) -> Scores:
        """Compute scores for queries that all have the same number of tokens.

        Args:
            batch: token ids, one sequence for each query, all of one length, at least one.
        """
        ...
