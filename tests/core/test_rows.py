from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from routerkit.errors import DataError
from routerkit.rows import Row, read_json_lines, read_outside_rows, read_rows

if TYPE_CHECKING:
    from pathlib import Path

GOOD = '{"query": "What is 2+2?", "category": "math"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def rows_of(path: Path, *lines: str, categories: list[str] | None = None) -> list[Row]:
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_rows(path, categories=categories)


def fault_of(path: Path, *lines: str, categories: list[str] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        rows_of(path, *lines, categories=categories)
    assert caught.value.path == path
    assert str(caught.value).startswith(str(path))
    return caught.value


def test_rows_are_read_in_order_and_other_fields_are_kept_out(path: Path) -> None:
    lines = (
        '{"query": "What is 2+2?", "category": "math", "source": "mine", "difficulty": 3}',
        '{"category": "code", "query": "Why does `x[0]` fail?"}',
    )
    assert rows_of(path, *lines) == [
        Row(query="What is 2+2?", category="math", source="mine"),
        Row(query="Why does `x[0]` fail?", category="code"),
    ]


def test_the_path_may_be_text(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-8")
    assert read_rows(str(path)) == [Row(query="What is 2+2?", category="math")]


@pytest.mark.parametrize(
    ("also", "found"),
    [
        ('"science"', ("science",)),
        ('["science", "code"]', ("science", "code")),
        ("[]", ()),
        ("null", ()),
        ('""', ()),
    ],
)
def test_further_right_categories_are_a_string_or_a_list(path: Path, also: str, found: tuple[str, ...]) -> None:
    assert rows_of(path, f'{{"query": "q", "category": "math", "also": {also}}}')[0].also == found


def test_a_category_of_null_marks_a_query_outside_every_category(path: Path) -> None:
    assert rows_of(path, '{"query": "q", "category": null}', categories=["math"])[0].category is None


def test_blank_lines_are_skipped_but_counted(path: Path) -> None:
    assert len(rows_of(path, "", GOOD, "   ", GOOD, "")) == 2
    assert fault_of(path, "", GOOD, "   ", "{").line == 4


def test_lines_may_end_as_on_windows_and_the_last_one_in_nothing(path: Path) -> None:
    path.write_bytes(f"{GOOD}\r\n{GOOD}\r\n{GOOD}".encode())
    assert len(read_rows(path)) == 3


def test_unusual_line_separators_inside_a_query_do_not_split_it(path: Path) -> None:
    assert rows_of(path, '{"query": "a\u2028b\u0085c", "category": "math"}')[0].query == "a\u2028b\u0085c"


def test_invalid_json_on_line_17_is_reported_as_line_17(path: Path) -> None:
    error = fault_of(path, *[GOOD] * 16, '{"query": "cut off', GOOD)
    assert error.line == 17
    assert f"{path}, line 17: is not valid JSON" in str(error)
    assert "write one object a line" in str(error)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[1, 2]", "expected a JSON object, found list"),
        ('"text"', "expected a JSON object, found str"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"query": "q"}', "has no 'category'; found the fields ['query']"),
        ('{"text": "q", "category": "math"}', "has no 'query'; found the fields ['category', 'text']"),
        ('{"query": "", "category": "math"}', "the query is empty"),
        ('{"query": 5, "category": "math"}', "must be a string, got int"),
        ('{"query": "\\u0000", "category": "math"}', "binary data"),
        (json.dumps({"query": "a" * 100_000, "category": "math"}), "100,000 characters"),
        ('{"query": "q", "category": ""}', "must be a name or null, found ''"),
        ('{"query": "q", "category": 3}', "must be a name or null, found 3"),
        ('{"query": "q", "category": ["math"]}', "must be a name or null, found ['math']"),
        ('{"query": "q", "category": "law"}', "unknown category 'law'; the router knows math, code"),
        ('{"query": "q", "category": "Math"}', "unknown category 'Math'"),
        ('{"query": "q", "category": "math", "also": ["law"]}', "unknown category 'law'"),
        ('{"query": "q", "category": "math", "also": "law"}', "unknown category 'law'"),
        ('{"query": "q", "category": "math", "also": 5}', "'also' must be a category or a list of categories, found 5"),
        ('{"query": "q", "category": "math", "also": {"code": 1}}', "'also' must be a category or a list"),
        ('{"query": "q", "category": "math", "also": [null]}', "'also' must be a category or a list"),
    ],
    ids=lambda value: value[:40],
)
def test_a_bad_row_is_reported_with_its_line_number_and_its_fault(path: Path, line: str, problem: str) -> None:
    error = fault_of(path, GOOD, line, categories=["math", "code"])
    assert error.line == 2
    assert problem in str(error)


def test_rows_outside_every_category_need_no_label_and_lose_the_one_they_have(path: Path) -> None:
    path.write_text(f'{{"query": "set an alarm"}}\n{GOOD}\n', encoding="utf-8")
    assert read_outside_rows(path) == [
        Row(query="set an alarm", category=None),
        Row(query="What is 2+2?", category=None),
    ]


def test_a_file_of_rows_outside_every_category_is_checked_like_any_other(path: Path) -> None:
    path.write_text("\n\n", encoding="utf-8")
    with pytest.raises(DataError, match="is empty; it needs lines such as"):
        read_outside_rows(path)
    path.write_text('{"query": "q"}\n{"query": ""}', encoding="utf-8")
    with pytest.raises(DataError, match="line 2: the query is empty"):
        read_outside_rows(path)


def test_any_category_is_allowed_when_none_are_given(path: Path) -> None:
    assert rows_of(path, '{"query": "q", "category": "law"}')[0].category == "law"


@pytest.mark.parametrize("content", ["", "\n\n  \n"])
def test_an_empty_file_is_named_with_an_example_of_a_row(path: Path, content: str) -> None:
    error = fault_of(path, content)
    assert error.line is None
    assert 'is empty; it needs lines such as {"query":' in str(error)


def test_a_line_that_is_not_utf_8_is_named(path: Path) -> None:
    good = b'{"query": "sum", "category": "math"}\n'
    path.write_bytes(good + '{"query": "Grüße", "category": "math"}'.encode("latin-1"))
    with pytest.raises(DataError, match="line 2: is not UTF-8 text; save the file as UTF-8"):
        read_rows(path)


def test_the_mark_that_some_editors_put_before_utf_8_is_no_part_of_the_first_row(path: Path) -> None:
    path.write_text('{"query": "sum", "category": "math"}\n', encoding="utf-8-sig")
    assert read_rows(path) == [Row(query="sum", category="math")]


def test_a_missing_file_and_a_folder_are_named(path: Path) -> None:
    for wrong in (path, path.parent):
        with pytest.raises(DataError, match=r"cannot be read .*; check the path"):
            read_rows(wrong)


def test_lines_are_given_with_their_number_as_they_are_read(path: Path) -> None:
    path.write_text('{"a": 1}\n\n{"b": 2}\n{', encoding="utf-8")
    lines = read_json_lines(path)
    assert [next(lines), next(lines)] == [(1, {"a": 1}), (3, {"b": 2})]
    with pytest.raises(DataError, match="line 4"):
        next(lines)


@pytest.mark.parametrize("name", ["train.jsonl", "validation.jsonl", "test.jsonl"])
def test_the_real_queries_are_all_readable(shared_data: Path, name: str, categories: list[str]) -> None:
    rows = read_rows(shared_data / name, categories=categories)
    assert {row.category for row in rows} - {None} == set(categories)
