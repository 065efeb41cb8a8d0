"""JSONL files read with their line numbers and every field, and written again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routerkit.errors import DataError
from routerkit.rows import Row, parse_row, read_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

OUTSIDE = "(none)"
"""How rows outside every category are called where a name is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRow:
    """A labelled row, where it stands, and all it says.

    Attributes:
        path: the file.
        line: its line, counted from 1.
        row: the fields that routerkit uses.
        fields: every field, as read.
    """

    path: Path
    line: int
    row: Row
    fields: Mapping[str, object]

    @property
    def query(self) -> str:
        """The text."""
        return self.row.query

    @property
    def label(self) -> str:
        """The category, or `OUTSIDE`."""
        return self.row.category or OUTSIDE


def read_data(path: Path) -> list[DataRow]:
    """Read and check every row of a file.

    Raises:
        DataError: naming file and line of the first bad row, or saying that the file is missing or empty.
    """
    rows = [
        DataRow(path=path, line=line, row=parse_row(path, line, fields, None), fields=fields)
        for line, fields in read_json_lines(path)
    ]
    if not rows:
        raise DataError(path, None, 'is empty; it needs lines such as {"query": "What is 2+2?", "category": "math"}')
    return rows


def labelled(rows: Iterable[DataRow]) -> list[DataRow]:
    """The rows that have a category."""
    return [row for row in rows if row.row.category is not None]


def write_data(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write one JSON object a line; the folder is made if it is not there.

    Raises:
        DataError: if the file cannot be written.
    """
    lines = [json.dumps(dict(fields), ensure_ascii=False) + "\n" for fields in rows]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise DataError(path, None, f"cannot be written ({error.strerror}); choose another path") from error


def refuse_overwriting(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Check that no output is one of the inputs, or another output.

    Raises:
        DataError: naming the file that would be lost.
    """
    taken = {path.resolve() for path in inputs}
    written: set[Path] = set()
    for path in outputs:
        if path.resolve() in taken:
            raise DataError(path, None, "is an input file and would be overwritten; choose another output")
        if path.resolve() in written:
            raise DataError(path, None, "is named for two outputs; give each a file of its own")
        written.add(path.resolve())
