"""Training and validation rows share nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from routerkit_training.splits import HOLD_OUT_SHARE, MIN_ROWS, Splits, key_of, make_splits

from routerkit.errors import DataError
from routerkit.rows import Row
from tests.training.support import obvious_rows

_FILE = Path("rows.jsonl")


def _split(train: list[Row], validation: list[Row] | None = None, *, seed: int = 0, order: list[str] = []) -> Splits:  # noqa: B006
    return make_splits(train, validation, seed=seed, path=_FILE, order=order)


def _numbered(category: str, count: int, *, start: int = 0) -> list[Row]:
    return [Row(query=f"{category} number {start + n}", category=category) for n in range(count)]


def test_a_validation_part_is_held_out_with_the_same_share_of_every_category() -> None:
    splits = _split([*_numbered("a", 100), *_numbered("b", 40), *_numbered("c", 7)])
    assert Counter(row.category for row in splits.validation) == {"a": 15, "b": 6, "c": 1}
    assert Counter(row.category for row in splits.train) == {"a": 85, "b": 34, "c": 6}
    assert pytest.approx(0.15) == HOLD_OUT_SHARE


def test_the_parts_share_no_query_and_lose_none() -> None:
    rows = obvious_rows()
    splits = _split(rows)
    train, validation = ({row.query for row in part} for part in (splits.train, splits.validation))
    assert not train & validation
    assert train | validation == {row.query for row in rows}


def test_the_hold_out_depends_on_the_seed_alone() -> None:
    rows = obvious_rows()
    assert _split(rows, seed=3) == _split(rows, seed=3)
    assert _split(rows, seed=3).validation != _split(rows, seed=4).validation


@pytest.mark.parametrize("twin", ["What is  a SUM?", "what is a sum", " what is a sum?! ", "What is\na sum."])
def test_queries_that_differ_in_outfit_only_are_duplicates(twin: str) -> None:
    rows = [Row(query="What is a sum?", category="a"), *_numbered("a", 9), *_numbered("b", 9)]
    splits = _split([*rows, Row(query=twin, category="a")])
    assert splits.duplicates == 1
    assert len(splits.train) + len(splits.validation) == len(rows)
    assert key_of(twin) == key_of("What is a sum?")


def test_queries_that_differ_in_a_word_are_no_duplicates() -> None:
    assert key_of("what is c") != key_of("what is c++")
    assert key_of("is it 3.5") != key_of("is it 35")


def test_a_query_with_two_labels_is_refused_naming_both() -> None:
    rows = [*_numbered("a", 9), *_numbered("b", 9), Row(query="A number 3?", category="b")]
    with pytest.raises(DataError, match=r"rows\.jsonl: the query 'A number 3\?' is labelled both 'a' and 'b'"):
        _split(rows)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Row(query="q", category="a", also=("b",)), Row(query="Q", category="b")),
        (Row(query="q", category="a"), Row(query="Q", category="b", also=("a",))),
    ],
)
def test_a_second_label_is_no_conflict_if_also_names_it(first: Row, second: Row) -> None:
    splits = _split([first, second, *_numbered("a", 9), *_numbered("b", 9)])
    assert splits.duplicates == 1
    assert second not in [*splits.train, *splits.validation]


def test_training_rows_that_the_validation_file_also_has_are_left_out() -> None:
    train = [*_numbered("a", 9), *_numbered("b", 9)]
    validation = [Row(query="A number 2?", category="a"), Row(query="new", category="b")]
    splits = _split(train, validation)
    assert splits.leaked == 1
    assert splits.validation == validation
    assert "a number 2" not in {row.query for row in splits.train}
    assert len(splits.train) == 17


def test_with_a_validation_file_nothing_is_held_out() -> None:
    train = [*_numbered("a", 9), *_numbered("b", 9)]
    assert _split(train, _numbered("a", 2, start=50)).train == train


def test_rows_without_a_category_are_no_rows_to_classify() -> None:
    outside = [Row(query=f"outside {n}", category=None) for n in range(5)]
    splits = _split([*outside, *_numbered("a", 9), *_numbered("b", 9)], [*outside, *_numbered("a", 3, start=20)])
    assert splits.categories == ["a", "b"]
    assert (len(splits.train), len(splits.validation)) == (18, 3)
    assert (splits.duplicates, splits.leaked) == (0, 0)
    assert (splits.outside_train, splits.outside_validation) == ([], outside)


def test_rows_without_a_category_are_divided_where_there_is_no_validation_file() -> None:
    outside = [Row(query=f"outside {n}", category=None) for n in range(70)]
    splits = _split([*outside, *outside[:5], *_numbered("a", 9), *_numbered("b", 9)])
    assert (len(splits.outside_train), len(splits.outside_validation)) == (60, 10)
    assert {row.query for row in splits.outside_train + splits.outside_validation} == {row.query for row in outside}


def test_the_labels_are_sorted_by_name() -> None:
    assert _split([*_numbered("z", 9), *_numbered("a", 9), *_numbered("m", 9)]).categories == ["a", "m", "z"]


def test_a_continued_router_keeps_the_order_of_its_labels_and_those_without_rows() -> None:
    splits = _split([*_numbered("a", 9), *_numbered("z", 2)], order=["z", "q", "a"])
    assert splits.categories == ["z", "q", "a"]


def test_labels_that_a_continued_router_does_not_know_come_last() -> None:
    assert _split([*_numbered("a", 9), *_numbered("new", 9)], order=["z", "a"]).categories == ["z", "a", "new"]


@pytest.mark.parametrize("count", range(1, MIN_ROWS))
def test_a_category_with_too_few_rows_is_named_with_the_count_found_in_the_file(count: int) -> None:
    with pytest.raises(DataError, match=rf"too few rows of {{'rare': {count}}}; give at least {MIN_ROWS}"):
        _split([*_numbered("a", 9), *_numbered("rare", count)])


def test_the_fewest_rows_allowed_are_enough() -> None:
    splits = _split([*_numbered("a", MIN_ROWS), *_numbered("b", MIN_ROWS)])
    assert Counter(row.category for row in splits.validation) == {"a": 1, "b": 1}


def test_rows_that_the_validation_file_takes_away_count_as_missing() -> None:
    rare = _numbered("rare", MIN_ROWS)
    with pytest.raises(DataError, match=r"too few rows of \{'rare': 3\}"):
        _split([*_numbered("a", 9), *rare], rare[:1])


def test_one_category_is_not_enough() -> None:
    with pytest.raises(DataError, match=r"has the categories \['a'\]; a router needs at least two"):
        _split(_numbered("a", 20))


def test_a_validation_category_that_nothing_is_learnt_about_is_named() -> None:
    with pytest.raises(DataError, match=r"validation rows have the categories \['law'\]"):
        _split([*_numbered("a", 9), *_numbered("b", 9)], _numbered("law", 2))
