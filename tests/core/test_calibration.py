from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from routerkit.calibration import sigmoid, softmax

LOGITS = hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(2, 6)), elements=st.floats(-50, 50, width=32))


def test_a_hand_computed_case() -> None:
    found = softmax(np.array([[0.0, np.log(3.0)]]))
    np.testing.assert_allclose(found, [[0.25, 0.75]])


@given(logits=LOGITS, temperature=st.floats(0.05, 20.0))
def test_rows_are_probabilities_and_the_order_of_the_logits_is_kept(
    logits: np.ndarray[tuple[int, int], np.dtype[np.float32]], temperature: float
) -> None:
    found = softmax(logits, temperature)
    assert found.dtype == np.float64
    assert np.all((found >= 0) & (found <= 1))
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    ordered = np.take_along_axis(found, np.argsort(logits, axis=1, kind="stable"), axis=1)
    assert np.all(np.diff(ordered, axis=1) >= 0)


def test_a_high_temperature_lowers_the_confidence_and_a_low_one_raises_it() -> None:
    logits = np.array([[2.0, 1.0, 0.0]])
    cool, usual, hot = (softmax(logits, temperature).max() for temperature in (0.5, 1.0, 2.0))
    assert cool > usual > hot > 1 / 3


def test_huge_logits_do_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e30, 0.0], [-1e30, 0.0]])), [[1.0, 0.0], [0.0, 1.0]])


def test_the_logits_are_left_as_they_were() -> None:
    logits = np.array([[1.0, 2.0]])
    softmax(logits, 0.5)
    assert logits.tolist() == [[1.0, 2.0]]


def test_rows_do_not_influence_each_other() -> None:
    logits = np.array([[1.0, 2.0], [300.0, -5.0]])
    assert softmax(logits)[0].tolist() == pytest.approx(softmax(logits[:1])[0].tolist(), abs=0)


def test_log_odds_become_probabilities_without_overflow() -> None:
    found = sigmoid(np.array([-1e4, -np.log(3.0), 0.0, np.log(3.0), 1e4], dtype=np.float32))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [0.0, 0.25, 0.5, 0.75, 1.0], atol=1e-7)
