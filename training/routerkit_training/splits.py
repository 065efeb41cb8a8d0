"""From raw rows to training and validation parts that share nothing."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routerkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from routerkit.rows import Row

HOLD_OUT_SHARE = 0.15
MIN_ROWS = 4
"""Fewest rows of one category that can be split and learnt from."""


@dataclass(frozen=True, slots=True)
class Splits:
    """Rows to learn from and rows to choose by.

    Attributes:
        categories: the labels, sorted by name unless the caller fixed an order.
        duplicates: rows left out because an equal query stood there before.
        leaked: training rows left out because the validation part has them.
        outside_train: rows without a category, for the out-of-domain score.
        outside_validation: the same, for choosing its threshold and reporting.
    """

    train: list[Row]
    validation: list[Row]
    categories: list[str]
    duplicates: int
    leaked: int
    outside_train: list[Row]
    outside_validation: list[Row]


def key_of(query: str) -> str:
    """What makes two queries the same: the words, without case, spacing and punctuation at the ends."""
    return re.sub(r"\s+", " ", query).strip(" ?!.").casefold()


def make_splits(
    train: Sequence[Row],
    validation: Sequence[Row] | None,
    *,
    seed: int,
    path: Path,
    validation_path: Path | None = None,
    order: Sequence[str] = (),
) -> Splits:
    """Remove duplicates and leaks, and hold out a validation part if there is none.

    Args:
        train: rows to learn from; rows without a category serve the out-of-domain score only.
        validation: rows to choose by, or None.
        seed: of the hold-out.
        path: the training file, for error messages.
        validation_path: the validation file, for the same.
        order: labels in a fixed order, such as those of the router being continued.

    Raises:
        DataError: if a category has conflicting or too few rows, or there are fewer than two categories.
    """
    unique, duplicates = _unique(train, path)
    if validation is None:
        kept, held_out = hold_out(unique, seed)
        leaked = 0
    else:
        held_out, _ = _unique(validation, validation_path or path)
        seen = {key_of(row.query) for row in held_out}
        kept = [row for row in unique if key_of(row.query) not in seen]
        if unique and not kept:
            raise DataError(path, None, "every query of it is in the validation file too; give other --val_data")
        leaked = len(unique) - len(kept)
    outside_train, outside_validation = _outside(train, validation)
    return Splits(
        train=kept,
        validation=held_out,
        categories=_categories(unique if validation is None else kept, held_out, path, order),
        duplicates=duplicates,
        leaked=leaked,
        outside_train=outside_train,
        outside_validation=outside_validation,
    )


def _outside(train: Sequence[Row], validation: Sequence[Row] | None) -> tuple[list[Row], list[Row]]:
    """Rows without a category; without a validation file every seventh one is held out."""
    rows = list({key_of(row.query): row for row in train if row.category is None}.values())
    if validation is None:
        return [row for i, row in enumerate(rows) if i % 7], rows[::7]
    held_out = {key_of(row.query): row for row in validation if row.category is None}
    return [row for row in rows if key_of(row.query) not in held_out], list(held_out.values())


def _unique(rows: Iterable[Row], path: Path) -> tuple[list[Row], int]:
    first: dict[str, Row] = {}
    duplicates = 0
    for row in rows:
        if row.category is None:
            continue
        same = first.setdefault(key_of(row.query), row)
        if same is row:
            continue
        duplicates += 1
        if same.category != row.category and same.category not in row.also and row.category not in same.also:
            raise DataError(
                path,
                None,
                f"the query {row.query[:60]!r} is labelled both {same.category!r} and {row.category!r}; "
                "keep one, or name the other one in `also`",
            )
    return list(first.values()), duplicates


def hold_out(rows: Sequence[Row], seed: int) -> tuple[list[Row], list[Row]]:
    """Divide rows into those to learn from and those to choose by, 15 % of every category and at least one row."""
    by_category = defaultdict(list)
    for row in rows:
        by_category[row.category].append(row)
    generator = random.Random(seed)
    kept: list[Row] = []
    held_out: list[Row] = []
    for name in sorted(by_category, key=str):
        group = by_category[name]
        generator.shuffle(group)
        size = max(1, round(HOLD_OUT_SHARE * len(group)))
        held_out += group[:size]
        kept += group[size:]
    return kept, held_out


def _categories(train: list[Row], validation: list[Row], path: Path, order: Sequence[str]) -> list[str]:
    counts: dict[str, int] = dict.fromkeys(order, 0)
    for name in sorted(str(row.category) for row in train):
        counts[name] = counts.get(name, 0) + 1
    if len(counts) < 2:
        raise DataError(path, None, f"has the categories {list(counts)}; a router needs at least two")
    few = {name: count for name, count in counts.items() if count < MIN_ROWS and name not in order}
    if few:
        raise DataError(path, None, f"has too few rows of {few}; give at least {MIN_ROWS} of each category")
    unknown = sorted({str(row.category) for row in validation} - set(counts))
    if unknown:
        raise DataError(path, None, f"the validation rows have the categories {unknown}, which nothing is learnt about")
    return list(counts)
