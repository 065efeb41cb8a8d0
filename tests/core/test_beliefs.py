from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.beliefs import BATCH_DRIFT, is_near_border
from routerkit.decision import Prediction
from routerkit.policy import ThresholdPolicy

NAMES = ["math", "code", "general"]
SHARES = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3)
SHIFTS = st.lists(st.floats(-BATCH_DRIFT, BATCH_DRIFT), min_size=4, max_size=4)
EDGES = st.sampled_from([0.0, 1e-9, 1e-4, BATCH_DRIFT, -1e-9, -1e-4, -BATCH_DRIFT, 0.1, -0.1])


def belief(probabilities: list[float], ood_score: float | None = None) -> Prediction:
    best = max(range(3), key=probabilities.__getitem__)
    return Prediction(
        category=NAMES[best],
        confidence=probabilities[best],
        probabilities=dict(zip(NAMES, probabilities, strict=True)),
        ood_score=ood_score,
    )


@given(shares=SHARES, tie=st.booleans(), shifts=SHIFTS, edge=EDGES, ood_edge=EDGES)
def test_what_is_not_near_a_border_is_decided_alike_after_any_drift(
    shares: list[float], tie: bool, shifts: list[float], edge: float, ood_edge: float
) -> None:
    if tie:
        shares = [shares[0], shares[0] + edge / 10, shares[2] / 100]
    probabilities = [share / math.fsum(shares) for share in shares]
    policy = ThresholdPolicy(
        fallback="general",
        confidence_threshold=min(1.0, max(0.0, max(probabilities) + edge)),
        category_thresholds={"code": 0.3},
        ood_threshold=min(1.0, max(0.0, 0.5 + ood_edge)),
    )
    before = belief(probabilities, 0.5)
    after = belief([p + shift for p, shift in zip(probabilities, shifts, strict=False)], 0.5 + shifts[3])
    if not is_near_border(before, policy):
        one, other = policy.decide(before), policy.decide(after)
        assert (one.category, one.route, one.reason) == (other.category, other.route, other.reason)


@pytest.mark.parametrize(
    ("probabilities", "ood_score", "near"),
    [
        ([0.9, 0.06, 0.04], None, False),
        ([0.502, 0.3, 0.198], None, True),
        ([0.497, 0.3, 0.203], None, True),
        ([0.42, 0.415, 0.165], None, True),
        ([0.9, 0.06, 0.04], 0.598, True),
        ([0.9, 0.06, 0.04], 0.2, False),
    ],
)
def test_ties_and_both_thresholds_are_borders(probabilities: list[float], ood_score: float | None, near: bool) -> None:
    policy = ThresholdPolicy(fallback="general", confidence_threshold=0.5, ood_threshold=0.6)
    assert is_near_border(belief(probabilities, ood_score), policy, drift=0.005) == near


def test_a_threshold_of_one_category_is_a_border_for_that_category_only() -> None:
    policy = ThresholdPolicy(fallback="general", category_thresholds={"math": 0.9, "code": 0.8})
    assert is_near_border(belief([0.902, 0.05, 0.048]), policy, drift=0.005)
    assert not is_near_border(belief([0.802, 0.1, 0.098]), policy, drift=0.005)
    assert is_near_border(belief([0.1, 0.802, 0.098]), policy, drift=0.005)
