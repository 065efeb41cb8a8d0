"""`reference.jsonl`: the rows a router keeps, so that later training does not forget what it knew."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routerkit import artefact
from routerkit.errors import ConfigError
from routerkit.rows import Row, parse_row, read_json_lines
from routerkit_training.splits import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

MAX_REFERENCE_TRAIN = 2_000
MAX_REFERENCE_VALIDATION = 1_000
MAX_REFERENCE_OUTSIDE = 500


@dataclass(frozen=True, slots=True)
class Reference:
    """The rows of a `reference.jsonl`, by role.

    Attributes:
        train: rows that the router learnt from.
        validation: rows that it was chosen and calibrated by.
        outside: rows outside every category.
    """

    train: list[Row]
    validation: list[Row]
    outside: list[Row]

    def without_queries(self, keys: Collection[str]) -> Reference:
        """The rows whose query, as `key_of` gives it, is not among `keys`."""

        def kept(rows: list[Row]) -> list[Row]:
            return [row for row in rows if key_of(row.query) not in keys]

        return Reference(kept(self.train), kept(self.validation), kept(self.outside))

    def without_categories(self, names: Collection[str]) -> Reference:
        """The rows of other categories, none of which names one of `names` in `also`."""

        def kept(rows: list[Row]) -> list[Row]:
            return [
                Row(
                    query=row.query,
                    category=row.category,
                    also=tuple(label for label in row.also if label not in names),
                    source=row.source,
                )
                for row in rows
                if row.category not in names
            ]

        return Reference(kept(self.train), kept(self.validation), list(self.outside))


def read_reference(found: artefact.Artefact) -> Reference:
    """Read the rows that a router keeps.

    Raises:
        ConfigError: if it keeps none to learn from, or none to check by.
        DataError: naming the line that holds no row of its categories.
    """
    path = found.path / artefact.REFERENCE
    by_role: dict[str, list[Row]] = {"train": [], "validation": [], "outside": []}
    if artefact.REFERENCE in found.manifest.files:
        for number, line in read_json_lines(path):
            row = parse_row(path, number, line, found.manifest.categories)
            by_role.setdefault(str(line.get("role")), []).append(row)
    if not by_role["train"] or not by_role["validation"]:
        raise ConfigError(
            f"{found.path}: keeps no reference rows (it was trained with --no-reference), so it would forget what it "
            "knows; train it once more with reference rows, or go on from the new rows alone with --no-replay"
        )
    return Reference(by_role["train"], by_role["validation"], by_role["outside"])


def write_reference(
    folder: Path, train: Sequence[Row], validation: Sequence[Row], seed: int, outside: Sequence[Row] = ()
) -> None:
    """Write `reference.jsonl`: an even sample of each category for replay, regression and drift checks.

    Args:
        folder: of the artefact.
        train: rows that were learnt from.
        validation: rows that were not.
        seed: of the sample.
        outside: rows outside every category, from which a later out-of-domain score can be learnt.
    """
    lines = []
    for role, rows, limit in (
        ("train", train, MAX_REFERENCE_TRAIN),
        ("validation", validation, MAX_REFERENCE_VALIDATION),
        ("outside", outside, MAX_REFERENCE_OUTSIDE),
    ):
        for row in even_sample(rows, limit, seed):
            content = {"query": row.query, "category": row.category, "also": list(row.also), "role": role}
            lines.append(json.dumps(content, ensure_ascii=False))
    (folder / artefact.REFERENCE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def even_sample(rows: Sequence[Row], limit: int, seed: int) -> list[Row]:
    """At most `limit` rows, of each category at most an even share."""
    generator = np.random.default_rng(seed)
    by_category: dict[str | None, list[Row]] = {}
    for position in generator.permutation(len(rows)):
        by_category.setdefault(rows[position].category, []).append(rows[position])
    share = max(1, limit // max(1, len(by_category)))
    return [row for name in sorted(by_category, key=str) for row in by_category[name][:share]]
