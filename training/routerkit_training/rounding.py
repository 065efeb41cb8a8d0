"""From float weights to 8 bits: what linears are given on real queries, and whether the rounded router still agrees."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from routerkit.calibration import softmax
from routerkit.export.checkpoint import write_graph
from routerkit.export.graph import Shape
from routerkit.export.ranges import measure_ranges
from routerkit.export.weights import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from routerkit.export.builder import Ranges
    from routerkit.tokenization import QueryTokenizer
    from routerkit_training.encoder import Encoder
    from routerkit_training.splits import Splits

SAMPLE = 2_000
"""Queries that ranges are measured on: with half as many the worst row was twice as far off, more change nothing."""

MIN_AGREEMENT = 0.995
MAX_MEAN_DRIFT = 0.005
MAX_USUAL_DRIFT = 0.05


@dataclass(frozen=True, slots=True)
class Faith:
    """How closely rounded logits follow exact ones.

    Attributes:
        agreement: share of rows with the same most probable label.
        mean_drift: difference of calibrated probabilities, the largest of each row, on average.
        usual_drift: the same, which 99 rows in 100 do not exceed.
        max_drift: the same, of the worst row.
    """

    agreement: float
    mean_drift: float
    usual_drift: float
    max_drift: float

    @property
    def is_enough(self) -> bool:
        """Whether the rounded graph may take the exact one's place."""
        return (
            self.agreement >= MIN_AGREEMENT
            and self.mean_drift <= MAX_MEAN_DRIFT
            and self.usual_drift <= MAX_USUAL_DRIFT
        )


def compare(rounded: NDArray[np.float32], exact: NDArray[np.float32], temperature: float) -> Faith:
    """Compare logits of the same rows, each (n, n_categories)."""
    drift = np.abs(softmax(rounded, temperature) - softmax(exact, temperature)).max(axis=1)
    return Faith(
        agreement=float((rounded.argmax(axis=1) == exact.argmax(axis=1)).mean()),
        mean_drift=float(drift.mean()),
        usual_drift=float(np.quantile(drift, 0.99)),
        max_drift=float(drift.max()),
    )


def sample_ranges(encoder: Encoder, tokenizer: QueryTokenizer, splits: Splits, seed: int) -> Ranges:
    """What every linear of a classifier is given on rows that it learnt from, also those outside every category."""
    rows = [*splits.train, *splits.outside_train] or splits.validation
    chosen = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
    token_ids = tokenizer.encode_batch([rows[position].query for position in sorted(chosen)])
    return measure_ranges(numpy_weights(encoder), Shape.from_config(encoder.model.config.to_dict()), token_ids)


def round_weights(encoder: Encoder, ranges: Ranges, scratch: Path) -> Encoder:
    """Replace a classifier's float weights by those that its int8 graph stands for.

    Args:
        encoder: the classifier, which is changed.
        ranges: of `sample_ranges`; they stay with the weights, because others would mean another rounding.
        scratch: a file to write and delete.
    """
    settings = encoder.model.config.to_dict()
    write_graph(scratch, numpy_weights(encoder), settings, int8=True, ranges=ranges)
    rounded = read_weights(scratch, settings["n_layers"])
    encoder.model.load_state_dict({key: torch.from_numpy(value) for key, value in rounded.items()})
    scratch.unlink()
    return dataclasses.replace(encoder, ranges=ranges)


def numpy_weights(encoder: Encoder) -> dict[str, NDArray[np.float32]]:
    """The state dict of a classifier."""
    return {key: value.detach().float().numpy() for key, value in encoder.model.state_dict().items()}
