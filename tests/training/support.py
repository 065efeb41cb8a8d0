"""Rows with obvious words, small enough to be learnt in seconds by a model 32 wide."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from routerkit_training.settings import TrainSettings

from routerkit.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WORDS = {
    "code": ("loop", "python", "compile", "variable", "pointer"),
    "general": ("hello", "poem", "letter", "party", "city"),
    "math": ("sum", "root", "prime", "integral", "angle"),
}
"""What gives each category away; the keys are in the order that training gives the labels."""

_FRAMES = ("what is the {} here", "please explain a {}", "tell me of the {} now", "give me a {}", "how does a {} end")

VOCABULARY = [
    *(word for words in WORDS.values() for word in words),
    *dict.fromkeys(word for frame in _FRAMES for word in frame.replace("{}", "").split()),
]


def obvious_rows(per_category: int = 20) -> list[Row]:
    """Different rows, at most 25 of each category, whose category one word gives away."""
    return [
        Row(query=_FRAMES[number % 5].format(words[number // 5]), category=category)
        for category, words in WORDS.items()
        for number in range(per_category)
    ]


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    """Write rows as the JSONL that people write."""
    lines = []
    for row in rows:
        content: dict[str, Any] = {"query": row.query, "category": row.category}
        if row.also:
            content["also"] = list(row.also)
        lines.append(json.dumps(content) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def quick_settings(train_data: Path, output_dir: Path, base_model: Path | str, **changes: Any) -> TrainSettings:
    """Settings under which the tiny encoders learn the obvious rows in a few epochs."""
    quick: dict[str, Any] = {
        "train_data": train_data,
        "output_dir": output_dir,
        "base_model": str(base_model),
        "epochs": 6,
        "batch_size": 4,
        "learning_rate": 5e-3,
        "precision": "fp32",
        "augment": False,
        "patience": 5,
        "max_tokens": 32,
    }
    return TrainSettings.model_validate(quick | changes)
