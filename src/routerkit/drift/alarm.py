"""The alarm rule: three tests, corrected for being three, and only for changes big enough to matter.

Under the null hypothesis, that window and reference are drawn alike, at most one check in a hundred alarms:
each test runs at a third of 1 % (Bonferroni), and asking for a least effect can only lower that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import exp, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from routerkit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routerkit.drift.sample import Sample

FALSE_ALARM_RATE = 0.01
"""Most checks that alarm although nothing has changed, as a share of all."""

LEAST_ROWS = 50
"""Fewest decisions on either side: with fewer, hardly any change could be told from chance."""

LEAST_MIX = 0.10
"""Share of the queries that must have moved to another category: total variation distance, in [0, 1]."""

LEAST_CONFIDENCE = 0.10
"""Largest distance of the two cumulative distributions of confidence that is put up with, in [0, 1]."""

LEAST_OUTSIDE = 0.05
"""Change of the share of out-of-domain queries that is put up with, in [0, 1]."""

_TESTS = 3
_DRAWS = 9_999
_SEED = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison.

    Attributes:
        name: `mix`, `confidence` or `outside`.
        effect: size of the change, in [0, 1]; what it measures depends on the name, see this module's constants.
        least_effect: below it a change is not worth an alarm.
        p_value: chance of an effect as large if nothing has changed.
        alarm: whether the change is both too large and too unlikely.
    """

    name: str
    effect: float
    least_effect: float
    p_value: float
    alarm: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """All comparisons of a window with its reference."""

    findings: list[Finding]

    @property
    def alarm(self) -> bool:
        """Whether any comparison alarms."""
        return any(finding.alarm for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Every figure, ready for JSON."""
        return {"alarm": self.alarm, "findings": [asdict(finding) for finding in self.findings]}


def check(reference: Sample, window: Sample) -> Drift:
    """Compare a window with a reference. The same samples always give the same answer.

    Raises:
        InputError: if either has fewer than 50 decisions.
    """
    for name, sample in (("reference", reference), ("window", window)):
        if sample.n < LEAST_ROWS:
            raise InputError(
                f"the {name} has {sample.n:,} decisions, {LEAST_ROWS} are needed to tell drift from chance"
            )
    names = sorted({*reference.counts, *window.counts})
    mix = (_counts(reference, names), _counts(window, names))
    outside = (_inside_outside(reference), _inside_outside(window))
    return Drift(
        [
            _finding("mix", _total_variation(*mix), LEAST_MIX, _p_of_counts(*mix)),
            _confidence(reference.confidence, window.confidence),
            _finding("outside", _total_variation(*outside), LEAST_OUTSIDE, _p_of_counts(*outside)),
        ]
    )


def _finding(name: str, effect: float, least: float, p_value: float) -> Finding:
    alarm = effect >= least and p_value <= FALSE_ALARM_RATE / _TESTS
    return Finding(name, effect, least, p_value, alarm)


def _counts(sample: Sample, names: list[str]) -> NDArray[np.int64]:
    return np.array([sample.counts.get(name, 0) for name in names], dtype=np.int64)


def _inside_outside(sample: Sample) -> NDArray[np.int64]:
    return np.array([sample.n - sample.outside, sample.outside], dtype=np.int64)


def _total_variation(reference: NDArray[np.int64], window: NDArray[np.int64]) -> float:
    return float(np.abs(reference / reference.sum() - window / window.sum()).sum() / 2)


def _p_of_counts(reference: NDArray[np.int64], window: NDArray[np.int64]) -> float:
    """Permutation test of Pearson's chi-squared statistic: draws windows from both samples mixed.

    Phipson and Smyth, "Permutation p-values should never be zero" (2010), equation 2.
    """
    pooled = reference + window
    expected = pooled * (window.sum() / pooled.sum())
    draws = np.random.default_rng(_SEED).multivariate_hypergeometric(pooled, int(window.sum()), size=_DRAWS)
    seen = expected > 0

    def distance(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(((counts - expected)[..., seen] ** 2 / expected[seen]).sum(axis=-1))

    # A hair of tolerance: the same counts, summed in another order, must compare as equal.
    as_far = distance(draws) >= distance(window) * (1 - 1e-9)
    return float((1 + as_far.sum()) / (1 + _DRAWS))


def _confidence(reference: NDArray[np.float64], window: NDArray[np.float64]) -> Finding:
    """Two-sample Kolmogorov-Smirnov test; ties make it err on the quiet side."""
    values = np.concatenate([reference, window])
    below = [np.searchsorted(np.sort(part), values, side="right") / len(part) for part in (reference, window)]
    distance = float(np.abs(below[0] - below[1]).max())
    size = sqrt(len(reference) * len(window) / (len(reference) + len(window)))
    return _finding("confidence", distance, LEAST_CONFIDENCE, _kolmogorov((size + 0.12 + 0.11 / size) * distance))


def _kolmogorov(scaled: float) -> float:
    """Chance that Kolmogorov's limiting distribution exceeds `scaled`.

    Stephens, "Use of the Kolmogorov-Smirnov, Cramer-Von Mises and Related Statistics Without Extensive Tables" (1970).
    """
    if scaled < 0.2:  # the series converges slowly here, and the chance is 1 to twelve digits
        return 1.0
    total = 2 * sum((-1.0) ** (k - 1) * exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, total))
