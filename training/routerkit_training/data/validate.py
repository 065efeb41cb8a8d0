"""Every fault of a file of labelled rows, not only the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routerkit.errors import DataError
from routerkit.rows import Row, parse_line, parse_row
from routerkit_training.splits import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What checking one file found.

    Attributes:
        rows: rows read, faulty ones included; blank lines do not count.
        repeated: rows whose query stood there before with a label that agrees; training leaves them out.
        faults: one error for each faulty row, in the order of the file.
    """

    rows: int
    repeated: int
    faults: list[DataError]


def validate(path: Path, categories: Collection[str] | None = None) -> Validation:
    """Check every row of a file.

    A row is at fault if training or evaluation would refuse the file for it, if `also` says nothing new, or if the
    same query stood there before with another label.

    Args:
        path: a JSONL file.
        categories: the labels allowed; None allows any.

    Raises:
        DataError: if the file cannot be read or has no rows.
    """
    seen: dict[str, tuple[int, Row]] = {}
    faults: list[DataError] = []
    count = repeated = 0
    for line, content in _lines(path):
        count += 1
        try:
            row = _checked(path, line, content, categories)
            first_line, first = seen.setdefault(key_of(row.query), (line, row))
            if first is not row:
                _check_same_label(path, line, row, first_line, first)
                repeated += 1
        except DataError as fault:
            faults.append(fault)
    if not count:
        raise DataError(path, None, 'is empty; it needs lines such as {"query": "What is 2+2?", "category": "math"}')
    return Validation(rows=count, repeated=repeated, faults=faults)


def labels_agree(row: Row, other: Row) -> bool:
    """Whether two rows have the same category, or one names the other's in `also`."""
    return row.category == other.category or row.category in other.also or other.category in row.also


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror}); check the path") from error


def _checked(path: Path, line: int, content: bytes, categories: Collection[str] | None) -> Row:
    row = parse_row(path, line, parse_line(path, line, content), categories)
    if row.category is None and row.also:
        raise DataError(path, line, "is outside every category (null), so `also` must be empty; found " + str(row.also))
    if row.category in row.also or len(set(row.also)) < len(row.also):
        raise DataError(path, line, f"`also` repeats a label: category {row.category!r}, also {list(row.also)}")
    return row


def _check_same_label(path: Path, line: int, row: Row, first_line: int, first: Row) -> None:
    if not labels_agree(row, first):
        raise DataError(
            path,
            line,
            f"the query {row.query[:60]!r} is labelled {row.category!r} here and {first.category!r} in line "
            f"{first_line}; keep one, or name the other one in `also`",
        )
