"""The corpus written for this project: queries as people type them, with labels. Licence: Apache-2.0.

The parts were planned apart, with different people, topics and styles. `test` is scored only for release candidates,
and each scoring is a line in `training/RESULTS.md`; day-to-day choices use `dev`. Two small sets only measure:
in `paraphrases` three rows of a group say the same in other words, in `ambiguous` every row has two right labels.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

Part = Literal["train", "dev", "test", "paraphrases", "ambiguous"]

TEST_SHA256 = "2365582cd06263de91c5627e5042777dad59c83e30eb016e983c9f6ebadcf08b"
"""Digest of the test part, fixed before any router was scored on it."""


def part_path(part: Part) -> Path:
    """The JSONL file of one part; rows outside every category have `"category": null`."""
    return Path(str(files("routerkit_training.corpus"))) / f"{part}.jsonl"
