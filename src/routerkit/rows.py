"""Labelled rows: the JSONL that training and evaluation read, one JSON object a line.

    {"query": "What is 2+2?", "category": "math"}

Optional: `also` (further categories that are equally right), `source` (where the row comes from). Other fields are
kept out. `"category": null` marks a query outside every category.
"""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerkit.errors import DataError, InputError
from routerkit.query import check_query

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled query.

    Attributes:
        query: the text.
        category: its label, or None for a query outside every category.
        also: further labels that are equally right.
        source: where the row comes from, empty if not stated.
    """

    query: str
    category: str | None
    also: tuple[str, ...] = ()
    source: str = ""


def read_rows(path: Path | str, *, categories: Collection[str] | None = None) -> list[Row]:
    """Read labelled rows and check every one.

    Args:
        path: a JSONL file.
        categories: the labels allowed; None allows any.

    Raises:
        DataError: naming file and line of the first bad row, or saying that the file is missing or empty.
    """
    rows = [parse_row(path, line, data, categories) for line, data in read_json_lines(path)]
    if not rows:
        raise DataError(path, None, 'is empty; it needs lines such as {"query": "What is 2+2?", "category": "math"}')
    return rows


def read_outside_rows(path: Path | str) -> list[Row]:
    """Read queries that are outside every category; whatever label they carry is ignored.

    Raises:
        DataError: as `read_rows` does.
    """
    unlabelled = {"category": None, "also": None}
    rows = [parse_row(path, line, data | unlabelled, None) for line, data in read_json_lines(path)]
    if not rows:
        raise DataError(path, None, 'is empty; it needs lines such as {"query": "set an alarm", "category": null}')
    return rows


def read_json_lines(path: Path | str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number, counted from 1, and object of each line that is not blank.

    Raises:
        DataError: if the file cannot be read, is not UTF-8, or a line is not a JSON object.
    """
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, parse_line(path, number, line)
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror}); check the path") from error


def parse_line(path: Path | str, number: int, line: bytes) -> dict[str, Any]:
    """Decode and parse one line; the mark that some editors put before the first one is no part of it.

    Raises:
        DataError: if it is not UTF-8, or not a JSON object.
    """
    try:
        text = line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(path, number, "is not UTF-8 text; save the file as UTF-8, one JSON object a line") from error
    return parse_object(path, number, text)


def parse_object(path: Path | str, number: int, line: str) -> dict[str, Any]:
    """Parse one line.

    Raises:
        DataError: if it is not a JSON object.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(path, number, f"is not valid JSON ({error}); write one object a line") from error
    if not isinstance(data, dict):
        raise DataError(path, number, f"expected a JSON object, found {type(data).__name__}")
    return data


def parse_row(path: Path | str, line: int, data: dict[str, Any], categories: Collection[str] | None) -> Row:
    """Check the object of one line.

    Raises:
        DataError: naming file and line, if the query, the category or `also` cannot be used.
    """
    for key in ("query", "category"):
        if key not in data:
            raise DataError(path, line, f"has no {key!r}; found the fields {sorted(data)}")
    try:
        query = check_query(data["query"])
    except InputError as error:
        raise DataError(path, line, str(error)) from error
    also = data.get("also") or []
    also = [also] if isinstance(also, str) else also
    if not isinstance(also, list) or None in also:
        raise DataError(path, line, f"'also' must be a category or a list of categories, found {also!r}")
    for label in (data["category"], *also):
        _check_label(path, line, label, categories)
    return Row(query=query, category=data["category"], also=tuple(also), source=str(data.get("source") or ""))


def _check_label(path: Path | str, line: int, label: object, categories: Collection[str] | None) -> None:
    if label is None:
        return
    if not isinstance(label, str) or not label.strip():
        raise DataError(path, line, f"the category must be a name or null, found {label!r}")
    if categories is not None and label not in categories:
        raise DataError(path, line, f"unknown category {label!r}; the router knows {', '.join(categories)}")
