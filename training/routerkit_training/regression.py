"""Whether a router got worse on what it knew before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from routerkit.errors import ConfigError
from routerkit.scheduling import equal_length_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routerkit.rows import Row
    from routerkit.tokenization import QueryTokenizer
    from routerkit_training.encoder import Encoder

ALLOWED_LOSS = 0.01
"""Share of the old rows that may be lost for a new category, in [0, 1]."""

_SIGNIFICANT = 1.645  # one-sided, 95 %


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same rows before and after training.

    Attributes:
        n: rows compared.
        before: share that was right before, in [0, 1].
        after: share that is right now.
        lost: rows that were right and are wrong now.
        gained: rows that were wrong and are right now.
    """

    n: int
    before: float
    after: float
    lost: int
    gained: int

    @classmethod
    def of(cls, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Comparison:
        """Compare two answers to the same rows, each of shape (n,)."""
        return cls(
            n=len(before),
            before=float(before.mean()),
            after=float(after.mean()),
            lost=int((before & ~after).sum()),
            gained=int((~before & after).sum()),
        )

    @property
    def is_worse(self) -> bool:
        """Whether more than `ALLOWED_LOSS` was lost, beyond what chance explains at the level of 5 %.

        Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
        design" (1998), equations 4 to 7: a score test, which keeps its level on few rows and few changes.
        """
        n, margin = self.n, ALLOWED_LOSS
        linear = -(self.lost + self.gained) + margin * (2 * n - self.lost + self.gained)
        constant = -self.gained * margin * (1 - margin)
        gaining = (math.sqrt(linear**2 - 8 * n * constant) - linear) / (4 * n)
        deviation = math.sqrt(max(n * (2 * gaining + margin - margin**2), 1e-12))
        return (self.lost - self.gained - n * margin) / deviation > _SIGNIFICANT

    def check(self) -> None:
        """Refuse a router that got worse.

        Raises:
            ConfigError: saying by how much.
        """
        if self.is_worse:
            raise ConfigError(
                f"the old categories got worse: accuracy {self.before:.3f} before, {self.after:.3f} now on {self.n} "
                f"reference rows ({self.lost} lost, {self.gained} gained); at most {ALLOWED_LOSS:.0%} may be lost. No "
                "router was written. Look for rows that an old category has a claim to and name it in `also`, give "
                "more rows, or repeat the command with --allow-regression, which goes on from here"
            )


def find_right(encoder: Encoder, tokenizer: QueryTokenizer, rows: Sequence[Row]) -> NDArray[np.bool_]:
    """Whether the most probable label of each row is its category, or one in `also`; shape (n,)."""
    labels = encoder.labels
    found = [labels[best] for best in predict(encoder, tokenizer, rows).argmax(axis=1)]
    return np.array([label in {row.category, *row.also} for label, row in zip(found, rows, strict=True)])


def predict(encoder: Encoder, tokenizer: QueryTokenizer, rows: Sequence[Row]) -> NDArray[np.float32]:
    """The logits of each row, shape (len(rows), n_categories)."""
    encoder.model.eval()
    ids = tokenizer.encode_batch([row.query for row in rows])
    logits = np.zeros((len(rows), len(encoder.labels)), np.float32)
    for positions in equal_length_batches(ids):
        batch = torch.tensor([ids[position] for position in positions])
        with torch.inference_mode():
            found = encoder.model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits
        logits[positions] = found.numpy()
    return logits
