"""Nothing that belongs together is torn apart, and every part has its share."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from routerkit_training.data.leaks import PARTS, Split, SplitPlan, split_rows
from routerkit_training.data.similarity import near_pairs

from routerkit.errors import ConfigError, DataError
from routerkit.spec import parse
from tests.training.data.rows import data_rows

if TYPE_CHECKING:
    from routerkit_training.data.files import DataRow

_SYLLABLES = ["ba", "ce", "di", "fo", "gu", "hy", "ka", "le", "mi", "no"]


def _rows(per_category: int = 120, categories: str = "abc") -> list[DataRow]:
    """Different rows; every tenth is a near-duplicate of the one before, some with another label."""
    words = ["".join(one) for one in itertools.product(_SYLLABLES, repeat=3)]
    pairs: list[tuple[str, str | None]] = []
    for number, category in enumerate(itertools.islice(itertools.cycle(categories), per_category * len(categories))):
        one, other, third = words[number % 1000], words[(number * 37 + 5) % 1000], words[(number * 91 + 7) % 1000]
        pairs.append((f"{one} {other} {third} {one[::-1]}{other[::-1]}", category))
        if number % 10 == 0:
            pairs[-1] = (f"{pairs[number - 1][0]} so", category) if number else pairs[-1]
    return data_rows(*pairs)


def _with_field(rows: list[DataRow], name: str, values: list[object]) -> list[DataRow]:
    return [replace(row, fields={**row.fields, name: value}) for row, value in zip(rows, values, strict=True)]


def _part_of(split: Split) -> dict[int, str]:
    return {row.line: name for name in PARTS for row in split.parts[name]}


def test_every_row_is_in_one_part_and_every_category_has_its_share_there() -> None:
    rows = _rows()
    split = split_rows(rows, SplitPlan(validation_share=0.2, test_share=0.1))
    assert sorted(_part_of(split)) == [row.line for row in rows]
    assert sum(map(len, split.parts.values())) == len(rows)
    for name, share in (("train", 0.7), ("validation", 0.2), ("test", 0.1)):
        counts = Counter(row.label for row in split.parts[name])
        assert all(abs(counts[label] - share * 120) <= 2 for label in "abc"), (name, counts)


def test_near_duplicates_are_in_one_part_whatever_their_labels() -> None:
    rows = _rows()
    pairs = near_pairs([row.query for row in rows])
    assert {rows[pair.first].label != rows[pair.second].label for pair in pairs} == {True}
    part = _part_of(split_rows(rows, SplitPlan()))
    assert all(part[rows[pair.first].line] == part[rows[pair.second].line] for pair in pairs)


def test_rows_with_the_same_value_of_the_group_field_are_in_one_part() -> None:
    rows = _with_field(_rows(), "topic", [f"topic {number // 6}" for number in range(360)])
    split = split_rows(rows, SplitPlan(group_field="topic"))
    parts_of: dict[object, set[str]] = {}
    for name in PARTS:
        for row in split.parts[name]:
            parts_of.setdefault(row.fields["topic"], set()).add(name)
    assert all(len(parts) == 1 for parts in parts_of.values())
    assert split.groups < 61
    assert split.largest >= 6
    assert 25 <= len(split.parts["test"]) <= 47


def test_rows_without_a_value_of_the_group_field_are_groups_of_their_own() -> None:
    values: list[object] = ["same" if number < 10 else None for number in range(360)]
    rows = _with_field(_rows(), "topic", values)
    part = _part_of(split_rows(rows, SplitPlan(group_field="topic")))
    assert len({part[line] for line in range(1, 11)}) == 1
    assert set(part.values()) == set(PARTS)


def test_rows_outside_every_category_are_spread_too() -> None:
    rows = _rows()
    rows = [replace(row, row=replace(row.row, category=None)) if row.label == "c" else row for row in rows]
    split = split_rows(rows, SplitPlan())
    assert [sum(row.row.category is None for row in split.parts[name]) for name in PARTS] == pytest.approx(
        [96, 12, 12], abs=2
    )


def test_the_split_depends_on_the_seed_alone() -> None:
    rows = _rows()
    assert split_rows(rows, SplitPlan(seed=1)) == split_rows(rows, SplitPlan(seed=1))
    assert _part_of(split_rows(rows, SplitPlan(seed=1))) != _part_of(split_rows(rows, SplitPlan(seed=2)))


def test_rows_stay_in_the_order_of_the_file() -> None:
    for part in split_rows(_rows(), SplitPlan()).parts.values():
        assert [row.line for row in part] == sorted(row.line for row in part)


def test_a_group_field_that_no_row_has_is_named_with_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no row has the group field 'origin'; found \['category', 'query'\]"):
        split_rows(_rows(), SplitPlan(group_field="origin"))


def test_a_category_that_cannot_be_in_every_part_is_named() -> None:
    rows = [*_rows(categories="ab"), *data_rows(("quite alone", "rare"), ("all by itself", "rare"))]
    with pytest.raises(DataError, match=r"the \w+ part gets no row of rare"):
        split_rows(rows, SplitPlan())


@pytest.mark.parametrize(
    "wrong", [{"validation_share": 0.0}, {"test_share": 1.0}, {"validation_share": 0.5, "test_share": 0.5}]
)
def test_shares_that_leave_a_part_empty_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="share"):
        parse(SplitPlan, wrong, source="command line")
