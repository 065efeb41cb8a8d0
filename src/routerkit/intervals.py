"""How sure a share is: intervals for proportions, and for the difference of two on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

_Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """A number with its 95 % interval.

    Attributes:
        value: what was measured; None if there was nothing to measure.
        low: lower end of the interval.
        high: upper end.
        n: rows it was measured on.
    """

    value: float | None
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if self.value is None:
            return "- (no rows)"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] on {self.n:,}"


def proportion(hits: int, n: int) -> Share:
    """A share of rows. Wilson, "Probable inference, the law of succession, and statistical inference" (1927)."""
    if n == 0:
        return Share(None, 0.0, 1.0, 0)
    share, spread = hits / n, _Z95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # Rounding may leave the interval a hair short of a share of exactly 0 or 1.
    return Share(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)), n)


def paired_difference(gained: int, lost: int, n: int) -> Share:
    """Difference of two shares measured on the same rows, in [-1, 1].

    Agresti and Min, "Simple improved confidence intervals for comparing matched proportions" (2005), section 2:
    a Wald interval after half a row is added to each of the four kinds of pairs.

    Args:
        gained: rows that only the second counts.
        lost: rows that only the first counts.
        n: all rows.
    """
    if n == 0:
        return Share(None, -1.0, 1.0, 0)
    more, fewer, size = gained + 0.5, lost + 0.5, n + 2
    centre = (more - fewer) / size
    half = _Z95 * sqrt(more + fewer - (more - fewer) ** 2 / size) / size
    return Share((gained - lost) / n, max(-1.0, centre - half), min(1.0, centre + half), n)
