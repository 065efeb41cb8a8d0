"""How the starter is learnt: which rows, and with which settings."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

from routerkit.rows import Row, read_rows
from routerkit_training.conversations import read_conversations
from routerkit_training.conversations.follow_ups import follow_up_rows
from routerkit_training.corpus import part_path
from routerkit_training.cross_validate import write_rows
from routerkit_training.exam_questions import read_exam_questions
from routerkit_training.settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DOUBTFUL_SOURCES = frozenset({"math-hendrycks", "mmlu-pro-stemez", "conala", "cosqa"})
"""Sources whose provenance their collectors doubt; nothing is learnt from them."""

ROWS_PER_SOURCE = 600
"""Most rows of one public source and category: more of one style teaches the style, not the category."""

RECIPE = {
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 1e-4,
    "freeze_words": True,
    "tuned_share": 0.9,
    "dropout": 0.0,
    "typos": 0.4,
    "label_smoothing": 0.05,
    "max_tokens": 96,
    "target_harm": 0.04,
}
"""Settings of the run that trains the starter."""

FOLD_ROWS = 20_000
FOLD_EPOCHS = 2
"""The folds learn from fewer rows and for a shorter time: there are three of them beside the run itself."""


def starter_settings(data: Path, encoder: Path, work: Path, seed: int) -> TrainSettings:
    """Write the rows of the starter to a folder, and say how they are learnt."""
    train = read_public(data, seed) + read_rows(part_path("train")) + read_follow_ups()
    validation = trusted(read_rows(data / "validation.jsonl")) + read_rows(part_path("dev"))
    return TrainSettings(
        train_data=write_rows(work / "train.jsonl", train),
        val_data=write_rows(work / "validation.jsonl", validation),
        output_dir=work / "trained",
        base_model=str(encoder),
        reference=False,
        name="starter",
        seed=seed,
        **RECIPE,
    )


def fold_settings(whole: TrainSettings, work: Path) -> TrainSettings:
    """Write a sample of the rows, and say how the folds learn from it, each without the sources that it leaves out."""
    rows = read_rows(whole.train_data)
    sample = random.Random(whole.seed).sample(rows, min(FOLD_ROWS, len(rows)))
    # Without validation rows of their own, the folds hold out some of theirs: none of a source that they leave out.
    changes = {"train_data": write_rows(work / "sample.jsonl", sample), "val_data": None, "epochs": FOLD_EPOCHS}
    return whole.model_copy(update={**changes, "output_dir": work / "folds"})


def read_public(data: Path, seed: int) -> list[Row]:
    """The public rows that are learnt: an even sample of trusted sources, and exam questions.

    Args:
        data: folder of the public query data.
        seed: of the sample.
    """
    return even_sample(trusted(read_rows(data / "train.jsonl")) + read_exam_questions(data, seed), seed)


def read_follow_ups() -> list[Row]:
    """The rows that are learnt from the conversations written for the project."""
    return follow_up_rows(read_conversations("train"))


def trusted(rows: list[Row]) -> list[Row]:
    """The rows of sources whose provenance is not in doubt."""
    return [row for row in rows if row.source not in DOUBTFUL_SOURCES]


def even_sample(rows: Sequence[Row], seed: int) -> list[Row]:
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
