"""The report counts right and judges by the goals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from routerkit_training.data.files import OUTSIDE, DataRow
from routerkit_training.data.report import MAX_OPENING, Report, report_on
from routerkit_training.data.show import report_lines

from tests.training.data.rows import data_rows


def _goal(report: Report, name: str) -> tuple[float | None, bool]:
    (goal,) = [goal for goal in report.goals if goal.name == name]
    return goal.found, goal.met


def _varied(category: str | None, count: int, *, start: int = 0) -> list[tuple[str, str | None]]:
    """Rows that have nothing in common."""
    return [
        (f"w{start + n}a w{start + n}b w{start + n}c w{start + n}d {chr(97 + n % 26) * 20}", category)
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def rows() -> list[DataRow]:
    patterned: list[tuple[str, str | None]] = [
        (f"what is the {word * 2} of {word[::-1] * 3}", "math")
        for word in ("kiwi", "lamp", "moss", "fern", "barn", "coal")
    ]
    return data_rows(*patterned, *_varied("math", 34), *_varied("code", 40, start=100), *_varied(None, 4, start=300))


def test_rows_are_counted_by_category_and_outside(rows: list[DataRow]) -> None:
    report = report_on(rows)
    assert {name: one.rows for name, one in report.categories.items()} == {OUTSIDE: 4, "code": 40, "math": 40}
    assert report.rows == 84
    assert sum(one.share for one in report.categories.values()) == pytest.approx(1.0)


def test_common_openings_and_shapes_miss_their_goals(rows: list[DataRow]) -> None:
    report = report_on(rows)
    found = report.categories["math"]
    assert found.opening is not None
    assert found.shape is not None
    assert (found.opening.text, found.opening.rows) == ("what is the", 6)
    assert (found.shape.text, found.shape.rows) == ("what is the _ of _", 6)
    assert _goal(report, "commonest opening") == (6 / 40, False)
    assert _goal(report, "commonest shape") == (6 / 40, False)
    assert {goal.where for goal in report.missed if goal.name.startswith("commonest")} == {"math"}


def test_what_fewer_than_five_rows_share_is_no_pattern(rows: list[DataRow]) -> None:
    report = report_on(rows[2:])
    found = report.categories["math"].opening
    assert found is not None
    assert (found.rows, found.share > MAX_OPENING) == (4, True)
    assert _goal(report, "commonest opening") == (0.0, True)


def test_near_duplicates_count_within_a_category_and_borders_across() -> None:
    pairs = [("rooster lays an egg on the roof", "a"), ("a rooster lays an egg on the roof", "a")]
    rows = data_rows(*pairs, ("one rooster lays an egg on the roof", "b"), *_varied("b", 5))
    report = report_on(rows)
    assert report.near_duplicates == pytest.approx(2 / 8)
    assert report.border_pairs == 2
    assert _goal(report, "near-duplicates") == (0.25, False)


def test_lengths_and_question_marks_are_measured() -> None:
    rows = data_rows(*((f"{'x' * n}?" if n % 4 == 0 else "x " * n + "x", "a") for n in range(1, 21)))
    found = report_on(rows).categories["a"]
    assert found.question_marks == 0.25
    assert found.characters["longest"] == 39
    assert found.words["p10"] == 1
    assert found.characters["p10"] <= found.characters["median"] <= found.characters["p90"]


def test_overlap_with_another_file_misses_its_goal_and_shows_examples(rows: list[DataRow]) -> None:
    other = data_rows(("nothing like it", "math"), (rows[20].query.upper() + "?", "code"), path=Path("test.jsonl"))
    report = report_on(rows, against={"test.jsonl": other, "none.jsonl": other[:1]})
    assert [(one.file, one.rows) for one in report.overlaps] == [("test.jsonl", 1), ("none.jsonl", 0)]
    (example,) = report.overlaps[0].examples
    assert (example["line"], example["kept_line"]) == (21, 2)
    assert [(goal.where, goal.met) for goal in report.goals if goal.name == "overlap"] == [
        ("test.jsonl", False),
        ("none.jsonl", True),
    ]


def test_what_cannot_be_measured_misses_no_goal() -> None:
    report = report_on(data_rows(("only one row", "a")))
    assert report.probe is None
    assert _goal(report, "format probe") == _goal(report, "distinct-2") == (None, True)
    assert report.missed == []


def test_the_report_is_plain_data_and_readable_text(rows: list[DataRow]) -> None:
    report = report_on(rows, against={"other.jsonl": rows[:2]})
    figures = json.loads(json.dumps(report.to_dict()))
    assert figures["categories"]["math"]["opening"] == {"text": "what is the", "rows": 6, "share": 0.15}
    assert [goal["name"] for goal in figures["goals"] if not goal["met"]] == [goal.name for goal in report.missed]
    text = "\n".join(report_lines(report))
    assert "15.00% 'what is the'" in text
    assert "MISSED" in text
    assert "length and punctuation alone: balanced accuracy" in text
