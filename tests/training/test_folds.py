"""Whole sources are left out, and every category keeps one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routerkit_training.folds import leave_sources_out

from routerkit.errors import ConfigError
from routerkit.rows import Row

_SOURCES = {"a1": "math", "a2": "math", "a3": "math", "b1": "code", "b2": "code", "b3": "code"}


def _rows(n: int = 10, sources: dict[str, str] = _SOURCES) -> list[Row]:
    return [
        Row(query=f"{name} {number}", category=label, source=name)
        for name, label in sources.items()
        for number in range(n)
    ]


def test_every_source_is_unseen_in_exactly_one_fold() -> None:
    folds = leave_sources_out(_rows(), 3, most_per_source=100)
    assert sorted(name for fold in folds for name in fold.sources) == sorted(_SOURCES)
    assert all({row.category for row in fold.unseen} == {"math", "code"} for fold in folds)


def test_no_row_of_a_source_that_is_left_out_is_learnt_from() -> None:
    for fold in leave_sources_out(_rows(), 3, most_per_source=100):
        assert not {row.source for row in fold.train} & set(fold.sources)
        assert {row.source for row in fold.unseen} == set(fold.sources)


def test_a_category_with_one_source_keeps_it() -> None:
    rows = [*_rows(), Row(query="only", category="law", source="c1")]
    folds = leave_sources_out(rows, 3, most_per_source=100)
    assert all("law" in {row.category for row in fold.train} for fold in folds)
    assert "c1" not in {name for fold in folds for name in fold.sources}


def test_rows_without_a_source_or_a_category_always_stay() -> None:
    free = [Row(query="mine", category="math"), Row(query="noise", category=None, source="a1")]
    for fold in leave_sources_out([*_rows(), *free], 3, most_per_source=100):
        assert all(row in fold.train for row in free)


def test_a_large_source_is_sampled_and_the_sample_is_repeatable() -> None:
    first, second = (leave_sources_out(_rows(50), 3, most_per_source=7, seed=4) for _ in range(2))
    assert first == second
    assert [len(fold.unseen) for fold in first] == [14, 14, 14]


def test_a_source_of_two_categories_is_left_out_as_a_whole() -> None:
    mixed = [Row(query=f"m {label}", category=label, source="mixed") for label in ("math", "code")]
    folds = leave_sources_out([*_rows(), *mixed], 3, most_per_source=100)
    (fold,) = [fold for fold in folds if "mixed" in fold.sources]
    assert [row for row in fold.unseen if row.source == "mixed"] == sorted(mixed, key=lambda row: str(row.category))


@pytest.mark.parametrize("n_folds", [-1, 0, 1])
def test_fewer_than_two_folds_are_refused(n_folds: int) -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        leave_sources_out(_rows(), n_folds, most_per_source=100)


def test_too_few_sources_are_refused_with_their_names() -> None:
    with pytest.raises(ConfigError, match=r"found the sources \['a1', 'b1'\]"):
        leave_sources_out(_rows(sources={"a1": "math", "b1": "code"}), 2, most_per_source=100)


@given(st.dictionaries(st.sampled_from("abcdefghij"), st.sampled_from(["math", "code", "law"]), min_size=2))
def test_every_category_keeps_a_source_whatever_the_sources_are(sources: dict[str, str]) -> None:
    rows = _rows(2, sources)
    try:
        folds = leave_sources_out(rows, 2, most_per_source=10)
    except ConfigError:
        return
    for fold in folds:
        assert {row.category for row in fold.train} == set(sources.values())
