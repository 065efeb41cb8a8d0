"""Rows for the tests of the data tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from routerkit_training.data.files import DataRow

from routerkit.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACE = Path("rows.jsonl")


def data_rows(*pairs: tuple[str, str | None], path: Path = PLACE, **same: object) -> list[DataRow]:
    """Rows of query and category, in lines counted from 1; `same` are further fields of every row."""
    return [
        DataRow(
            path=path,
            line=line,
            row=Row(query=query, category=category),
            fields={"query": query, "category": category, **same},
        )
        for line, (query, category) in enumerate(pairs, start=1)
    ]


def write(path: Path, *rows: object) -> Path:
    """Write JSON objects, or text as it stands, one a line."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, object]]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def many(category: str, words: Iterable[str]) -> list[dict[str, object]]:
    """One row for each word, in sentences that are no near-duplicates of each other."""
    return [{"query": f"{word} {word[::-1]} {category} {word * 3}", "category": category} for word in words]
