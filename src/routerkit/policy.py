"""From belief to action: the policy is the only bridge between a `Prediction` and a `Decision`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from routerkit.decision import Decision
from routerkit.spec import Probability, Spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.decision import Prediction, Reason


_USUAL_FALLBACK = "general"


def default_fallback(categories: Sequence[str]) -> str:
    """The category of the general model when nobody names one: `general` if it is there, else the last."""
    return _USUAL_FALLBACK if _USUAL_FALLBACK in categories else categories[-1]


class ThresholdPolicy(Spec):
    """Send a query to its category's specialist if the confidence reaches a threshold, else to the fallback.

    Attributes:
        fallback: the category whose specialist is the general model.
        confidence_threshold: least confidence for leaving the general model, in [0, 1]; 0 accepts everything.
        category_thresholds: thresholds that replace the common one for single categories.
        ood_threshold: queries whose out-of-domain score is above it go to the fallback; None switches this off.
    """

    fallback: str
    confidence_threshold: Probability = 0.5
    category_thresholds: dict[str, Probability] = Field(default_factory=dict)
    ood_threshold: Probability | None = None

    def threshold_for(self, category: str) -> float:
        """The confidence that `category` must reach."""
        return self.category_thresholds.get(category, self.confidence_threshold)

    def decide(self, prediction: Prediction) -> Decision:
        """Turn a prediction into a decision; see `Reason` for the possible reasons."""
        reason = self._reason(prediction)
        return Decision(
            category=prediction.category,
            confidence=prediction.confidence,
            route=prediction.category if reason == "confident" else self.fallback,
            reason=reason,
            ood_score=prediction.ood_score,
            probabilities=prediction.probabilities,
        )

    def _reason(self, prediction: Prediction) -> Reason:
        if self._is_outside(prediction):
            return "out_of_domain"
        if prediction.confidence >= self.threshold_for(prediction.category):
            return "confident"
        return "low_confidence"

    def _is_outside(self, prediction: Prediction) -> bool:
        if self.ood_threshold is None or prediction.ood_score is None:
            return False
        return prediction.ood_score > self.ood_threshold
