"""How good a router is on labelled rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from routerkit import metrics
from routerkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routerkit.decision import Decision
    from routerkit.policy import ThresholdPolicy
    from routerkit.router import Router
    from routerkit.rows import Row


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Labelled rows beside the decisions a router took on them.

    On `category`, the most probable label before any threshold: `accuracy`, `macro_f1`, `per_category`,
    `confusion_matrix`, `ece`, `brier`, `aurc`. On `route`, at the router's thresholds:

    - `harm`: share of all rows sent to a specialist other than their own. The general model harms nobody.
    - `recall`: share of the rows of specialist categories that reach their own specialist.
    - `coverage`: share of rows with the reason `confident`.

    `confidence_auroc` says how well the confidence tells right most probable labels from wrong ones.

    A label in `also` counts as right for `harm` and `recall`. `outside` holds the decisions on rows without a category,
    which count in the out-of-domain figures only: `ood_auroc` and `ood_fpr95`, of `ood_score` against the other rows.
    """

    rows: list[Row]
    decisions: list[Decision]
    categories: list[str]
    policy: ThresholdPolicy
    outside: list[Decision]

    @property
    def truth(self) -> list[str]:
        """The true category of every row."""
        return [str(row.category) for row in self.rows]

    @property
    def right(self) -> list[bool]:
        """Whether the most probable label is the true one."""
        return [decision.category == row.category for row, decision in zip(self.rows, self.decisions, strict=True)]

    @property
    def confusion(self) -> list[list[int]]:
        """Counts; row is the true category, column the most probable one, both in the router's order."""
        found = [decision.category for decision in self.decisions]
        matrix: list[list[int]] = metrics.confusion_matrix(self.truth, found, self.categories).tolist()
        return matrix

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The calibrated probability of every row's most probable label, shape (n,)."""
        return np.array([decision.confidence for decision in self.decisions])

    @property
    def squared_errors(self) -> NDArray[np.float64]:
        """Squared distance between the probabilities of every row and the truth, shape (n,), in [0, 2]."""
        probabilities = np.array([list(decision.probabilities.values()) for decision in self.decisions])
        truth = np.array([self.categories.index(name) for name in self.truth])
        return metrics.squared_errors(probabilities, truth)

    @property
    def specialist(self) -> NDArray[np.bool_]:
        """Whether a row's own category is a specialist's, shape (n,)."""
        return np.array([row.category != self.policy.fallback for row in self.rows])

    @property
    def harmed(self) -> NDArray[np.bool_]:
        """Whether a row was sent to a specialist other than its own, shape (n,)."""
        return self._left_fallback & ~self._accepted([decision.route for decision in self.decisions])

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Whether a row was sent to a specialist that is its own, shape (n,)."""
        return self._left_fallback & self._accepted([decision.route for decision in self.decisions])

    @property
    def confident(self) -> NDArray[np.bool_]:
        """Whether a row was decided with the reason `confident`, shape (n,)."""
        return np.array([decision.reason == "confident" for decision in self.decisions])

    @property
    def harm(self) -> float:
        """Share of all rows sent to a specialist other than their own."""
        return float(self.harmed.mean())

    @property
    def recall(self) -> float | None:
        """Share of the rows of specialist categories that reach their own specialist; None without such rows."""
        specialist = self.specialist
        return float(self.reached[specialist].mean()) if specialist.any() else None

    @property
    def coverage(self) -> float:
        """Share of rows with the reason `confident`."""
        return float(self.confident.mean())

    @property
    def inside_scores(self) -> NDArray[np.float64]:
        """The out-of-domain scores of the labelled rows, shape (n,); empty if the router has no such score."""
        return _ood_scores(self.decisions)

    @property
    def outside_scores(self) -> NDArray[np.float64]:
        """The out-of-domain scores of the rows without a category; empty if the router has no such score."""
        return _ood_scores(self.outside)

    def at_thresholds(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Harm and recall if one threshold stood for every category, each of the shape of `thresholds`.

        What the out-of-domain score holds back stays held back. Recall is 0 without rows of specialist categories.
        """
        found = [decision.category for decision in self.decisions]
        leaves = np.array([name != self.policy.fallback for name in found])
        leaves &= np.array([decision.reason != "out_of_domain" for decision in self.decisions])
        accepted = self._accepted(found)
        harm = _share_above(self.confidence[leaves & ~accepted], thresholds, len(self.rows))
        recall = _share_above(self.confidence[leaves & accepted & self.specialist], thresholds, self.specialist.sum())
        return harm, recall

    def without_threshold(self) -> Evaluation:
        """The same beliefs, each row sent to its most probable category."""
        sent = [replace(decision, route=decision.category, reason="confident") for decision in self.decisions]
        policy = self.policy.model_copy(update={"confidence_threshold": 0.0, "category_thresholds": {}})
        return replace(self, decisions=sent, policy=policy)

    def to_dict(self) -> dict[str, Any]:
        """Every figure, ready for JSON."""
        matrix = np.array(self.confusion)
        scores = metrics.precision_recall_f1(matrix)
        support = matrix.sum(axis=1)
        seen = support > 0
        return {
            "n": len(self.rows),
            "accuracy": float(np.mean(self.right)),
            "macro_f1": float(scores[seen, 2].mean()),
            "per_category": {
                name: {"n": int(count), "precision": row[0], "recall": row[1], "f1": row[2]}
                for name, count, row in zip(self.categories, support, scores.tolist(), strict=True)
            },
            "confusion_matrix": {"categories": self.categories, "counts": matrix.tolist()},
            **self._confidence_figures(),
            **self._outside_figures(),
            "harm": self.harm,
            "recall": self.recall,
            "coverage": self.coverage,
            "threshold": self.policy.confidence_threshold,
            "category_thresholds": dict(self.policy.category_thresholds),
        }

    @property
    def _left_fallback(self) -> NDArray[np.bool_]:
        return np.array([decision.route != self.policy.fallback for decision in self.decisions])

    def _accepted(self, labels: Sequence[str]) -> NDArray[np.bool_]:
        pairs = zip(self.rows, labels, strict=True)
        return np.array([label == row.category or label in row.also for row, label in pairs])

    def _outside_figures(self) -> dict[str, Any]:
        inside, outside = self.inside_scores, self.outside_scores
        if not len(inside) or not len(outside):
            return {}
        return {
            "n_outside": len(self.outside),
            "ood_auroc": metrics.area_under_roc(outside, inside),
            "ood_fpr95": metrics.false_positive_rate_at_95(outside, inside),
            "ood_caught": sum(decision.reason == "out_of_domain" for decision in self.outside) / len(self.outside),
        }

    def _confidence_figures(self) -> dict[str, float | None]:
        right = np.array(self.right)
        confidence = self.confidence
        return {
            "ece": metrics.expected_calibration_error(confidence, right),
            "brier": float(self.squared_errors.mean()),
            "aurc": metrics.area_under_risk_coverage(confidence, right),
            "confidence_auroc": metrics.confidence_auroc(confidence, right),
        }


