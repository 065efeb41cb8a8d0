"""The fitted temperature makes probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from routerkit_training.calibrate import Predicted, fit_temperature, negative_log_likelihood

from routerkit.calibration import softmax


def _fit(logits: np.ndarray, truth: np.ndarray) -> float:
    return fit_temperature([Predicted([], logits, truth)])


def _drawn(temperature: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the probabilities that the logits have at a temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=3.0, size=(n, 4))
    cumulative = softmax(logits, temperature).cumsum(axis=1)
    truth = (rng.random((n, 1)) > cumulative).sum(axis=1).clip(max=3)
    return logits, truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 4.0])
def test_a_known_temperature_is_recovered(temperature: float) -> None:
    assert _fit(*_drawn(temperature)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_has_a_lower_loss() -> None:
    logits, truth = _drawn(2.0, n=500)
    best = negative_log_likelihood(softmax(logits, _fit(logits, truth)), truth)
    others = [negative_log_likelihood(softmax(logits, t), truth) for t in np.geomspace(0.1, 15, 50)]
    assert best <= min(others) + 1e-6


def test_logits_that_are_always_right_or_useless_give_a_temperature_within_its_range() -> None:
    right = np.eye(3)[[0, 1, 2]] * 5
    assert 0.04 < _fit(right, np.array([0, 1, 2])) < 1
    assert 1 < _fit(right, np.array([1, 2, 0])) < 21


@given(st.lists(st.integers(0, 2), min_size=2, max_size=30), st.integers(0, 999))
def test_the_most_probable_label_never_changes(labels: list[int], seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(len(labels), 3))
    temperature = _fit(logits, np.array(labels))
    assert temperature > 0
    assert (softmax(logits, temperature).argmax(axis=1) == logits.argmax(axis=1)).all()


def test_the_loss_is_the_mean_in_nats_and_finite_at_probability_zero() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    assert negative_log_likelihood(probabilities[:2], np.array([0, 0])) == pytest.approx(1.5 * np.log(2))
    assert np.isfinite(negative_log_likelihood(probabilities, np.array([0, 0, 1])))


def test_a_large_and_a_small_kind_of_rows_weigh_the_same() -> None:
    mild, strong = Predicted([], *_drawn(1.0)), Predicted([], *_drawn(4.0, n=2_000))
    alike = fit_temperature([Predicted([], *_drawn(1.0, n=2_000)), strong])
    assert 1.0 < fit_temperature([mild, strong]) < 4.0
    assert fit_temperature([mild, strong]) == pytest.approx(alike, rel=0.1)
