"""From scores to predictions, and which of them a neighbour in the batch could tip over."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from routerkit.calibration import sigmoid, softmax
from routerkit.decision import Prediction

if TYPE_CHECKING:
    from routerkit.engines import Scores
    from routerkit.manifest import Manifest
    from routerkit.policy import ThresholdPolicy

BATCH_DRIFT = 1e-4
"""Most that a probability in a batch may differ from that of the query alone.

Measured on 1,500 queries: category probabilities of the ONNX graphs, int8 and fp32, do not differ by one bit, those of
torch by 8e-8, and the out-of-domain score, a product with a single column, by 1e-6. The rest is for other machines.
"""


def predictions(scores: Scores, manifest: Manifest) -> list[Prediction]:
    """Calibrated predictions, one for each row of `scores`."""
    probabilities = softmax(scores.logits, manifest.temperature).tolist()
    outside = [None] * len(probabilities) if scores.outside is None else sigmoid(scores.outside).tolist()
    found = []
    for row, ood_score in zip(probabilities, outside, strict=True):
        best = max(range(len(row)), key=row.__getitem__)
        found.append(
            Prediction(
                category=manifest.categories[best],
                confidence=row[best],
                probabilities=dict(zip(manifest.categories, row, strict=True)),
                ood_score=ood_score,
            )
        )
    return found


def is_near_border(prediction: Prediction, policy: ThresholdPolicy, drift: float = BATCH_DRIFT) -> bool:
    """Whether probabilities that differ by up to `drift` could mean another category, route or reason.

    A query for which this is false is decided alike alone and in a batch.
    """
    first, second = heapq.nlargest(2, prediction.probabilities.values())
    if first - second <= 2 * drift or abs(first - policy.threshold_for(prediction.category)) <= drift:
        return True
    if policy.ood_threshold is None or prediction.ood_score is None:
        return False
    return abs(prediction.ood_score - policy.ood_threshold) <= drift
