from __future__ import annotations

import csv
import io
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.bulk.lines import Lines
from routerkit.bulk.sources import CsvSource, JsonlSource, format_of
from routerkit.errors import DataError

if TYPE_CHECKING:
    from routerkit.bulk.sources import Item

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)


def table(content: bytes) -> CsvSource:
    return CsvSource(Lines("in.csv", io.BytesIO(content)), None)


def jsonl(content: bytes) -> list[Item]:
    return list(JsonlSource(Lines("in.jsonl", io.BytesIO(content)), None))


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=8), done=st.integers(0, 8))
def test_csv_rows_come_back_as_they_were_also_after_a_pause(rows: list[tuple[str, str]], done: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("id", "query"), *rows])
    content = text.getvalue().encode()
    before, after = table(content), table(content)
    found = list(itertools.islice(before, done))
    after.skip_to(before.mark)
    assert [(item.row["id"], item.row["query"]) for item in [*found, *after]] == rows


def test_a_csv_row_is_numbered_by_its_first_line() -> None:
    found = list(table(b'query\n"one\ntwo"\nthree\n\nfour,five\nsix\n'))
    assert [item.line for item in found] == [2, 4, 6, 7]
    assert [item.row.get("query") for item in found] == ["one\ntwo", "three", None, "six"]
    assert str(found[2].error) == "in.csv, line 6: has 2 fields, the header names 1"


def test_a_quotation_mark_that_is_never_closed_spoils_no_more_than_it_swallows() -> None:
    rows = b"".join(b"row %d %s\n" % (number, b"x" * 1000) for number in range(400))
    found = list(table(b'query\n"never closed\n' + rows))
    bad = [item for item in found if item.error]
    assert bad[0].line == 2
    assert "check its quotation marks" in str(bad[0].error)
    assert "the row ends on line 13" in str(bad[0].error)
    assert found[-1].row["query"].startswith("row 399 ")
    assert len(found) > 200


def test_bytes_that_are_no_utf8_spoil_only_their_row() -> None:
    found = list(table(b"query,user\nsum,Zo\xc3\xab\nsum,Zo\xeb\nloop,x\n"))
    assert [item.row.get("user") for item in found] == ["Zo\xeb", None, "x"]
    assert "line 3: is not UTF-8 text" in str(found[1].error)
    assert found[1].raw == b"sum,Zo\xeb\n"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"text;id\n", r"line 1: the header has no column 'query', found \['text;id'\]; commas separate columns"),
        (b"query,query\n", r"line 1: every column needs a name of its own"),
        (b'"query\n', r"line 1: is not valid CSV: unexpected end of data"),
    ],
)
def test_a_header_that_cannot_be_used_is_an_error_of_the_file(header: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        table(header)


def test_the_mark_that_windows_puts_in_front_of_a_file_is_no_part_of_it() -> None:
    assert table(b"\xef\xbb\xbfquery\r\nsum\r\n").columns == ["query"]
    assert jsonl(b'\xef\xbb\xbf{"query": "sum"}\n')[0].row == {"query": "sum"}


def test_bad_json_lines_are_given_out_with_their_number_and_the_rest_goes_on() -> None:
    found = jsonl(b'{"query": "a"}\n\n[1]\nnope\n{"query": "b"}')
    assert [item.line for item in found] == [1, 3, 4, 5]
    assert [item.error is None for item in found] == [True, False, False, True]
    assert sum(item.size for item in found) == 15 + 4 + 5 + 14


@pytest.mark.parametrize(
    ("name", "kind"),
    [("-", "jsonl"), ("a.CSV", "csv"), ("a.parquet", "parquet"), ("a.ndjson", "jsonl"), ("a", "jsonl")],
)
def test_the_name_of_a_file_tells_its_format(name: str, kind: str) -> None:
    assert format_of(name) == kind


def test_a_table_in_another_encoding_is_named_by_what_is_wrong_with_it() -> None:
    with pytest.raises(DataError, match=r"in\.csv, line 1: is not UTF-8 text; save the file as UTF-8"):
        table("id,query\n1,hello\n".encode("utf-16"))
