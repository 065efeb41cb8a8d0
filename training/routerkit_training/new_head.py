"""The head of a router that gets categories: where their rows begin, and where their borders end up."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import torch

from routerkit.calibration import softmax
from routerkit_training.outside import compute_features
from routerkit_training.regression import predict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routerkit.rows import Row
    from routerkit.tokenization import QueryTokenizer
    from routerkit_training.encoder import Encoder
    from routerkit_training.extend import Continued

TAKEN = 0.01
"""Share of the old validation rows that all new categories together get."""

_IMPRINTING_ROWS = 300
_MARGIN = 1e-4  # nats; keeps the row at the border on its old side


def imprint(encoder: Encoder, tokenizer: QueryTokenizer, continued: Continued) -> None:
    """Set the head's rows of new categories from their examples.

    Qi, Brown and Lowe, "Low-Shot Learning with Imprinted Weights" (2018), section 3.2: the row of a new class is the
    mean feature of its examples. Features here are not normalised and share a large common part, so the mean of the
    replayed rows is subtracted, the row gets the length of the old ones, and its offset puts the border half-way.

    Args:
        encoder: with a head for all categories; changed in place.
        tokenizer: the serving tokenizer.
        continued: the rows.
    """
    model = encoder.model.eval()
    others = random.Random(0).sample(continued.replayed, min(_IMPRINTING_ROWS, len(continued.replayed)))
    common = _head_features(encoder, tokenizer, others)
    n_old = len(continued.splits.categories) - len(continued.added)
    with torch.no_grad():
        length = model.classifier.weight[:n_old].norm(dim=1).mean()
        for name in continued.added:
            mean = _head_features(encoder, tokenizer, [row for row in continued.splits.train if row.category == name])
            row = torch.nn.functional.normalize(mean - common, dim=0) * length
            position = continued.splits.categories.index(name)
            model.classifier.weight[position] = row
            model.classifier.bias[position] = -(row @ (mean + common)) / 2


def believe(encoder: Encoder, tokenizer: QueryTokenizer, rows: Sequence[Row], n_categories: int) -> NDArray[np.float64]:
    """What a router believes of rows, for another one that is to go on believing it; shape (len(rows), n_categories).

    Distillation from the router itself, as in Li and Hoiem, "Learning without Forgetting" (2016), on replayed rows as
    in Buzzega et al., "Dark Experience for General Continual Learning" (2020): labels alone would also teach it anew
    where it had been unsure, and rows without some of their words deserve no certainty.

    Args:
        encoder: the router before training.
        tokenizer: the serving tokenizer.
        rows: what it is asked.
        n_categories: of the router to be; categories that this one does not have are last and get 0.
    """
    known = softmax(predict(encoder, tokenizer, rows))
    return np.pad(known, ((0, 0), (0, n_categories - known.shape[1])))


def place_border(encoder: Encoder, tokenizer: QueryTokenizer, continued: Continued) -> None:
    """Choose the offsets of new categories so that they take their share of the old rows and no more.

    Training shows a new category far more often than queries will; how easily it wins says nothing then. Its border is
    put where `TAKEN` of the old validation rows, divided between the new categories, lie on its side. Where so few
    rows are there that this is less than one, the offset is lowered if one is taken, and never raised.

    Args:
        encoder: the trained classifier; changed in place.
        tokenizer: the serving tokenizer.
        continued: the rows.
    """
    n_old = len(continued.splits.categories) - len(continued.added)
    logits = predict(encoder, tokenizer, continued.checked)
    allowed = int(TAKEN * len(continued.checked) / len(continued.added))
    for position in range(n_old, len(continued.splits.categories)):
        lead = np.sort(logits[:, position] - logits[:, :n_old].max(axis=1))[::-1]
        excess = lead[allowed] if allowed else max(lead[0], np.float32(0.0))
        with torch.no_grad():
            encoder.model.classifier.bias[position] -= float(excess) + (_MARGIN if excess else 0.0)


def _head_features(encoder: Encoder, tokenizer: QueryTokenizer, rows: Sequence[Row]) -> torch.Tensor:
    """The mean of what the last linear layer sees, shape (dim,)."""
    first = compute_features(encoder.model, tokenizer, [row.query for row in rows])[:, : encoder.model.config.dim]
    with torch.no_grad():
        hidden: torch.Tensor = torch.relu(encoder.model.pre_classifier(torch.from_numpy(first)))
    return hidden.mean(dim=0)
