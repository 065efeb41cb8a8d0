"""Rows as the tensors that the transformers `Trainer` wants, through the same tokenizer that serving uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from routerkit_training.augment import TYPOS, augment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routerkit.rows import Row
    from routerkit.tokenization import QueryTokenizer

Example = dict[str, list[int] | list[float]]
Batch = dict[str, torch.Tensor]


class QueryDataset(Dataset[Example]):
    """Token ids and target of every row.

    The target of a row is shared evenly between its category and the labels in `also`.

    Args:
        rows: rows with a category.
        categories: labels in the order of the logits.
        tokenizer: the serving tokenizer.
        augmentation_seed: if given, every access shows the row in another outfit; see `augment`.
        beliefs: shape (at most len(rows), n_categories), what an earlier router believes of the first rows; their
            targets lie half-way between it and the label.
        typos: with `augmentation_seed`, the probability of slips of the fingers, in [0, 1].
    """

    def __init__(
        self,
        rows: Sequence[Row],
        categories: Sequence[str],
        tokenizer: QueryTokenizer,
        *,
        augmentation_seed: int | None = None,
        beliefs: NDArray[np.floating] | None = None,
        typos: float = TYPOS,
    ) -> None:
        self._queries = [row.query for row in rows]
        self._targets = [_target(row, categories) for row in rows]
        if beliefs is not None and len(beliefs):
            labels = np.array(self._targets[: len(beliefs)])
            self._targets[: len(beliefs)] = ((labels + beliefs) / 2).tolist()
        self._tokenizer = tokenizer
        self._typos = typos
        self._generator = None if augmentation_seed is None else np.random.default_rng(augmentation_seed)

    def __len__(self) -> int:
        return len(self._queries)

    def __getitem__(self, position: int) -> Example:
        query = self._queries[position]
        if self._generator is not None:
            query = augment(query, self._generator, typos=self._typos)
        return {"input_ids": self._tokenizer.encode(query), "labels": self._targets[position]}


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples to the longest of the batch.

    Returns:
        `input_ids` and `attention_mask` int64 (batch, tokens), `labels` float32 (batch, n_categories).
    """
    rows = [torch.tensor(example["input_ids"]) for example in examples]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([row["labels"] for row in examples])}


def _target(row: Row, categories: Sequence[str]) -> list[float]:
    right = {row.category, *row.also}
    hits = [float(name in right) for name in categories]
    return [hit / sum(hits) for hit in hits]
