"""Routed rows into JSONL and CSV files and pipes."""

from __future__ import annotations

import csv
import io
import json
from typing import IO, TYPE_CHECKING, Any, Protocol

from routerkit.bulk.fields import NESTED, flat, flat_names, nested, own_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.decision import Decision

Row = dict[str, Any]


class Sink(Protocol):
    """Takes routed rows, window after window."""

    @property
    def columns(self) -> list[str] | None:
        """Names of the rows' own fields, once the format has settled on them; None if every row may have its own."""
        ...

    def unfit(self, rows: Sequence[Row]) -> dict[int, str]:
        """Positions of rows that the format cannot hold, each with the reason. The first rows settle the columns."""
        ...

    def write(self, rows: Sequence[Row], decisions: Sequence[Decision]) -> None:
        """Append rows, each with its decision."""
        ...

    def close(self) -> None:
        """Complete the file."""
        ...


class JsonlSink:
    """One JSON object a line. See `Sink`."""

    columns: list[str] | None = None

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def unfit(self, rows: Sequence[Row]) -> dict[int, str]:
        """JSONL holds every row."""
        del rows
        return {}

    def write(self, rows: Sequence[Row], decisions: Sequence[Decision]) -> None:
        """Append rows, each with its decision."""
        self._file.writelines(
            json_line(_joined(row, nested(decision))) for row, decision in zip(rows, decisions, strict=True)
        )

    def close(self) -> None:
        """A JSONL file is complete after every line."""


class CsvSink:
    """Comma-separated values with a header; a decision has one column for each probability. See `Sink`.

    Args:
        file: opened for writing bytes.
        categories: the router's labels, in its order.
        columns: the rows' own columns, if the header stands in the file already.
    """

    def __init__(self, file: IO[bytes], categories: Sequence[str], columns: list[str] | None = None) -> None:
        self.columns = columns
        self._file = file
        self._found = flat_names(categories)

    def unfit(self, rows: Sequence[Row]) -> dict[int, str]:
        """Rows with a field that has no column: the first rows settled the columns."""
        if self.columns is None and rows:
            self.columns = columns_of(rows)
            names = own_names(self.columns, self._found)
            self._append([[*names.values(), *self._found]])
        return without_column(rows, self.columns or [])

    def write(self, rows: Sequence[Row], decisions: Sequence[Decision]) -> None:
        """Append rows, each with its decision."""
        columns = self.columns or []
        self._append(
            [*(row.get(name) for name in columns), *flat(decision)]
            for row, decision in zip(rows, decisions, strict=True)
        )

    def close(self) -> None:
        """A CSV file is complete after every line."""

    def _append(self, records: Any) -> None:  # noqa: ANN401 - iterable of iterables of JSON values
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in record] for record in records)
        self._file.write(text.getvalue().encode("utf-8", errors="backslashreplace"))


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Names of all fields of the rows, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def without_column(rows: Sequence[Row], columns: Sequence[str]) -> dict[int, str]:
    """Positions of rows with fields that are not among `columns`, each with the reason."""
    known = set(columns)
    return {
        position: f"has the fields {sorted(row.keys() - known)}, which the first rows do not have; write JSONL instead"
        for position, row in enumerate(rows)
        if not row.keys() <= known
    }


def json_line(value: Row) -> bytes:
    """One line of JSONL; readable characters where UTF-8 has them, else escapes."""
    try:
        return (json.dumps(value, ensure_ascii=False, default=str) + "\n").encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON may hold and UTF-8 may not
        return (json.dumps(value, default=str) + "\n").encode("ascii")


def _joined(row: Row, found: Row) -> Row:
    if row.keys().isdisjoint(NESTED):
        return {**row, **found}
    names = own_names(row, NESTED)
    return {**{names[key]: value for key, value in row.items()}, **found}


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
