"""What the classifier believes (`Prediction`) and what is done about it (`Decision`)."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

Reason = Literal[
    "confident", "sticky", "low_confidence", "out_of_domain", "specialist_failed", "forced", "confirmed", "mixed"
]
"""Why a route was taken.

`confident`: the category's own specialist. `low_confidence`: below the threshold, so the general model.
`sticky`: a follow-up that is not clear by itself, so the specialist that its topic had.
`out_of_domain`: unlike anything the router was trained on, so the general model.
`specialist_failed`: the specialist raised an error, so the general model.
`forced`: the caller named the route.
`confirmed`: a person was asked, and chose the route.
`mixed`: several categories are likely, and the specialists of all of them answer.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the classifier believes about one query, before any policy.

    Attributes:
        category: the most probable label.
        confidence: its calibrated probability, in [0, 1].
        probabilities: calibrated probability of every category, in the router's order; sums to 1.
        ood_score: higher means further outside everything the router was trained on; None if the router
            carries no such score.
    """

    category: str
    confidence: float
    probabilities: dict[str, float]
    ood_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where one query goes, and why. Holds plain values only, so that any checkpointer can store it.

    Attributes:
        category: always the most probable label, also when the route is another; for `sticky` given the conversation.
        confidence: calibrated probability of `category`, in [0, 1].
        route: name of the graph node to run.
        reason: why `route` was taken; see `Reason`.
        ood_score: see `Prediction.ood_score`.
        probabilities: see `Prediction.probabilities`.
    """

    category: str
    confidence: float
    route: str
    reason: Reason
    ood_score: float | None
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The decision as a plain dict, keys in the order of the attributes."""
        return dataclasses.asdict(self)

    def to_json(self, digits: int = 4) -> str:
        """The decision as one line of JSON, numbers rounded to `digits` decimals for people to read."""
        return json.dumps(rounded(self.to_dict(), digits), ensure_ascii=False)


def rounded(value: Any, digits: int) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value with all floats in it rounded to `digits` decimals."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {key: rounded(inner, digits) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner, digits) for inner in value]
    return value
