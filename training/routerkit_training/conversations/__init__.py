"""Conversations written for this project, with a label for every turn of the person. Licence: Apache-2.0.

Three parts by different writers: from `train` the starter learns, on `dev` the sticky rule is fitted, and `test` is
scored for release candidates only. A turn `depends` if its category can only be known from earlier turns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

Part = Literal["train", "dev", "test"]
Kind = Literal["staying", "switching", "returning", "tricky"]

TEST_SHA256 = "727aaf99f0a0b00037d278581beb491240cd585d7e37eb6e997c3bb59bcddf0d"
"""Digest of the test part, fixed before any policy was scored on it."""


@dataclass(frozen=True, slots=True)
class LabelledTurn:
    """One turn of the person.

    Attributes:
        user: what was written.
        category: who should answer.
        depends: whether only earlier turns tell the category.
    """

    user: str
    category: str
    depends: bool


@dataclass(frozen=True, slots=True)
class LabelledConversation:
    """A conversation.

    Attributes:
        id: unique in its part.
        kind: what is difficult about it.
        turns: three to seven.
    """

    id: str
    kind: Kind
    turns: tuple[LabelledTurn, ...]


def part_path(part: Part) -> Path:
    """The JSONL file of one part."""
    return Path(str(files("routerkit_training.conversations"))) / f"{part}.jsonl"


def read_conversations(part: Part) -> list[LabelledConversation]:
    """All conversations of one part."""
    lines = part_path(part).read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [
        LabelledConversation(one["id"], one["kind"], tuple(LabelledTurn(**turn) for turn in one["turns"]))
        for one in found
    ]
