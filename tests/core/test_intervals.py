"""Intervals of shares: against published values, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from routerkit.intervals import paired_difference, proportion


def test_wilson_agrees_with_published_values() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    for hits, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        found = proportion(hits, n)
        assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_paired_difference_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for gained, lost in zip(generator.binomial(150, 0.12, 2_000), generator.binomial(150, 0.04, 2_000), strict=True):
        found = paired_difference(int(gained), int(lost), 150)
        covered += found.low <= 0.08 <= found.high
    assert 0.93 <= covered / 2_000 <= 0.99


def test_without_rows_nothing_is_known() -> None:
    assert proportion(0, 0).value is None
    assert str(paired_difference(0, 0, 0)) == "- (no rows)"


def test_an_interval_holds_its_value() -> None:
    for n in (1, 2, 30):
        for hits in (0, 1, n):
            found = proportion(hits, n)
            assert found.value is not None
            assert 0 <= found.low <= found.value <= found.high <= 1
