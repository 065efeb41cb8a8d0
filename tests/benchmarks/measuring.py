"""Clocks, and what is kept of them: one `Row` for everything that one contender did."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.benchmarks.contenders import Bulk, Single

BLOCK = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: seconds on the clock, and seconds of processor time of all threads."""

    wall: float
    cpu: float = 0.0


Samples = dict[str, list[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; times in milliseconds, None where a figure makes no sense.

    Attributes:
        model: `starter` or `full size`.
        task: what was measured.
        who: the contender.
        p50: half of the measurements took no longer.
        p90: nine of ten.
        p99: ninety-nine of a hundred.
        cpu: processor time of all threads, mean.
        rate: queries in a second.
        megabytes: most memory used.
        n: number of measurements.
        times: how many times as fast as the first contender of the task, or as small for memory.
    """

    model: str
    task: str
    who: str
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    cpu: float | None = None
    rate: float | None = None
    megabytes: float | None = None
    n: int | None = None
    times: float | None = None


def rows_of(model: str, task: str, samples: Mapping[str, Sequence[Sample]], *, queries: bool = True) -> list[Row]:
    """One row for each contender; the first one is the base of the ratios.

    Args:
        model: see `Row`.
        task: see `Row`.
        samples: measurements by contender.
        queries: whether each sample stands for one query, so that there is a rate.
    """
    base = float(np.median([sample.wall for sample in next(iter(samples.values()))]))
    rows = []
    for who, found in samples.items():
        p50, p90, p99 = (float(value) for value in np.percentile([sample.wall for sample in found], [50, 90, 99]))
        cpu = float(np.mean([sample.cpu for sample in found]))
        rows.append(
            Row(
                model=model,
                task=task,
                who=who,
                p50=p50 * 1e3,
                p90=p90 * 1e3,
                p99=p99 * 1e3,
                cpu=cpu * 1e3 if cpu else None,
                rate=1 / p50 if queries else None,
                n=len(found),
                times=base / p50,
            )
        )
    return rows


def clocked(call: Callable[[], object]) -> Sample:
    """Run once, clock in hand."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Sample(time.perf_counter() - wall, time.process_time() - cpu)


def latency(single: Mapping[str, Single], queries: Sequence[str], rounds: int) -> Samples:
    """Every call, contenders taking turns block by block, each with its weights in the cache; the first round warms up.

    Query by query, whoever follows a contender with four times the weights would pay for reading its own again.
    """
    samples: Samples = {name: [] for name in single}
    for round_ in range(rounds + 1):
        for start in range(0, len(queries), BLOCK):
            for name, classify in single.items():
                for query in queries[start : start + BLOCK]:
                    taken = clocked(lambda classify=classify, query=query: classify(query))
                    if round_:
                        samples[name].append(taken)
    return samples


def throughput(bulk: Mapping[str, Bulk], queries: list[str], rounds: int) -> Samples:
    """One big call, contenders taking turns; a fraction of the queries warms up. Figures are for one query."""
    samples: Samples = {name: [] for name in bulk}
    for call in bulk.values():
        call(queries[: max(1, len(queries) // 4)])
    for _ in range(rounds):
        for name, call in bulk.items():
            taken = clocked(lambda call=call: call(queries))
            samples[name].append(Sample(taken.wall / len(queries), taken.cpu / len(queries)))
    return samples