def evaluate(router: Router, rows: Sequence[Row], outside: Sequence[Row] = ()) -> Evaluation:
    """Route labelled rows and compare.

    Args:
        router: the router to judge.
        rows: rows of its categories; rows without a category count in the out-of-domain figures only.
        outside: further rows without a category.

    Raises:
        InputError: if no row has a category, or one has a category that the router does not know.
    """
    labelled = [row for row in rows if row.category is not None]
    if not labelled:
        raise InputError("no row has a category; accuracy needs labelled rows")
    unknown = sorted({str(row.category) for row in labelled} - set(router.categories))
    if unknown:
        raise InputError(f"rows have the categories {unknown}, which the router does not know: {router.categories}")
    decisions = router.route_batch([row.query for row in labelled])
    others = [row.query for row in (*rows, *outside) if row.category is None]
    return Evaluation(labelled, decisions, router.categories, router.policy, router.route_batch(others))


def _ood_scores(decisions: Sequence[Decision]) -> NDArray[np.float64]:
    scores = [decision.ood_score for decision in decisions if decision.ood_score is not None]
    return np.array(scores, dtype=np.float64)


def _share_above(confidence: NDArray[np.float64], thresholds: NDArray[np.float64], whole: int) -> NDArray[np.float64]:
    below = np.searchsorted(np.sort(confidence), thresholds, side="left")
    return np.asarray((len(confidence) - below) / max(1, whole))
