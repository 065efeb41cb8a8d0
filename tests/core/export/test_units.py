from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from routerkit.export.units import FAR, LEVELS, MAX_OUTLIERS, Units, choose_units

Seen = np.ndarray[tuple[int, int], np.dtype[np.float32]]

VALUES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 12)),
    elements=st.floats(-100, 100, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3),
)


def seen_in(values: Seen) -> Seen:
    return np.stack([values.min(axis=0), values.max(axis=0)])


def restored(values: Seen, units: Units) -> Seen:
    rounded = np.clip(np.rint(values / units.steps) + units.zero, 0, LEVELS)
    return np.asarray((rounded - units.zero) * units.steps, dtype=np.float32)


@given(VALUES)
def test_no_value_seen_moves_by_more_than_half_a_step_unless_it_is_an_outlier(values: Seen) -> None:
    units = choose_units(seen_in(values))
    rest = np.setdiff1d(np.arange(values.shape[1]), units.outliers)
    moved = np.abs(restored(values, units) - values)
    assert np.all(moved[:, rest] <= units.steps[rest] * 0.501)


@given(VALUES)
def test_zero_stays_zero_and_steps_are_above_it(values: Seen) -> None:
    units = choose_units(seen_in(values))
    assert np.all(units.steps > 0)
    assert np.all(np.isfinite(1 / units.steps))
    assert 0 < units.zero < LEVELS
    assert not restored(np.zeros_like(values), units).any()
    assert len(units.outliers) <= MAX_OUTLIERS


def test_values_on_both_sides_have_their_zero_in_the_middle_and_others_near_the_end() -> None:
    both = np.array([[-1.0, -2.0], [1.0, 2.0]], np.float32)
    assert choose_units(both).zero in {127, 128}
    np.testing.assert_allclose(choose_units(both).steps, [1 / 127, 2 / 127], rtol=0.01)
    above = np.array([[-0.1, -0.1], [2.0, 3.0]], np.float32)
    assert choose_units(above).zero < 20
    assert choose_units(-above[::-1]).zero > 235


def test_inputs_that_reach_far_beyond_the_others_are_outliers_and_cost_the_others_nothing() -> None:
    high = np.ones(20, np.float32)
    high[[4, 9]] = 2 * FAR
    units = choose_units(np.stack([-high, high]))
    assert units.outliers.tolist() == [4, 9]
    np.testing.assert_allclose(units.steps, 1 / 127, rtol=0.01)


def test_the_farthest_are_taken_when_too_many_are_far() -> None:
    high = np.ones(100, np.float32)
    high[:40] = np.arange(100, 140)
    units = choose_units(np.stack([-high, high]))
    assert units.outliers.tolist() == list(range(24, 40))


def test_an_input_that_was_always_zero_has_room_for_something_else() -> None:
    high = np.ones(9, np.float32)
    high[3] = 0.0
    units = choose_units(np.stack([-high, high]))
    np.testing.assert_allclose(units.steps[3] * 10, units.steps[0], rtol=1e-5)
    assert np.all(choose_units(np.zeros((2, 4), np.float32)).steps > 0)
