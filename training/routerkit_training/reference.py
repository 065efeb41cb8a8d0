"""`reference.jsonl`: rows that a router keeps for replay, regression and drift checks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from routerkit import artefact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from routerkit.rows import Row

MAX_REFERENCE_TRAIN = 2_000
MAX_REFERENCE_VALIDATION = 1_000


def write_reference(folder: Path, train: Sequence[Row], validation: Sequence[Row], seed: int) -> None:
    """Write `reference.jsonl`: an even sample of each category for replay, regression and drift checks."""
    lines = []
    for role, rows, limit in (
        ("train", train, MAX_REFERENCE_TRAIN),
        ("validation", validation, MAX_REFERENCE_VALIDATION),
    ):
        for row in _even_sample(rows, limit, seed):
            content = {"query": row.query, "category": row.category, "also": list(row.also), "role": role}
            lines.append(json.dumps(content, ensure_ascii=False))
    (folder / artefact.REFERENCE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _even_sample(rows: Sequence[Row], limit: int, seed: int) -> list[Row]:
    generator = np.random.default_rng(seed)
    by_category: dict[str | None, list[Row]] = {}
    for position in generator.permutation(len(rows)):
        by_category.setdefault(rows[position].category, []).append(rows[position])
    share = max(1, limit // max(1, len(by_category)))
    return [row for name in sorted(by_category, key=str) for row in by_category[name][:share]]
