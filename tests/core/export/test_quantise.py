from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from routerkit.export.quantise import dequantise, quantise_columns, quantise_rows

MATRICES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.floats(-100, 100, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6),
)
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@given(MATRICES)
def test_no_weight_moves_by_more_than_half_a_step(weight: Matrix) -> None:
    for quantise, axis in ((quantise_columns, 0), (quantise_rows, 1)):
        values, scales = quantise(weight)
        step = np.abs(weight).max(axis=axis, keepdims=True) / 127
        assert np.all(np.abs(dequantise(values, scales) - weight) <= step * 0.501)


@given(MATRICES)
def test_rounding_what_was_rounded_changes_nothing(weight: Matrix) -> None:
    for quantise in (quantise_columns, quantise_rows):
        values, scales = quantise(weight)
        again, scales_again = quantise(dequantise(values, scales))
        np.testing.assert_array_equal(again, values)
        np.testing.assert_allclose(scales_again, scales, rtol=1e-6)


@given(MATRICES)
def test_a_weight_and_its_negative_are_equally_exact(weight: Matrix) -> None:
    values, scales = quantise_columns(weight)
    mirrored, mirrored_scales = quantise_columns(-weight)
    np.testing.assert_array_equal(mirrored, -values)
    np.testing.assert_array_equal(mirrored_scales, scales)


def test_each_column_or_row_has_a_scale_of_its_own() -> None:
    weight = np.array([[1.0, 100.0], [-0.5, 200.0]], dtype=np.float32)
    values, scales = quantise_columns(weight)
    assert values.tolist() == [[127, 64], [-64, 127]]
    np.testing.assert_allclose(scales, [1 / 127, 200 / 127])
    values, scales = quantise_rows(weight)
    assert values.tolist() == [[1, 127], [0, 127]]
    np.testing.assert_allclose(scales, [[100 / 127], [200 / 127]])


def test_types_and_shapes_are_those_that_the_graph_needs() -> None:
    weight = np.ones((3, 4), dtype=np.float32)
    for quantise, shape in ((quantise_columns, (4,)), (quantise_rows, (3, 1))):
        values, scales = quantise(weight)
        assert values.dtype == np.int8
        assert scales.dtype == np.float32
        assert (values.shape, scales.shape) == ((3, 4), shape)


def test_a_column_of_zeros_stays_zero_and_divides_by_nothing() -> None:
    weight = np.array([[0.0, 1.0], [0.0, -1.0]], dtype=np.float32)
    values, scales = quantise_columns(weight)
    assert values.tolist() == [[0, 127], [0, -127]]
    assert np.all(np.isfinite(scales))
    np.testing.assert_array_equal(dequantise(values, scales)[:, 0], 0.0)
