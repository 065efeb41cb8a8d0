"""Near-duplicates among thousands of queries: which pairs share most of their character 5-grams."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from routerkit.errors import ConfigError
from routerkit_training.data import NEAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

LEAST_THRESHOLD = 0.5
"""Below this, nearly every pair of rows would have to be compared."""

_GRAM = 5
_BLOCK = 1_000
_PAIRS_AT_ONCE = 200_000
_ROUNDING = 1e-9  # 0.7 * 10 is a little more than 7 in floating point


@dataclass(frozen=True, slots=True)
class Pair:
    """Two near-duplicates.

    Attributes:
        first: position of one text.
        second: position of the other one; later than `first` within one list.
        similarity: Jaccard similarity of their 5-grams, in [threshold, 1].
    """

    first: int
    second: int
    similarity: float


def grams(query: str) -> set[str]:
    """The different character 5-grams of a query, without case, extra space and the values of digits.

    A query shorter than five characters is one gram.
    """
    text = re.sub(r"\d", "0", " ".join(query.casefold().split()))
    return {text[start : start + _GRAM] for start in range(max(1, len(text) - _GRAM + 1))}


def near_pairs(texts: Sequence[str], *, threshold: float = NEAR, against: Sequence[str] | None = None) -> list[Pair]:
    """All pairs whose 5-grams have at least the given Jaccard similarity; exact, not sampled.

    Prefix filtering (Bayardo, Ma and Srikant, "Scaling up all pairs similarity search", 2007; Chaudhuri, Ganti and
    Kaushik, 2006): with the grams of every text ordered from rare to frequent, two texts of similarity t share one of
    the first n - ceil(t n) + 1 grams, so an inverted index of those alone finds every candidate.

    Args:
        texts: the queries.
        threshold: least similarity, in [0.5, 1].
        against: other queries; with them, pairs of one text and one of these instead of pairs within `texts`.

    Raises:
        ConfigError: if the threshold is out of range.
    """
    if not LEAST_THRESHOLD <= threshold <= 1:
        raise ConfigError(f"the similarity threshold must be in [{LEAST_THRESHOLD}, 1], got {threshold}")
    if not texts or (against is not None and not against):
        return []
    ids = _rare_first([*texts, *(against or ())])
    sizes = np.array([len(one) for one in ids])
    whole = _matrix(ids)
    prefix = _matrix([one[: len(one) - math.ceil(threshold * len(one) - _ROUNDING) + 1] for one in ids], whole.shape[1])
    start = len(texts) if against is not None else 0
    pairs = []
    for left, right in _candidates(prefix, len(texts), start):
        fits = np.minimum(sizes[left], sizes[right]) >= threshold * np.maximum(sizes[left], sizes[right]) - _ROUNDING
        for first, second, similarity in _compared(whole, sizes, left[fits], right[fits]):
            if similarity >= threshold - _ROUNDING:
                pairs.append(Pair(first, second - start, similarity))
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def _rare_first(texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Numbers of each text's grams, rare grams first; equally frequent ones in order of appearance."""
    vocabulary: dict[str, int] = {}
    ids = [
        np.array([vocabulary.setdefault(gram, len(vocabulary)) for gram in sorted(grams(text))], dtype=np.int64)
        for text in texts
    ]
    frequency = np.bincount(np.concatenate(ids), minlength=len(vocabulary))
    rank = np.empty(len(vocabulary), dtype=np.int64)
    rank[np.argsort(frequency, kind="stable")] = np.arange(len(vocabulary))
    return [np.sort(rank[one]) for one in ids]


def _matrix(ids: Sequence[NDArray[np.int64]], columns: int | None = None) -> sparse.csr_array:
    """Texts by grams, 1 where a text has a gram."""
    indices = np.concatenate(ids)
    ends = np.cumsum([0, *(len(one) for one in ids)])
    shape = (len(ids), columns or int(indices.max()) + 1)
    return sparse.csr_array((np.ones(len(indices), np.int32), indices, ends), shape=shape)


def _candidates(
    prefix: sparse.csr_array, count: int, start: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Positions of texts that share a gram of their prefixes; `start` is where the other list begins, if any."""
    index = prefix[start:].T.tocsr()
    for block in range(0, count, _BLOCK):
        shared = (prefix[block : min(block + _BLOCK, count)] @ index).tocoo()
        left = shared.row.astype(np.int64) + block
        right = shared.col.astype(np.int64) + start
        once = left < right
        yield left[once], right[once]


def _compared(
    whole: sparse.csr_array, sizes: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
) -> Iterator[tuple[int, int, float]]:
    for begin in range(0, len(left), _PAIRS_AT_ONCE):
        one, other = left[begin : begin + _PAIRS_AT_ONCE], right[begin : begin + _PAIRS_AT_ONCE]
        common = np.asarray(whole[one].multiply(whole[other]).sum(axis=1)).ravel()
        similarity = common / (sizes[one] + sizes[other] - common)
        yield from zip(one.tolist(), other.tolist(), similarity.tolist(), strict=True)
