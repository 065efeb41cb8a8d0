"""Rows from JSONL and CSV, one at a time, bad ones included."""

from __future__ import annotations

import codecs
import contextlib
import csv
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from routerkit.bulk.lines import Lines, Mark
from routerkit.errors import DataError
from routerkit.rows import parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["jsonl", "csv", "parquet"]

QUERY = "query"
"""The field that is routed."""

_SUFFIXES: dict[str, Format] = {".csv": "csv", ".parquet": "parquet"}
_RAW_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the input, or the reason why it is none.

    Attributes:
        line: its first line, counted from 1; its number in a Parquet file.
        row: its fields by name; empty if `error` is set.
        size: bytes it takes in the input, about.
        raw: its beginning as it stands there, where it is text.
        error: what is wrong with it.
    """

    line: int
    row: dict[str, Any]
    size: int
    raw: bytes = b""
    error: DataError | None = None


class Source(Protocol):
    """Rows that can be read again from a mark.

    Attributes:
        total: the offset of the end, if it is known; see `Mark`.
        columns: names of the fields, where all rows have the same ones.
    """

    total: int | None
    columns: list[str] | None

    def __iter__(self) -> Iterator[Item]:
        """Every row that is not blank, once."""
        ...

    @property
    def mark(self) -> Mark:
        """Behind the last row given."""
        ...

    def skip_to(self, mark: Mark) -> None:
        """Go on where `mark` was taken.

        Raises:
            DataError: if the input has changed before the mark.
        """
        ...


def format_of(name: str) -> Format:
    """The format that a file's name ends in; JSONL for pipes and for anything unknown."""
    return _SUFFIXES.get(Path(name).suffix.lower(), "jsonl")


@contextlib.contextmanager
def open_source(name: str, kind: Format) -> Iterator[Source]:
    """Open a file, or standard input as `-`.

    Raises:
        DataError: if it cannot be read, or its columns cannot be used.
        MissingExtraError: if it is Parquet and pyarrow is not installed.
    """
    if kind == "parquet":
        from routerkit.bulk.parquet import ParquetSource

        with ParquetSource.opened(name) as source:
            yield source
        return
    with _opened(name) as file:
        lines = Lines(name, file)
        yield JsonlSource(lines, _size(file)) if kind == "jsonl" else CsvSource(lines, _size(file))


class _LineSource:
    columns: list[str] | None = None

    def __init__(self, lines: Lines, total: int | None) -> None:
        self.total = total
        self._lines = lines

    @property
    def mark(self) -> Mark:
        """Behind the last row given."""
        return self._lines.mark

    def skip_to(self, mark: Mark) -> None:
        """Go on where `mark` was taken; see `Lines.skip_to`."""
        self._lines.skip_to(mark)


class JsonlSource(_LineSource):
    """One JSON object a line. See `Source`."""

    def __iter__(self) -> Iterator[Item]:
        """Every row that is not blank, once."""
        while True:
            line = b""
            try:
                line = next(self._lines)
                if line.strip():
                    yield self._item(line)
            except StopIteration:
                return
            except DataError as error:
                yield Item(self._lines.number, {}, len(line), line[:_RAW_BYTES], error)

    def _item(self, line: bytes) -> Item:
        number = self._lines.number
        return Item(number, parse_line(self._lines.name, number, line), len(line), line[:_RAW_BYTES])


class CsvSource(_LineSource):
    """Comma-separated values (RFC 4180) with a header; a quoted field may hold line breaks. See `Source`.

    Raises:
        DataError: if there is no column `query`, or two columns have one name.
    """

    def __init__(self, lines: Lines, total: int | None) -> None:
        super().__init__(lines, total)
        self._record = _Record(lines)
        self._reader = csv.reader(self._record, strict=True)
        self.columns = self._header()

    def __iter__(self) -> Iterator[Item]:
        """Every row that is not blank, once."""
        while True:
            first = self._lines.number + 1
            self._record.raw.clear()
            try:
                fields = next(self._reader)
                if fields:
                    size, raw = self._taken()
                    yield Item(first, self._row(first, fields), size, raw)
            except StopIteration:
                return
            except (csv.Error, DataError) as error:
                size, raw = self._taken()
                yield Item(first, {}, size, raw, self._explained(first, error))

    def _taken(self) -> tuple[int, bytes]:
        return len(self._record.raw), bytes(self._record.raw[:_RAW_BYTES])

    def _row(self, line: int, fields: list[str]) -> dict[str, Any]:
        columns = self.columns or []
        if len(fields) != len(columns):
            raise DataError(self._lines.name, line, f"has {len(fields)} fields, the header names {len(columns)}")
        if any(_is_no_text(field) for field in fields):
            raise DataError(self._lines.name, line, "is not UTF-8 text")
        return dict(zip(columns, fields, strict=True))

    def _explained(self, first: int, error: csv.Error | DataError) -> DataError:
        if isinstance(error, DataError):
            return error
        last = self._lines.number
        where = f" (the row ends on line {last})" if last > first else ""
        return DataError(self._lines.name, first, f"is not valid CSV: {error}{where}; check its quotation marks")

    def _header(self) -> list[str]:
        try:
            columns = next(self._reader, [])
        except csv.Error as error:
            raise self._explained(1, error) from error
        columns = [name.strip() for name in columns]
        if any(_is_no_text(name) for name in columns):
            raise DataError(self._lines.name, 1, "is not UTF-8 text; save the file as UTF-8")
        if columns and QUERY not in columns:
            raise DataError(
                self._lines.name, 1, f"the header has no column {QUERY!r}, found {columns}; commas separate columns"
            )
        if len(set(columns)) != len(columns):
            raise DataError(self._lines.name, 1, f"every column needs a name of its own, found {columns}")
        return columns


def _is_no_text(field: str) -> bool:
    """Whether there were bytes in it that are no UTF-8; see `_Record`."""
    return not field.isascii() and any("\udc80" <= char <= "\udcff" for char in field)


class _Record:
    """Feeds the CSV reader with lines, and keeps those of the row that it is reading."""

    def __init__(self, lines: Lines) -> None:
        self.raw = bytearray()
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.raw += line
        # Bytes that are no UTF-8 become surrogates, so that the row is reported instead of the file.
        return line.removeprefix(codecs.BOM_UTF8 if self._lines.number == 1 else b"").decode(
            "utf-8", errors="surrogateescape"
        )


@contextlib.contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; only opening may fail as a wrong path
    except OSError as error:
        raise DataError(name, None, f"cannot be read ({error.strerror}); check --input-file") from error
    with file:
        yield file


def _size(file: IO[bytes]) -> int | None:
    """Length of a regular file; None for a pipe."""
    try:
        status = os.fstat(file.fileno())
    except OSError:  # standard input that is no file of the operating system
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
