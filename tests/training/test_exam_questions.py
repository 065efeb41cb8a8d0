"""Exam questions: stems without options, evenly over the subjects that belong to one category."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from routerkit_training import exam_questions as module
from routerkit_training.exam_questions import read_exam_questions

from routerkit.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with nine law questions, one of biology, one of a mixed subject and one of another data set."""
    path = tmp_path / module.FILE
    path.parent.mkdir(parents=True)
    lines = [("mmlu", "law", "general", f"May a tenant of flat {n} keep a dog?\nA. Yes\nB. No") for n in range(9)]
    lines += [
        ("mmlu", "biology", "science", "Which cell carries oxygen?\nA. Red\nB. White"),
        ("mmlu", "miscellaneous", "general", "How many legs has a spider?\nA. 6\nB. 8"),
        ("gsm8k", "gsm8k", "math", "Anna has 3 apples and eats 1. How many are left?"),
    ]
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("dataset", "subject", "category", "query"), *lines])
    return tmp_path


def test_the_options_are_left_out(data: Path) -> None:
    science = [row.query for row in read_exam_questions(data) if row.category == "science"]
    assert science == ["Which cell carries oxygen?"]


def test_subjects_that_belong_to_several_categories_and_other_data_sets_are_left_out(data: Path) -> None:
    queries = " ".join(row.query for row in read_exam_questions(data))
    assert "spider" not in queries
    assert "apples" not in queries


def test_no_subject_outweighs_the_others(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_PER_SUBJECT", 4)
    assert Counter(row.category for row in read_exam_questions(data)) == {"general": 4, "science": 1}


@pytest.mark.parametrize("stem", ["Too short", "Statement 1 | A ring is a field. Statement 2 | It is not.", "x" * 701])
def test_stems_that_are_no_query_are_left_out(tmp_path: Path, stem: str) -> None:
    path = tmp_path / module.FILE
    path.parent.mkdir(parents=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("dataset", "subject", "category", "query"), ("mmlu", "law", "general", stem)])
    assert read_exam_questions(tmp_path) == []


def test_stems_that_several_questions_share_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / module.FILE
    path.parent.mkdir(parents=True)
    stem = "Which of the following is true?"
    lines = [("mmlu", "law", "general", stem), ("mmlu", "biology", "science", stem.lower())]
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("dataset", "subject", "category", "query"), *lines])
    assert read_exam_questions(tmp_path) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        read_exam_questions(tmp_path)
