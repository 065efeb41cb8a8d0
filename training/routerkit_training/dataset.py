"""Rows as the tensors that the transformers `Trainer` wants, through the same tokenizer that serving uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.rows import Row
    from routerkit.tokenization import QueryTokenizer

Example = dict[str, list[int] | int]
Batch = dict[str, torch.Tensor]


class QueryDataset(Dataset[Example]):
    """Token ids and label of every row.

    Args:
        rows: rows with a category.
        categories: labels in the order of the logits.
        tokenizer: the serving tokenizer.
    """

    def __init__(self, rows: Sequence[Row], categories: Sequence[str], tokenizer: QueryTokenizer) -> None:
        index = {name: position for position, name in enumerate(categories)}
        self._ids = tokenizer.encode_batch([row.query for row in rows])
        self._labels = [index[str(row.category)] for row in rows]

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, position: int) -> Example:
        return {"input_ids": self._ids[position], "labels": self._labels[position]}


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples to the longest of the batch.

    Returns:
        `input_ids` and `attention_mask` int64 (batch, tokens), `labels` int64 (batch,).
    """
    rows = [torch.tensor(example["input_ids"]) for example in examples]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([example["labels"] for example in examples])}
