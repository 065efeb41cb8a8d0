"""When drift alarms: how often for nothing, and how soon for something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from routerkit.drift.alarm import FALSE_ALARM_RATE, LEAST_ROWS, check
from routerkit.drift.sample import Sample
from routerkit.errors import InputError

if TYPE_CHECKING:
    from numpy.random import Generator

CATEGORIES = ["code", "commonsense", "general", "math", "science"]
USUAL_MIX = [0.35, 0.05, 0.3, 0.2, 0.1]
MOVED_MIX = [0.15, 0.05, 0.5, 0.2, 0.1]
ROUNDS = 300


def drawn(
    generator: Generator, n: int, *, mix: list[float] = USUAL_MIX, sureness: float = 8.0, outside: float = 0.04
) -> Sample:
    """Made-up traffic: confidence is beta-distributed with the given first parameter."""
    names, counts = np.unique(generator.choice(CATEGORIES, size=n, p=mix), return_counts=True)
    return Sample(
        counts=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        confidence=generator.beta(sureness, 1.0, size=n),
        outside=int(generator.binomial(n, outside)),
    )


def alarm_rate(n: int, rounds: int = ROUNDS, **shift: object) -> float:
    """Share of windows of `n` decisions that alarm against a reference of 1,500 without the shift."""
    generator = np.random.default_rng(17)
    alarms = [
        check(drawn(generator, 1_500), drawn(generator, n, **shift)).alarm  # type: ignore[arg-type]
        for _ in range(rounds)
    ]
    return sum(alarms) / rounds


@pytest.mark.parametrize("n", [100, 500])
def test_without_a_shift_at_most_one_check_in_a_hundred_alarms(n: int) -> None:
    # The bound plus two standard errors of the simulation itself.
    assert alarm_rate(n) <= FALSE_ALARM_RATE + 2 * (FALSE_ALARM_RATE / ROUNDS) ** 0.5


@pytest.mark.parametrize(
    ("shift", "window"),
    [
        ({"mix": MOVED_MIX}, 200),  # a fifth of the queries moves from code to general
        ({"outside": 0.16}, 300),  # 16 in 100 queries are out of domain, not 4
        ({"sureness": 4.0}, 150),  # the mean confidence falls from 0.89 to 0.80
    ],
)
def test_a_shift_is_found_within_a_few_hundred_queries(shift: dict[str, object], window: int) -> None:
    assert alarm_rate(window, rounds=100, **shift) >= 0.95


def test_a_change_too_small_to_matter_never_alarms_however_sure_it_is() -> None:
    generator = np.random.default_rng(3)
    slightly = [0.31, 0.05, 0.34, 0.2, 0.1]
    found = check(drawn(generator, 40_000), drawn(generator, 40_000, mix=slightly))
    mix, *_ = found.findings
    assert mix.p_value < 0.001
    assert not found.alarm


def test_each_kind_of_shift_alarms_under_its_own_name() -> None:
    generator = np.random.default_rng(4)
    for name, shift in {
        "mix": {"mix": MOVED_MIX},
        "confidence": {"sureness": 3.0},
        "outside": {"outside": 0.3},
    }.items():
        found = check(drawn(generator, 1_500), drawn(generator, 600, **shift))  # type: ignore[arg-type]
        assert [finding.name for finding in found.findings if finding.alarm] == [name]


def test_p_values_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs scipy, which comes with the extra `train`")
    generator = np.random.default_rng(5)
    before, after = (
        drawn(generator, 900),
        drawn(generator, 300, sureness=6.5, outside=0.07, mix=[0.3, 0.07, 0.3, 0.23, 0.1]),
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
