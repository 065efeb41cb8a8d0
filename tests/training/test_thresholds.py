"""The automatic threshold keeps the promised share of harm."""

from __future__ import annotations

import numpy as np
import pytest
from routerkit_training.thresholds import LEAST_THRESHOLD, Harms, by_category, choose_threshold


def _graded(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated confidences between 0.4 and 1, and whether the row would be harmed."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.4, 1.0, n)
    return confidence, rng.random(n) > confidence


def test_the_lowest_threshold_that_keeps_the_target_is_chosen() -> None:
    confidence, harmful = _graded(5_000)
    chosen = choose_threshold(confidence, harmful, 0.05)
    assert chosen.meets_target
    assert chosen.harm < chosen.bound <= 0.05
    lower = float((harmful & (confidence >= chosen.value - 0.02)).mean())
    assert lower > chosen.harm
    assert chosen.harm == pytest.approx(float((harmful & (confidence >= chosen.value)).mean()))


def test_the_promise_holds_on_new_rows() -> None:
    kept = 0
    for seed in range(40):
        chosen = choose_threshold(*_graded(1_000, seed), 0.05)
        confidence, harmful = _graded(20_000, seed + 1_000)
        kept += bool((harmful & (confidence >= chosen.value)).mean() <= 0.05)
    assert kept >= 36


def test_a_smaller_target_never_gives_a_lower_threshold() -> None:
    values = [choose_threshold(*_graded(5_000), target).value for target in (0.01, 0.03, 0.05, 0.1)]
    assert values == sorted(values, reverse=True)


def test_a_router_that_never_harms_gets_the_lowest_threshold() -> None:
    chosen = choose_threshold(np.full(1_000, 0.9), np.zeros(1_000, bool), 0.03)
    assert (chosen.value, chosen.harm, chosen.meets_target) == (LEAST_THRESHOLD, 0.0, True)


def test_few_rows_give_no_promise_but_keep_the_observed_share() -> None:
    chosen = choose_threshold(np.array([0.6, 0.9, 0.95]), np.array([True, False, False]), 0.03)
    assert not chosen.meets_target
    assert chosen.harm == 0
    assert chosen.value == pytest.approx(0.61)


def test_a_router_that_is_always_wrong_gets_the_highest_threshold() -> None:
    chosen = choose_threshold(np.ones(50), np.ones(50, bool), 0.03)
    assert not chosen.meets_target
    assert (chosen.value, chosen.harm, chosen.bound) == (pytest.approx(0.99), 1.0, 1.0)


def test_every_category_keeps_the_target_among_the_queries_that_look_like_it() -> None:
    confidence, harmful = _graded(8_000)
    found = np.array(["easy", "hard"])[np.arange(8_000) % 2]
    harmful = harmful & (found == "hard")  # the easy one is always right
    chosen = by_category([Harms(found, confidence, harmful)], 0.05, "general")
    assert chosen["easy"].value == LEAST_THRESHOLD
    assert chosen["hard"].value > choose_threshold(confidence, harmful, 0.05).value
    for name, one in chosen.items():
        sent = confidence[found == name] >= one.value
        assert one.meets_target
        assert float((harmful[found == name] & sent).mean()) == pytest.approx(one.harm)
        assert one.harm <= 0.05


def test_a_category_that_only_one_kind_of_rows_looks_like_gets_its_threshold_from_there() -> None:
    kinds = [Harms(np.full(500, name), *_graded(500, seed)) for seed, name in enumerate(("math", "general", "code"))]
    assert set(by_category(kinds, 0.2, "general")) == {"math", "code"}
