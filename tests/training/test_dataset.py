"""Rows become the tensors that the Trainer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from routerkit_training.dataset import QueryDataset, collate

from routerkit.rows import Row
from routerkit.testing import tiny_tokenizer
from routerkit.tokenization import QueryTokenizer
from tests.training.support import VOCABULARY, obvious_rows

if TYPE_CHECKING:
    from routerkit_training.dataset import Example

_LABELS = ["code", "general", "math"]
_AWKWARD = ["sum", "  what\tis\nthe sum  ", "Ünïcödé 数学 🙂", "x" * 500, "sum " * 200, "[CLS] [SEP] [PAD]", "?"]


@pytest.mark.parametrize(
    ("row", "target"),
    [
        (Row(query="q", category="math"), [0, 0, 1]),
        (Row(query="q", category="math", also=("code",)), [0.5, 0, 0.5]),
        (Row(query="q", category="math", also=("code", "general")), [1 / 3, 1 / 3, 1 / 3]),
        (Row(query="q", category="math", also=("math",)), [0, 0, 1]),
        (Row(query="q", category="math", also=("law",)), [0, 0, 1]),
    ],
)
def test_the_target_is_shared_between_all_right_labels(
    row: Row, target: list[float], tokenizer: QueryTokenizer
) -> None:
    assert QueryDataset([row], _LABELS, tokenizer)[0]["labels"] == pytest.approx(target)


@pytest.mark.parametrize("query", _AWKWARD)
def test_the_ids_are_those_that_serving_computes(query: str, tokenizer: QueryTokenizer) -> None:
    serving = QueryTokenizer(tiny_tokenizer(VOCABULARY), max_tokens=32)
    (example,) = [QueryDataset([Row(query=query, category="math")], _LABELS, tokenizer)[0]]
    assert example["input_ids"] == serving.encode(query) == serving.encode_batch([query])[0]
    assert len(example["input_ids"]) <= 32


def test_a_validation_row_looks_the_same_every_time(tokenizer: QueryTokenizer) -> None:
    rows = obvious_rows()
    dataset = QueryDataset(rows, _LABELS, tokenizer)
    first, second = ([dataset[n]["input_ids"] for n in range(len(rows))] for _ in range(2))
    assert first == second == tokenizer.encode_batch([row.query for row in rows])


def test_augmented_rows_change_from_epoch_to_epoch_but_keep_their_targets(tokenizer: QueryTokenizer) -> None:
    rows = obvious_rows()
    dataset = QueryDataset(rows, _LABELS, tokenizer, augmentation_seed=1)
    first, second = ([dataset[n] for n in range(len(rows))] for _ in range(2))
    changed = sum(a["input_ids"] != b["input_ids"] for a, b in zip(first, second, strict=True))
    assert changed > len(rows) // 10
    assert [example["labels"] for example in first] == [example["labels"] for example in second]


def test_augmentation_repeats_with_its_seed(tokenizer: QueryTokenizer) -> None:
    def epoch(seed: int) -> list[Example]:
        rows = obvious_rows()
        dataset = QueryDataset(rows, _LABELS, tokenizer, augmentation_seed=seed)
        return [dataset[n] for n in range(len(rows))]

    assert epoch(5) == epoch(5)
    assert epoch(5) != epoch(6)


@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=6))
def test_a_batch_is_padded_to_its_longest_row(rows: list[list[int]]) -> None:
    batch = collate([{"input_ids": ids, "labels": [0.25, 0.75]} for ids in rows])
    longest = max(map(len, rows))
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (len(rows), longest)
    assert batch["attention_mask"].sum(dim=1).tolist() == [len(ids) for ids in rows]
    for ids, found, mask in zip(rows, batch["input_ids"], batch["attention_mask"], strict=True):
        assert found[mask.bool()].tolist() == ids
        assert not found[~mask.bool()].any()
    assert (batch["labels"].dtype, batch["input_ids"].dtype) == (torch.float32, torch.int64)
