"""Wrong labels come first in the list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from routerkit_training.data.label_errors import find_label_errors, out_of_fold_probabilities, router_probabilities

from routerkit.errors import DataError
from tests.training.data.rows import data_rows
from tests.training.support import WORDS, obvious_rows

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit_training.data.files import DataRow

_CATEGORIES = sorted(WORDS)


def _obvious() -> list[DataRow]:
    return data_rows(*((row.query, row.category) for row in obvious_rows(25)))


def _relabelled(rows: list[DataRow], position: int, category: str) -> list[DataRow]:
    row = rows[position]
    return [*rows[:position], replace(row, row=replace(row.row, category=category)), *rows[position + 1 :]]


def test_planted_wrong_labels_are_found_with_the_right_one() -> None:
    rows = _relabelled(_relabelled(_obvious(), 3, "math"), 40, "code")
    found = find_label_errors(rows, out_of_fold_probabilities(rows, _CATEGORIES), _CATEGORIES)
    assert {(one.row.line, one.suggested) for one in found.suspects[:2]} == {(4, "code"), (41, "general")}
    assert 0 < found.noise < 0.2
    assert found.accuracy > 0.9


def test_the_rule_of_confident_learning_is_followed() -> None:
    """Thresholds by hand: mean of column a over rows a is 0.7, of column b over rows b 0.6."""
    rows = data_rows(("1", "a"), ("2", "a"), ("3", "a"), ("4", "b"), ("5", "b"))
    probabilities = np.array([[0.9, 0.1], [0.85, 0.15], [0.35, 0.65], [0.2, 0.8], [0.6, 0.4]])
    found = find_label_errors(rows, probabilities, ["a", "b"])
    # Row 3 counts as b, for 0.65 >= 0.6; row 5 counts as nothing, for 0.6 < 0.7 and 0.4 < 0.6.
    assert [(one.row.line, one.suggested, one.given_probability) for one in found.suspects] == [(3, "b", 0.35)]
    # The joint counts [[2, 1], [0, 1]] scaled to 3 and 2 labels: one of five off the diagonal.
    assert found.noise == pytest.approx(0.2)
    assert found.accuracy == pytest.approx(0.6)


def test_the_most_suspicious_rows_come_first() -> None:
    rows = data_rows(*((str(n), "a") for n in range(4)), *((str(n), "b") for n in range(4, 8)))
    probabilities = np.array([[0.9, 0.1]] * 2 + [[0.3, 0.7], [0.05, 0.95]] + [[0.4, 0.6]] * 4)
    found = find_label_errors(rows, probabilities, ["a", "b"])
    assert [one.row.line for one in found.suspects] == [4, 3]


def test_a_label_that_also_names_is_not_wrong() -> None:
    rows = data_rows(("1", "a"), ("2", "a"), ("3", "b"))
    rows[1] = replace(rows[1], row=replace(rows[1].row, also=("b",)))
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])
    assert find_label_errors(rows, probabilities, ["a", "b"]).suspects == []


def test_probabilities_come_from_a_classifier_that_did_not_see_the_row_or_its_twins() -> None:
    rows = [*_obvious(), *data_rows(*[("the only row about a zebra", "math")] * 4)]
    found = out_of_fold_probabilities(rows, _CATEGORIES)
    assert found.shape == (79, 3)
    assert found.sum(axis=1) == pytest.approx(1.0)
    # Seen once, "zebra" would make it nearly certain.
    assert found[-4:, _CATEGORIES.index("math")].max() < 0.8


def test_a_trained_router_may_be_asked_instead(tiny_router_folder: Path) -> None:
    rows = _obvious()
    found = router_probabilities(rows, str(tiny_router_folder), ["code", "general", "math"])
    assert found.shape == (75, 3)
    assert ((found >= 0) & (found <= 1)).all()
    with pytest.raises(DataError, match=r"the rows also have \['law'\]; leave out --model"):
        router_probabilities(rows, str(tiny_router_folder), ["code", "law"])


def test_too_few_different_rows_are_refused_with_the_counts() -> None:
    rows = data_rows(*((str(n), "a") for n in range(9)), *(("same", "b"),) * 9)
    with pytest.raises(DataError, match=r"found \{'a': 9, 'b': 1\}"):
        out_of_fold_probabilities(rows, ["a", "b"])
