from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.bulk import lines
from routerkit.bulk.lines import Lines
from routerkit.errors import DataError

TEXTS = st.lists(st.binary(max_size=12), max_size=12).map(b"\n".join)


def opened(content: bytes) -> Lines:
    return Lines("in.jsonl", io.BytesIO(content))


@given(content=TEXTS, count=st.integers(0, 12))
def test_a_run_that_goes_on_gets_exactly_the_lines_that_were_left(content: bytes, count: int) -> None:
    before, after = opened(content), opened(content)
    done = list(itertools.islice(before, count))
    after.skip_to(before.mark)
    assert b"".join([*done, *after]) == content
    assert after.number == len(list(opened(content)))


@pytest.mark.parametrize("changed", [b"One\ntwo\nthree\n", b"one\n", b"", b"one\ntwo2\nthree\n"])
def test_an_input_that_has_changed_before_the_mark_is_noticed(changed: bytes) -> None:
    before = opened(b"one\ntwo\nthree\n")
    next(before)
    next(before)
    with pytest.raises(DataError, match="its first 2 lines are not those of the interrupted run"):
        opened(changed).skip_to(before.mark)


def test_an_input_may_have_grown_since() -> None:
    before = opened(b"one\ntwo\n")
    assert list(before) == [b"one\n", b"two\n"]
    after = opened(b"one\ntwo\nthree\n")
    after.skip_to(before.mark)
    assert (list(after), after.number) == ([b"three\n"], 3)


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_too_long_to_hold_is_an_error_and_the_next_one_is_read(
    monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 10)
    monkeypatch.setattr(lines, "_PIECE_BYTES", 7)
    content = b"short\n" + b"x" * 95 + end
    source = opened(content + (b"next\n" if end else b""))
    assert next(source) == b"short\n"
    with pytest.raises(DataError, match=r"in\.jsonl, line 2: is longer than 10 bytes"):
        next(source)
    assert list(source) == ([b"next\n"] if end else [])
    assert source.mark.offset == len(content) + (5 if end else 0)
