"""How the starter is learnt: three stages, each going on with the router of the one before it."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

from routerkit.rows import Row, read_rows
from routerkit.store import STARTER
from routerkit_training.corpus import part_path
from routerkit_training.cross_validate import write_rows
from routerkit_training.settings import TrainSettings

if TYPE_CHECKING:
    from pathlib import Path

DOUBTFUL_SOURCES = frozenset({"math-hendrycks", "mmlu-pro-stemez", "conala", "cosqa"})
"""Sources whose provenance their collectors doubt; nothing is learnt from them."""

ROWS_PER_SOURCE = 600
"""Most rows of one public source and category: more of one style teaches the style, not the category."""

RECIPE = {
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 1e-4,
    "label_smoothing": 0.05,
    "max_tokens": 96,
    "target_harm": 0.04,
}
"""The first stage: an even sample of every public source, and the corpus."""

SECOND_STAGE = {"epochs": 1, "learning_rate": 5e-5}
"""The second stage: the public rows that the even sample left out, and the corpus once more."""

LAST_STAGE = {"epochs": 2, "learning_rate": 5e-5}
"""The last stage: the shortest rows of the corpus, such as a bare sum, of which longer ones drown the rest."""

SHORT_WORDS = 4
"""Most words of a row of the last stage."""


def first_stage(data: Path, encoder: Path, work: Path, seed: int) -> TrainSettings:
    """Write the rows of the starter to a folder, and say how they are learnt."""
    public = trusted(read_rows(data / "train.jsonl"))
    validation = trusted(read_rows(data / "validation.jsonl")) + read_rows(part_path("dev"))
    return TrainSettings(
        train_data=write_rows(work / "train.jsonl", _even(public, seed) + read_rows(part_path("train"))),
        val_data=write_rows(work / "validation.jsonl", validation),
        output_dir=work / "trained",
        base_model=str(encoder),
        reference=False,
        name="starter",
        seed=seed,
        **RECIPE,
    )


def second_stage(first: TrainSettings, data: Path) -> TrainSettings:
    """Write the rows of the second stage, and say how the router of the first goes on with them."""
    public = trusted(read_rows(data / "train.jsonl"))
    seen = set(_even(public, first.seed))
    left_out = [row for row in public if row not in seen]
    work = first.output_dir.parent
    rows = write_rows(work / "second.jsonl", left_out + read_rows(part_path("train")))
    changes = {"train_data": rows, "output_dir": work / "second", "base_model": STARTER, "replay": False}
    return first.model_copy(update={**changes, "from_router": str(first.output_dir), **SECOND_STAGE})


def last_stage(second: TrainSettings) -> TrainSettings:
    """Write the rows of the last stage, and say how the router of the second goes on with them."""
    work = second.output_dir.parent
    short = [row for row in read_rows(part_path("train")) if len(row.query.split()) <= SHORT_WORDS]
    changes = {"train_data": write_rows(work / "short.jsonl", short), "output_dir": work / "last"}
    return second.model_copy(update={**changes, "from_router": str(second.output_dir), **LAST_STAGE})


def trusted(rows: list[Row]) -> list[Row]:
    """The rows of sources whose provenance is not in doubt."""
    return [row for row in rows if row.source not in DOUBTFUL_SOURCES]


def _even(rows: list[Row], seed: int) -> list[Row]:
    """An even sample over sources, so that no source's style outweighs the others."""
    by_source: dict[tuple[str | None, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_source[row.category, row.source].append(row)
    generator = random.Random(seed)
    return [
        row
        for key in sorted(by_source, key=str)
        for row in generator.sample(by_source[key], min(ROWS_PER_SOURCE, len(by_source[key])))
    ]
