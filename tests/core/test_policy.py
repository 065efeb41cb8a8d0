from __future__ import annotations

import pytest
from pydantic import ValidationError

from routerkit.decision import Prediction
from routerkit.policy import ThresholdPolicy, default_fallback


def prediction(category: str = "math", confidence: float = 0.7, ood_score: float | None = None) -> Prediction:
    others = {name: (1 - confidence) / 2 for name in ("math", "code", "general") if name != category}
    return Prediction(
        category=category, confidence=confidence, probabilities={category: confidence, **others}, ood_score=ood_score
    )


def test_enough_confidence_reaches_the_own_specialist() -> None:
    decision = ThresholdPolicy(fallback="general", confidence_threshold=0.6).decide(prediction(confidence=0.7))
    assert (decision.route, decision.reason) == ("math", "confident")


def test_too_little_confidence_goes_to_the_general_model_and_keeps_the_category() -> None:
    decision = ThresholdPolicy(fallback="general", confidence_threshold=0.8).decide(prediction(confidence=0.7))
    assert (decision.category, decision.route, decision.reason) == ("math", "general", "low_confidence")


def test_a_confidence_exactly_at_the_threshold_is_enough() -> None:
    policy = ThresholdPolicy(fallback="general", confidence_threshold=0.7)
    assert policy.decide(prediction(confidence=0.7)).reason == "confident"


def test_a_threshold_of_zero_accepts_everything() -> None:
    policy = ThresholdPolicy(fallback="general", confidence_threshold=0.0)
    assert policy.decide(prediction(confidence=0.34)).reason == "confident"


def test_the_threshold_of_a_category_replaces_the_common_one_in_both_directions() -> None:
    policy = ThresholdPolicy(
        fallback="general", confidence_threshold=0.5, category_thresholds={"math": 0.9, "code": 0.1}
    )
    assert policy.decide(prediction("math", 0.7)).reason == "low_confidence"
    assert policy.decide(prediction("code", 0.4)).reason == "confident"
    assert policy.decide(prediction("general", 0.4)).reason == "low_confidence"
    assert (policy.threshold_for("math"), policy.threshold_for("general")) == (0.9, 0.5)


def test_an_uncertain_general_query_still_goes_to_the_general_model_but_is_no_match() -> None:
    decision = ThresholdPolicy(fallback="general").decide(prediction("general", 0.4))
    assert (decision.route, decision.reason) == ("general", "low_confidence")


def test_the_fallback_may_be_any_category() -> None:
    assert ThresholdPolicy(fallback="code", confidence_threshold=1.0).decide(prediction()).route == "code"


@pytest.mark.parametrize(
    ("score", "threshold", "reason"),
    [
        (0.8, 0.7, "out_of_domain"),
        (0.7, 0.7, "confident"),
        (0.6, 0.7, "confident"),
        (1.0, 1.0, "confident"),
        (0.01, 0.0, "out_of_domain"),
        (None, 0.7, "confident"),
        (1.0, None, "confident"),
    ],
    ids=["above", "exactly at it", "below", "limit of 1", "limit of 0", "router has no score", "switched off"],
)
def test_only_a_score_above_the_limit_is_out_of_domain(
    score: float | None, threshold: float | None, reason: str
) -> None:
    decision = ThresholdPolicy(fallback="general", ood_threshold=threshold).decide(prediction(ood_score=score))
    assert decision.reason == reason
    assert decision.route == ("general" if reason == "out_of_domain" else "math")
    assert decision.ood_score == score


def test_being_out_of_domain_is_named_before_low_confidence() -> None:
    policy = ThresholdPolicy(fallback="general", confidence_threshold=0.9, ood_threshold=0.5)
    assert policy.decide(prediction(confidence=0.5, ood_score=1.0)).reason == "out_of_domain"


@pytest.mark.parametrize(
    ("categories", "fallback"), [(["general", "math"], "general"), (["math", "law"], "law")], ids=["general", "last"]
)
def test_the_usual_fallback_is_general_or_else_the_last_category(categories: list[str], fallback: str) -> None:
    assert default_fallback(categories) == fallback


@pytest.mark.parametrize(
    "values",
    [{"confidence_threshold": 1.1}, {"category_thresholds": {"a": -0.1}}, {"ood_threshold": 2}, {"treshold": 1}],
)
def test_impossible_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ThresholdPolicy.model_validate({"fallback": "general", **values})
