"""What is measured about a router, each figure defined in the function that computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ECE_BINS = 15


def confusion_matrix(truth: Sequence[str], found: Sequence[str], categories: Sequence[str]) -> NDArray[np.int64]:
    """Counts, shape (n_categories, n_categories): row is the true category, column the one found."""
    index = {name: position for position, name in enumerate(categories)}
    matrix = np.zeros((len(categories), len(categories)), dtype=np.int64)
    for true, guess in zip(truth, found, strict=True):
        matrix[index[true], index[guess]] += 1
    return matrix


def precision_recall_f1(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Precision, recall and F1 of each category, shape (n_categories, 3); 0 where a category never occurs."""
    right = np.diag(matrix).astype(np.float64)
    precision = _share(right, matrix.sum(axis=0))
    recall = _share(right, matrix.sum(axis=1))
    f1 = _share(2 * precision * recall, precision + recall)
    return np.stack([precision, recall, f1], axis=1)


def expected_calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean distance between confidence and accuracy over 15 bins of equal mass, in [0, 1].

    Nguyen and O'Connor, "Posterior calibration and exploratory analysis for NLP models" (2015), section 3, with
    absolute instead of squared distances.
    """
    counts, means, shares = calibration_bins(confidence, right).T
    return float((counts * np.abs(means - shares)).sum() / len(confidence))


def calibration_bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Up to 15 bins of equal mass, least confident first, shape (n_bins, 3): count, mean confidence, accuracy."""
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(ECE_BINS, len(order)))
    return np.array([(len(part), confidence[part].mean(), right[part].mean()) for part in parts])


def brier_score(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean squared distance between the probability vector and the true one-hot vector, in [0, 2]. Brier (1950)."""
    return float(squared_errors(probabilities, truth).mean())


def squared_errors(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared distance between each row's probability vector and its true one-hot vector, shape (n,), in [0, 2]."""
    target = np.eye(probabilities.shape[1])[truth]
    return np.asarray(((probabilities - target) ** 2).sum(axis=1))


def area_under_risk_coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean error rate over all coverages when the most confident answers are given first, in [0, 1]; lower is better.

    Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks" (2017), section 2.
    """
    return float(risk_coverage(confidence, right).mean())


def risk_coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Error rate among the 1, 2 ... n most confident answers, shape (n,), each in [0, 1]."""
    order = np.argsort(-confidence, kind="stable")
    return np.asarray(np.cumsum(~right[order]) / np.arange(1, len(order) + 1))


def confidence_auroc(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float | None:
    """Chance that a right answer is more confident than a wrong one, in [0, 1]; None unless there are both."""
    if right.all() or not right.any():
        return None
    return area_under_roc(confidence[right], confidence[~right])


def area_under_roc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Chance that a positive score exceeds a negative one, ties counting half, in [0, 1]. Mann-Whitney U."""
    scores = np.concatenate([positive, negative])
    values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    del values
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    rank_sum = float(ranks[: len(positive)].sum())
    return (rank_sum - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative))


def false_positive_rate_at_95(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Share of negatives scored at or above the threshold that catches 95 % of the positives, in [0, 1]."""
    threshold = np.quantile(positive, 0.05, method="lower")
    return float((negative >= threshold).mean())


def _share(part: NDArray[np.float64], whole: NDArray[np.floating | np.integer]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share
