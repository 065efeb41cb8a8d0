from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from routerkit.evaluation import Evaluation, evaluate
from routerkit.report import intervals
from routerkit.report.intervals import bootstrap_intervals
from routerkit.rows import Row

if TYPE_CHECKING:
    from routerkit.router import Router

NAMES = {"accuracy", "macro_f1", "ece", "brier", "aurc", "confidence_auroc", "harm", "recall", "coverage"}
OUTSIDE = {"ood_auroc", "ood_fpr95"}


def resampled(evaluation: Evaluation, rows: list[int], outside: list[int]) -> Evaluation:
    """The evaluation of rows drawn by hand."""
    return replace(
        evaluation,
        rows=[evaluation.rows[position] for position in rows],
        decisions=[evaluation.decisions[position] for position in rows],
        outside=[evaluation.outside[position] for position in outside],
    )


def test_every_headline_figure_has_an_interval_around_it(mixed: Evaluation) -> None:
    found, figures = bootstrap_intervals(mixed), mixed.to_dict()
    assert set(found) == NAMES | OUTSIDE
    for name, interval in found.items():
        assert interval is not None
        low, high = interval
        assert low <= figures[name] <= high, name
        assert low < high, name


def test_each_resample_is_measured_exactly_as_an_evaluation_of_its_rows_would_be(
    mixed: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, m = len(mixed.rows), len(mixed.outside)
    drawn, others = (np.random.default_rng(3).integers(0, size, (1, size)) for size in (n, m))

    class Scripted:
        def __init__(self) -> None:
            self.left = [drawn, others]

        def integers(self, *_: object) -> np.ndarray:
            return self.left.pop(0)

    monkeypatch.setattr(intervals, "RESAMPLES", 1)
    monkeypatch.setattr(np.random, "default_rng", lambda _: Scripted())
    found = bootstrap_intervals(mixed)
    order = np.argsort(mixed.confidence, kind="stable")
    expected = resampled(mixed, order[np.sort(drawn[0])].tolist(), others[0].tolist()).to_dict()
    for name, interval in found.items():
        if name != "aurc":  # ties of confidence are broken by the order of the rows, which is reversed here
            assert interval == pytest.approx([expected[name]] * 2), name


def test_the_area_under_risk_and_coverage_is_resampled_as_it_is_defined(
    believer: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Row(query="sum", category="math"), Row(query="loop", category="math"), Row(query="rain", category="math")]
    evaluation = evaluate(believer, rows)
    monkeypatch.setattr(intervals, "RESAMPLES", 200)
    low, high = bootstrap_intervals(evaluation)["aurc"] or [0.0, 0.0]
    assert (low, high) == pytest.approx((0.0, 1.0))


def test_the_same_seed_gives_the_same_intervals_however_the_work_is_cut(
    mixed: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bootstrap_intervals(mixed, seed=4)
    assert bootstrap_intervals(mixed, seed=4) == first
    assert bootstrap_intervals(mixed, seed=5) != first
    monkeypatch.setattr(intervals, "_CELLS_AT_ONCE", 1_500)
    for name, interval in bootstrap_intervals(mixed, seed=4).items():
        assert interval == pytest.approx(first[name], abs=0.06), name


def test_more_rows_make_narrower_intervals(mixed: Evaluation) -> None:
    rows, outside = list(range(len(mixed.rows))) * 16, list(range(len(mixed.outside)))
    for name in ("accuracy", "harm", "recall"):
        low, high = bootstrap_intervals(mixed)[name] or [0.0, 0.0]
        many_low, many_high = bootstrap_intervals(resampled(mixed, rows, outside))[name] or [0.0, 0.0]
        assert (many_high - many_low) == pytest.approx((high - low) / 4, rel=0.25), name


def test_the_interval_of_a_share_is_that_of_the_normal_approximation(believer: Router) -> None:
    rows = [Row(query="sum", category="math" if number % 4 else "code") for number in range(400)]
    low, high = bootstrap_intervals(evaluate(believer, rows))["accuracy"] or [0.0, 0.0]
    half = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.006)


def test_a_figure_that_no_resample_defines_has_no_interval(believer: Router) -> None:
    found = bootstrap_intervals(evaluate(believer, [Row(query="hello", category="general")] * 3))
    assert found["recall"] is None
    assert found["confidence_auroc"] is None
    assert found["accuracy"] == [1.0, 1.0]
    assert not OUTSIDE & set(found)


def test_one_row_is_enough(believer: Router) -> None:
    found = bootstrap_intervals(evaluate(believer, [Row(query="sum", category="math")]))
    assert found["accuracy"] == found["recall"] == [1.0, 1.0]
