"""When a query counts as mixed."""

from __future__ import annotations

import pytest

from routerkit.decision import Decision, Reason
from routerkit.fan_out import FanOutConfig


def decision(reason: Reason = "low_confidence", **probabilities: float) -> Decision:
    best = max(probabilities, key=probabilities.__getitem__)
    return Decision(
        category=best,
        confidence=probabilities[best],
        route=best,
        reason=reason,
        ood_score=None,
        probabilities=probabilities,
    )


def test_likely_categories_answer_most_probable_first() -> None:
    torn = decision(math=0.3, code=0.45, science=0.25)
    assert FanOutConfig().routes(torn) == ["code", "math"]
    assert FanOutConfig(top_k=3).routes(torn) == ["code", "math", "science"]
    assert FanOutConfig(min_probability=0.4).routes(torn) == ["code"]
    assert FanOutConfig(min_probability=0.5).routes(torn) == []


@pytest.mark.parametrize("reason", ["out_of_domain", "sticky"])
def test_what_is_foreign_or_follows_its_topic_is_not_mixed(reason: Reason) -> None:
    assert FanOutConfig().routes(decision(reason, math=0.5, code=0.5)) == []
