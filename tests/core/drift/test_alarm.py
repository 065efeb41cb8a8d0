"""When drift alarms: how often for nothing, and how soon for something."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from routerkit.drift.alarm import FALSE_ALARM_RATE, LEAST_ROWS, check
from routerkit.drift.sample import Sample
from routerkit.errors import InputError
from tests.core.drift.traffic import CATEGORIES, MOVED_MIX, SHIFTS, USUAL, Traffic, alarm_rate, delays
from tests.e2e.documents import read

if TYPE_CHECKING:
    from numpy.random import Generator

ROUNDS = 200


def drawn(generator: Generator, n: int, traffic: Traffic = USUAL) -> Sample:
    return traffic.draw(generator, n).part(0, n)


def test_without_a_shift_at_most_one_check_in_a_hundred_alarms() -> None:
    # The bound plus two standard errors of the simulation itself.
    most = FALSE_ALARM_RATE + 2 * (FALSE_ALARM_RATE / ROUNDS) ** 0.5
    assert alarm_rate(USUAL, 100, ROUNDS) <= most


@pytest.mark.parametrize(
    ("shift", "window"),
    [
        ("a fifth moved category", 200),
        ("out of domain 4 -> 16 in 100", 300),
        ("mean confidence 0.89 -> 0.80", 150),
    ],
)
def test_a_shift_is_found_within_a_few_hundred_queries(shift: str, window: int) -> None:
    assert alarm_rate(SHIFTS[shift], window, rounds=60) >= 0.95


def test_a_shift_is_found_while_the_window_is_still_sliding_over_it() -> None:
    found = delays(SHIFTS["a fifth moved category"], window=200, rounds=20)
    assert max(found) <= 300
    assert min(found) >= 50


def documented(title: str) -> dict[str, list[float]]:
    """The rows of a table of the documents that begins with `title`: first cell, and the figures."""
    lines = read("docs/observing.md").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {title} |"))
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {first: [float(cell) for cell in others] for first, *others in cells}


def test_the_figures_in_the_documents_are_what_comes_out() -> None:
    told = documented("window")
    for place, name in enumerate(SHIFTS):
        rate = told["100"][place]
        error = max(0.01, 3 * (rate * (1 - rate) / 50) ** 0.5)  # three standard errors of so few rounds
        assert alarm_rate(SHIFTS[name], 100, rounds=50) == pytest.approx(rate, abs=error), name
    assert told["100"][0] <= FALSE_ALARM_RATE
    assert told["500"][0] <= FALSE_ALARM_RATE


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_figures_in_the_documents_are_exact() -> None:
    for window, rates in documented("window").items():
        found = [alarm_rate(traffic, int(window), rounds=1_000) for traffic in SHIFTS.values()]
        assert found == pytest.approx(rates, abs=0.0015), window
    for name, (half, most) in documented("shift").items():
        found = sorted(delays(SHIFTS[name], window=200, rounds=1_000))
        assert (found[499], found[949]) == (half, most), name


def test_a_change_too_small_to_matter_never_alarms_however_sure_it_is() -> None:
    generator = np.random.default_rng(3)
    slightly = Traffic(mix=(0.31, 0.05, 0.34, 0.2, 0.1))
    found = check(drawn(generator, 40_000), drawn(generator, 40_000, slightly))
    mix, *_ = found.findings
    assert mix.p_value < 0.001
    assert not found.alarm


def test_each_kind_of_shift_alarms_under_its_own_name() -> None:
    generator = np.random.default_rng(4)
    for name, shift in {
        "mix": Traffic(mix=MOVED_MIX),
        "confidence": Traffic(sureness=3.0),
        "outside": Traffic(outside=0.3),
    }.items():
        found = check(drawn(generator, 1_500), drawn(generator, 600, shift))
        assert [finding.name for finding in found.findings if finding.alarm] == [name]


def test_p_values_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs scipy, which comes with the extra `train`")
    generator = np.random.default_rng(5)
    before, after = (
        drawn(generator, 900),
        drawn(generator, 300, Traffic(sureness=6.5, outside=0.07, mix=(0.3, 0.07, 0.3, 0.23, 0.1))),
    )
    mix, confidence, outside = check(before, after).findings
    table = [[sample.counts[name] for name in CATEGORIES] for sample in (before, after)]
    assert mix.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, abs=0.02)
    reference = stats.ks_2samp(before.confidence, after.confidence)
    assert confidence.effect == pytest.approx(reference.statistic)
    assert confidence.p_value == pytest.approx(reference.pvalue, abs=0.01)
    sides = [[sample.n - sample.outside, sample.outside] for sample in (before, after)]
    assert outside.p_value == pytest.approx(stats.fisher_exact(sides).pvalue, abs=0.02)


def test_a_category_that_was_never_seen_before_counts() -> None:
    before = Sample({"math": 200}, np.full(200, 0.9), 0)
    after = Sample({"math": 150, "law": 50}, np.full(200, 0.9), 0)
    mix, confidence, outside = check(before, after).findings
    assert mix.alarm
    assert (mix.effect, confidence.effect, outside.effect) == (0.25, 0.0, 0.0)
    assert (confidence.p_value, outside.p_value) == (1.0, 1.0)


def test_too_few_decisions_are_refused() -> None:
    generator = np.random.default_rng(6)
    with pytest.raises(InputError, match=f"the window has 49 decisions, {LEAST_ROWS} are needed"):
        check(drawn(generator, 100), drawn(generator, 49))
