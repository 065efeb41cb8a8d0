from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit import metrics

if TYPE_CHECKING:
    from types import ModuleType

CATEGORIES = ["a", "b", "c"]
LABELS = st.lists(st.tuples(st.sampled_from(CATEGORIES), st.sampled_from(CATEGORIES)), min_size=1, max_size=60)
SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def sklearn() -> ModuleType:
    """The reference for whatever it defines as we do."""
    found: ModuleType = pytest.importorskip("sklearn.metrics", reason="the reference needs the extra `train`")
    return found


@given(pairs=LABELS)
def test_counts_and_scores_are_those_of_scikit_learn(sklearn: ModuleType, pairs: list[tuple[str, str]]) -> None:
    truth, found = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    matrix = metrics.confusion_matrix(truth, found, CATEGORIES)
    np.testing.assert_array_equal(matrix, sklearn.confusion_matrix(truth, found, labels=CATEGORIES))
    precision, recall, f1, _ = sklearn.precision_recall_fscore_support(
        truth, found, labels=CATEGORIES, zero_division=0.0
    )
    np.testing.assert_allclose(metrics.precision_recall_f1(matrix), np.stack([precision, recall, f1], axis=1))


@given(positive=SCORES, negative=SCORES)
def test_the_area_under_the_roc_is_that_of_scikit_learn_ties_included(
    sklearn: ModuleType, positive: list[float], negative: list[float]
) -> None:
    expected = sklearn.roc_auc_score([1] * len(positive) + [0] * len(negative), positive + negative)
    assert metrics.area_under_roc(np.array(positive), np.array(negative)) == pytest.approx(expected)


@given(
    weights=st.lists(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), min_size=1, max_size=20),
    seed=st.integers(0, 1000),
)
def test_the_brier_score_is_that_of_scikit_learn(sklearn: ModuleType, weights: list[list[float]], seed: int) -> None:
    probabilities = np.array(weights) / np.sum(weights, axis=1, keepdims=True)
    truth = np.random.default_rng(seed).integers(0, 3, len(weights))
    expected = sklearn.brier_score_loss(truth, probabilities, labels=[0, 1, 2], scale_by_half=False)
    assert metrics.brier_score(probabilities, truth) == pytest.approx(expected)


def test_the_rows_of_the_confusion_matrix_are_the_truth() -> None:
    assert metrics.confusion_matrix(["a", "a", "b"], ["a", "b", "b"], CATEGORIES).tolist() == [
        [1, 1, 0],
        [0, 1, 0],
        [0, 0, 0],
    ]


def test_a_category_that_never_occurs_scores_zero_and_warns_nobody() -> None:
    assert metrics.precision_recall_f1(np.zeros((2, 2), dtype=np.int64)).tolist() == [[0.0] * 3] * 2


def test_perfect_calibration_has_no_error_and_blind_confidence_the_largest() -> None:
    assert metrics.expected_calibration_error(np.ones(10), np.ones(10, dtype=bool)) == 0.0
    assert metrics.expected_calibration_error(np.ones(10), np.zeros(10, dtype=bool)) == 1.0


def test_the_calibration_error_of_few_answers_is_that_of_each_one() -> None:
    confidence, right = np.array([0.9, 0.6, 0.7]), np.array([True, False, True])
    assert metrics.expected_calibration_error(confidence, right) == pytest.approx((0.1 + 0.6 + 0.3) / 3)


def test_the_calibration_error_is_taken_over_bins_of_equal_mass() -> None:
    confidence = np.repeat(np.linspace(0.1, 0.8, metrics.ECE_BINS), 10)
    right = np.tile(np.arange(10) < 5, metrics.ECE_BINS)
    expected = np.abs(np.linspace(0.1, 0.8, metrics.ECE_BINS) - 0.5).mean()
    shuffled = np.random.default_rng(0).permutation(len(confidence))
    found = metrics.expected_calibration_error(np.sort(confidence), right[np.argsort(confidence, kind="stable")])
    assert found == pytest.approx(expected)
    assert metrics.expected_calibration_error(confidence[shuffled], np.ones_like(right)) == pytest.approx(
        1 - confidence.mean()
    )


def test_the_bins_of_the_calibration_error_are_counted_least_confident_first() -> None:
    confidence, right = np.linspace(0.2, 1.0, 31)[::-1], np.arange(31) < 10
    bins = metrics.calibration_bins(confidence, right)
    assert bins[:, 0].tolist() == [3] + [2] * 14
    assert (np.diff(bins[:, 1]) > 0).all()
    assert bins[0].tolist() == pytest.approx([3, confidence[-3:].mean(), 0])
    assert bins[-1, 2] == 1


def test_the_risk_is_the_error_rate_of_the_most_confident_answers() -> None:
    confidence, right = np.array([0.6, 0.9, 0.8]), np.array([True, True, False])
    assert metrics.risk_coverage(confidence, right).tolist() == pytest.approx([0, 1 / 2, 1 / 3])


def test_confidence_tells_right_from_wrong_only_where_there_are_both() -> None:
    confidence = np.array([0.9, 0.6, 0.7, 0.6])
    assert metrics.confidence_auroc(confidence, np.array([True, False, False, True])) == pytest.approx(2.5 / 4)
    assert metrics.confidence_auroc(confidence, np.ones(4, dtype=bool)) is None
    assert metrics.confidence_auroc(confidence, np.zeros(4, dtype=bool)) is None


def test_the_area_under_risk_and_coverage_of_a_hand_computed_case() -> None:
    confidence, right = np.array([0.6, 0.9, 0.8, 0.7]), np.array([False, True, False, True])
    # Most confident first: right, wrong, right, wrong, so the error rates are 0, 1/2, 1/3, 1/2.
    assert metrics.area_under_risk_coverage(confidence, right) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_knowing_which_answers_are_wrong_lowers_the_area_under_risk_and_coverage() -> None:
    right = np.array([True, True, True, False])
    knowing = metrics.area_under_risk_coverage(np.array([0.9, 0.8, 0.7, 0.1]), right)
    deluded = metrics.area_under_risk_coverage(np.array([0.1, 0.2, 0.3, 0.9]), right)
    assert knowing == pytest.approx(1 / 16)
    assert knowing < deluded


def test_the_false_positive_rate_is_taken_where_95_percent_of_the_positives_are_caught() -> None:
    positive = np.arange(1.0, 101.0)
    assert metrics.false_positive_rate_at_95(positive, np.array([0.0, 4.0, 50.0, 200.0])) == 0.5
    assert metrics.false_positive_rate_at_95(positive, np.zeros(3)) == 0.0
    assert metrics.false_positive_rate_at_95(positive, positive) == pytest.approx(0.96)


@given(positive=SCORES, negative=SCORES)
def test_at_least_95_percent_of_the_positives_are_caught(positive: list[float], negative: list[float]) -> None:
    rate = metrics.false_positive_rate_at_95(np.array(positive), np.array(negative))
    caught = metrics.false_positive_rate_at_95(np.array(positive), np.array(positive))
    assert caught >= 0.95
    assert 0.0 <= rate <= 1.0
