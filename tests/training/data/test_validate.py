"""Every fault is reported with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from routerkit_training.data.validate import validate

from routerkit.errors import DataError
from tests.training.data.rows import write

if TYPE_CHECKING:
    from pathlib import Path

GOOD = '{"query": "what is a sum", "category": "math", "mood": "calm"}'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"query": "a"', "is not valid JSON"),
        ("[1]", "expected a JSON object, found list"),
        ('{"query": "a"}', "has no 'category'"),
        ('{"query": "  ", "category": "math"}', "the query is empty"),
        ('{"query": 3, "category": "math"}', "a query must be a string, got int"),
        ('{"query": "a", "category": 3}', "the category must be a name or null, found 3"),
        ('{"query": "a", "category": "maths"}', "unknown category 'maths'; the router knows math, code"),
        ('{"query": "a", "category": "math", "also": ["law"]}', "unknown category 'law'"),
        ('{"query": "a", "category": "math", "also": ["math"]}', "`also` repeats a label"),
        ('{"query": "a", "category": "math", "also": ["code", "code"]}', "`also` repeats a label"),
        ('{"query": "a", "category": null, "also": ["code"]}', "`also` must be empty"),
        ('{"query": "What is a SUM?", "category": "code"}', "is labelled 'code' here and 'math' in line 1"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_number(tmp_path: Path, line: str, told: str) -> None:
    path = write(tmp_path / "rows.jsonl", GOOD, "", line, '{"query": "b", "category": "code"}')
    found = validate(path, ["math", "code"])
    (fault,) = found.faults
    assert str(fault).startswith(f"{path}, line 3: ")
    assert told in str(fault)
    assert (found.rows, found.repeated) == (3, 0)


def test_all_faults_are_reported_in_order_not_only_the_first(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", "{", GOOD, '{"query": ""}', GOOD, "null")
    found = validate(path)
    assert [fault.line for fault in found.faults] == [1, 3, 5]
    assert (found.rows, found.repeated) == (5, 1)


def test_a_line_that_is_not_utf_8_is_one_fault_among_good_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(GOOD.encode() + b"\n\xff\xfe\n" + b'{"query": "b", "category": "code"}\n')
    found = validate(path)
    assert [(fault.line, "is not UTF-8" in str(fault)) for fault in found.faults] == [(2, True)]
    assert found.rows == 3


def test_a_repeated_query_whose_other_label_also_names_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", GOOD, '{"query": "what is a sum?", "category": "code", "also": ["math"]}')
    assert validate(path).faults == []


def test_without_categories_any_name_is_allowed(tmp_path: Path) -> None:
    assert validate(write(tmp_path / "rows.jsonl", GOOD, '{"query": "b", "category": "law"}')).faults == []


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jsonl: cannot be read"):
        validate(tmp_path / "gone.jsonl")
    with pytest.raises(DataError, match=r"rows\.jsonl: is empty"):
        validate(write(tmp_path / "rows.jsonl", ""))
