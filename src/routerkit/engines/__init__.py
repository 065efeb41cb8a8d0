"""Engines compute logits from token ids. One small protocol, one module for each library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Engine(Protocol):
    """Anything that turns token ids into logits. Engines are safe to call from several threads.

    Attributes:
        name: library and precision, such as `onnx int8`.
        batch_drift: largest change of a calibrated probability that neighbours in a batch may cause, in [0, 1].
    """

    name: str
    batch_drift: float

    def logits(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Compute logits for queries that all have the same number of tokens.

        Args:
            batch: token ids, one sequence for each query, all of one length, at least one.

        Returns:
            float32, shape (len(batch), n_categories), uncalibrated log-odds.
        """
        ...
