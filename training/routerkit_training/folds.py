"""Whole sources left out: how a recipe does on text from places that it never saw.

A validation part from the same sources as the training rows says little about new kinds of queries, because the model
knows how each source writes. Here every fold leaves whole sources out and trains on the others.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.rows import Row

MIN_FOLDS = 2


@dataclass(frozen=True, slots=True)
class Fold:
    """One division of the rows.

    Attributes:
        train: rows of the sources that stay, rows without a source and rows without a category.
        unseen: rows of the sources that are left out.
        sources: names of the sources that are left out, sorted.
    """

    train: list[Row]
    unseen: list[Row]
    sources: list[str]


def leave_sources_out(rows: Sequence[Row], n_folds: int, *, most_per_source: int, seed: int = 0) -> list[Fold]:
    """Divide rows so that every source is unseen in at most one fold and every category keeps a source in each.

    Sources are dealt from the largest to the smallest, each to the fold whose categories it fills up most evenly. A
    source stays in every training part if leaving it out would leave one of its categories without another. Rows
    without a source, such as a corpus written for the purpose, always stay.

    Args:
        rows: labelled rows with a `source`; rows of category None always stay.
        n_folds: from 2 on.
        most_per_source: most unseen rows of one source and category, so that no source outweighs the others.
        seed: of that sample.

    Raises:
        ConfigError: if there are fewer than two folds, or too few sources to leave one out in every fold.
    """
    if n_folds < MIN_FOLDS:
        raise ConfigError(f"folds: found {n_folds}; at least {MIN_FOLDS} are needed")
    counts = _count(rows)
    dealt = _deal(counts, n_folds)
    empty = [number for number, names in enumerate(dealt) if not names]
    if empty:
        raise ConfigError(
            f"{n_folds} folds need at least as many sources that can be left out; found the sources {sorted(counts)}; "
            "give rows with a `source` field, at least two sources for a category, or ask for fewer folds"
        )
    return [_fold(rows, names, most_per_source, seed) for names in dealt]


def _count(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Rows of each source by category."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.source and row.category is not None:
            counts[row.source][row.category] += 1
    return counts


def _deal(counts: dict[str, dict[str, int]], n_folds: int) -> list[set[str]]:
    """Names of the sources that each fold leaves out."""
    dealt: list[set[str]] = [set() for _ in range(n_folds)]
    held: list[dict[str, int]] = [defaultdict(int) for _ in range(n_folds)]
    for name in sorted(counts, key=lambda name: (-sum(counts[name].values()), name)):
        open_folds = [fold for fold in range(n_folds) if _keeps_every_category(counts, dealt[fold] | {name})]
        if not open_folds:
            continue
        fold = min(open_folds, key=lambda fold: (sum(held[fold][label] for label in counts[name]), fold))
        dealt[fold].add(name)
        for label, count in counts[name].items():
            held[fold][label] += count
    return dealt


def _keeps_every_category(counts: dict[str, dict[str, int]], left_out: set[str]) -> bool:
    every = {label for labels in counts.values() for label in labels}
    kept = {label for name, labels in counts.items() if name not in left_out for label in labels}
    return kept == every


def _fold(rows: Sequence[Row], names: set[str], most_per_source: int, seed: int) -> Fold:
    def is_unseen(row: Row) -> bool:
        return row.category is not None and row.source in names

    unseen: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if is_unseen(row):
            unseen[str(row.category), row.source].append(row)
    generator = random.Random(seed)
    sample = [
        row for key in sorted(unseen) for row in generator.sample(unseen[key], min(most_per_source, len(unseen[key])))
    ]
    train = [row for row in rows if row.source not in names or row.category is None]
    return Fold(train, sample, sorted(names))
