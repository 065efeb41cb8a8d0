"""Made-up traffic with planted shifts, and how often and how soon it alarms: for the tests and the documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from routerkit.drift.alarm import check
from routerkit.drift.sample import Sample

CATEGORIES = ["code", "commonsense", "general", "math", "science"]
EARLIER = 1_500
"""Decisions before the window."""

_SEED = 17


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where decisions are drawn from.

    Attributes:
        mix: chance of each category.
        sureness: confidence is beta-distributed with this first parameter; the mean is sureness / (sureness + 1).
        outside: chance of being out of domain.
    """

    mix: tuple[float, ...] = (0.35, 0.05, 0.3, 0.2, 0.1)
    sureness: float = 8.0
    outside: float = 0.04

    def draw(self, generator: np.random.Generator, n: int) -> Decisions:
        """Draw `n` decisions."""
        return Decisions(
            generator.choice(len(CATEGORIES), size=n, p=self.mix),
            generator.beta(self.sureness, 1.0, size=n),
            generator.random(n) < self.outside,
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions in the order of their coming, one array each."""

    category: np.ndarray
    confidence: np.ndarray
    outside: np.ndarray

    def part(self, start: int, stop: int) -> Sample:
        """Those from `start` on, before `stop`."""
        counts = np.bincount(self.category[start:stop], minlength=len(CATEGORIES)).tolist()
        seen = {name: count for name, count in zip(CATEGORIES, counts, strict=True) if count}
        return Sample(seen, self.confidence[start:stop], int(self.outside[start:stop].sum()))

    def then(self, later: Decisions) -> Decisions:
        """These, and the later ones behind them."""
        names = ("category", "confidence", "outside")
        return Decisions(*(np.concatenate([getattr(self, name), getattr(later, name)]) for name in names))


USUAL = Traffic()
MOVED_MIX = (0.15, 0.05, 0.5, 0.2, 0.1)
SHIFTS = {
    "nothing changed": USUAL,
    "a fifth moved category": Traffic(mix=MOVED_MIX),
    "out of domain 4 -> 16 in 100": Traffic(outside=0.16),
    "mean confidence 0.89 -> 0.80": Traffic(sureness=4.0),
}


def alarm_rate(traffic: Traffic, window: int, rounds: int) -> float:
    """Share of windows from `traffic` that alarm against 1,500 earlier decisions of the usual traffic."""
    generator = np.random.default_rng(_SEED)
    draw = partial(USUAL.draw, generator, EARLIER)
    alarms = [check(draw().part(0, EARLIER), traffic.draw(generator, window).part(0, window)) for _ in range(rounds)]
    return sum(found.alarm for found in alarms) / rounds


def delays(traffic: Traffic, window: int, rounds: int, every: int = 50, at_most: int = 1_000) -> list[int]:
    """Decisions between the shift and the first alarm, if the latest `window` are checked every `every` decisions.

    As in a log, the window slides over the shift, and everything before it is the reference.

    Returns:
        one number a round; `at_most` stands for no alarm at all.
    """
    generator = np.random.default_rng(_SEED)
    found = []
    for _ in range(rounds):
        log = USUAL.draw(generator, EARLIER + window).then(traffic.draw(generator, at_most))
        shift = EARLIER + window
        ends = range(shift + every, shift + at_most + 1, every)
        alarms = (end for end in ends if check(log.part(0, end - window), log.part(end - window, end)).alarm)
        found.append(next(alarms, shift + at_most) - shift)
    return found
