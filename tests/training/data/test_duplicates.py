"""The first of several duplicates stays, and it is known for which row the others went."""

from __future__ import annotations

from pathlib import Path

import pytest
from routerkit_training.data.duplicates import deduplicate, repeated_elsewhere

from routerkit.errors import DataError
from tests.training.data.rows import data_rows


def test_duplicates_and_near_duplicates_are_dropped_for_the_first_row() -> None:
    rows = data_rows(
        ("rooster lays an egg on the roof", "commonsense"),
        ("why is the sea salty", "science"),
        ("Why is the sea SALTY?!", "science"),
        ("a rooster lays an egg on the roof", "commonsense"),
    )
    found = deduplicate(rows)
    assert [row.line for row in found.kept] == [1, 2]
    exact, near = found.dropped
    assert (exact.row.line, exact.kept.line, exact.kind, exact.similarity) == (3, 2, "exact", 1.0)
    assert (near.row.line, near.kept.line, near.kind) == (4, 1, "near")
    assert 0.7 <= near.similarity < 1
    assert near.to_dict()["kept_query"] == "rooster lays an egg on the roof"


def test_near_duplicates_with_different_labels_both_stay() -> None:
    rows = data_rows(
        ("please solve this three by three linear system by hand", "math"),
        ("please solve this three by three linear system in rust", "code"),
        ("please solve this three by three linear system with rust", "code"),
    )
    found = deduplicate(rows)
    assert [row.line for row in found.kept] == [1, 2]
    assert [(one.row.line, one.kept.line) for one in found.dropped] == [(3, 2)]
    assert found.borders == 1


def test_a_row_is_not_dropped_for_a_row_that_was_dropped_itself() -> None:
    chain = ["abcdefghijklmnop", "abcdefghijklmnopqr", "abcdefghijklmnopqrst", "abcdefghijklmnopqrstuvw"]
    found = deduplicate(data_rows(*((query, "x") for query in chain)), threshold=0.8)
    kept = {row.line for row in found.kept}
    assert {one.kept.line for one in found.dropped} <= kept
    assert 1 in kept
    assert len(kept) > 1


def test_a_higher_threshold_keeps_more() -> None:
    rows = data_rows(("rooster lays egg on roof peak", "x"), ("rooster lays egg on roof", "x"))
    assert len(deduplicate(rows, threshold=0.7).kept) == 1
    assert len(deduplicate(rows, threshold=0.9).kept) == 2


def test_rows_that_another_file_has_are_dropped_whatever_their_label() -> None:
    rows = data_rows(("hi", "general"), ("is 1001 a prime number", "math"), ("a quiet evening", "general"))
    other = data_rows(("Hi!", "code"), ("is 2027 a prime number", None), path=Path("test.jsonl"))
    found = deduplicate(rows, against=other)
    assert [row.line for row in found.kept] == [3]
    assert [(one.kind, one.kept.path.name, one.kept.line) for one in found.dropped] == [
        ("exact", "test.jsonl", 1),
        ("near", "test.jsonl", 2),
    ]
    assert sorted(repeated_elsewhere(rows, other)) == [0, 1]


def test_one_query_with_two_labels_is_refused_naming_both_lines() -> None:
    rows = data_rows(("why", "math"), ("so", "math"), ("Why?", "code"))
    with pytest.raises(
        DataError, match=r"rows\.jsonl, line 3: .* labelled 'code' here and 'math' in rows\.jsonl, line 1"
    ):
        deduplicate(rows)


def test_rows_outside_every_category_are_duplicates_of_each_other_only() -> None:
    rows = data_rows(
        ("set an alarm for seven", None),
        ("set an alarm for eleven", "general"),
        ("please set an alarm for seven", None),
    )
    assert [row.line for row in deduplicate(rows).kept] == [1, 2]
