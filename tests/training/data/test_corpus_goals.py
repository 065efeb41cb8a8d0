"""The corpus that ships is measured against the goals it was written for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from routerkit_training.corpus import Part, part_path
from routerkit_training.data.duplicates import repeated_elsewhere
from routerkit_training.data.files import DataRow, read_data
from routerkit_training.data.report import MAX_PROBE, Report, report_on
from routerkit_training.data.validate import validate

from routerkit.config import CATEGORIES

if TYPE_CHECKING:
    from pathlib import Path

PARTS: tuple[Part, ...] = ("train", "dev", "test")
ALL_PARTS: tuple[Part, ...] = (*PARTS, "paraphrases", "ambiguous")


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[DataRow]]:
    """The rows of every part."""
    return {part: read_data(part_path(part)) for part in ALL_PARTS}


@pytest.fixture(scope="module")
def reports(corpus: dict[str, list[DataRow]]) -> dict[str, Report]:
    """The report on every part."""
    return {part: report_on(corpus[part]) for part in PARTS}


@pytest.mark.parametrize("part", ALL_PARTS)
def test_no_row_is_faulty(part: Part) -> None:
    assert [str(fault) for fault in validate(part_path(part), CATEGORIES).faults] == []


@pytest.mark.parametrize("part", PARTS)
def test_wording_and_variety_meet_their_goals(reports: dict[str, Report], part: Part) -> None:
    assert [(goal.name, goal.where) for goal in reports[part].missed if goal.name != "format probe"] == []


@pytest.mark.parametrize("part", PARTS)
def test_length_and_punctuation_alone_hardly_tell_the_category(reports: dict[str, Report], part: Part) -> None:
    probe = reports[part].probe
    assert probe is not None
    assert probe.balanced_accuracy <= MAX_PROBE


def test_no_row_for_measuring_is_nearly_among_those_that_are_learnt(corpus: dict[str, list[DataRow]]) -> None:
    measured = [row for part in ("dev", "test", "paraphrases", "ambiguous") for row in corpus[part]]
    learnt = corpus["train"]
    # Beside another root in the training part: digits count as equal, and in a bare sum there is little else.
    assert [one.row.query for one in repeated_elsewhere(measured, learnt).values()] == ["square root of 1764"]


def test_no_row_of_the_shared_queries_is_nearly_in_the_corpus(
    corpus: dict[str, list[DataRow]], shared_data: Path
) -> None:
    shared = [row for name in ("train", "validation", "test") for row in read_data(shared_data / f"{name}.jsonl")]
    ours = [row for part in ALL_PARTS for row in corpus[part]]
    found = repeated_elsewhere(ours, shared)
    assert [(one.row.path.name, one.row.line, one.row.query) for one in found.values()] == []
