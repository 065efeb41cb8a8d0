"""What needs processes of its own: the start, the memory, and a neighbour that spins."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.measuring import Row, Sample, rows_of
from tests.benchmarks.names import BASE, BUSY, DEFAULT_THREADS, FP32, INT8, MEMORY, ONE_THREAD_BASE, QUIET, START
from tests.benchmarks.texts import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_ROUTER = (
    "from routerkit import Router, RouterConfig; Router.from_pretrained(sys.argv[1]{}).route_query('What is 2+2?')"
)
STARTS = {
    BASE: "from transformers import pipeline; p = pipeline('text-classification', model=sys.argv[1], device='cpu'); "
    "p('What is 2+2?')",
    INT8: _ROUTER.format(""),
    FP32: _ROUTER.format(", config=RouterConfig(precision='fp32')"),
}
_SAY = "; print(open('/proc/self/status').read(), flush=True)"
_SPIN = "while True: pass"


def starts(model: str, checkpoint: Path, rounds: int) -> list[Row]:
    """Wall time from starting a process to its first answer, contenders taking turns, and the most memory it used."""
    seconds: dict[str, list[Sample]] = {name: [] for name in STARTS}
    peaks: dict[str, float] = {}
    for _ in range(rounds):
        for name, code in STARTS.items():
            taken, peaks[name] = _first_answer(["-c", f"import sys; {code}{_SAY}", str(checkpoint)])
            seconds[name].append(taken)
    memory = [
        Row(model=model, task=MEMORY, who=who, megabytes=peak, times=peaks[BASE] / peak) for who, peak in peaks.items()
    ]
    return [*rows_of(model, START, seconds, queries=False), *memory]


def _first_answer(arguments: list[str]) -> tuple[Sample, float]:
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wall = time.perf_counter() - started
        said = process.stdout.read().decode()
    peak = re.search(r"VmHWM:\s+(\d+)", said)
    if process.returncode or peak is None:
        raise SystemExit(f"{' '.join(arguments)!r} failed")
    return Sample(wall), int(peak[1]) / 1024


def beside_a_neighbour(model: str, checkpoint: Path, seconds: float) -> list[Row]:
    """Latencies alone, then beside a process that spins on the same cores; each contender in a process of its own.

    The pipeline takes part as it comes, with a thread for every core, and with one thread.
    """
    samples: dict[str, dict[str, list[Sample]]] = {QUIET: {}, BUSY: {}}
    for who in (DEFAULT_THREADS, ONE_THREAD_BASE, INT8):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if who == DEFAULT_THREADS:
            del environment["OMP_NUM_THREADS"]
        command = [sys.executable, "-m", "tests.benchmarks.processes", str(checkpoint.resolve()), who, str(seconds)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for task, found in json.loads(done.stdout).items():
            samples[task][who] = [Sample(*one) for one in found]
    return [row for task, found in samples.items() for row in rows_of(model, task, found)]


@contextmanager
def neighbour() -> Iterator[None]:
    """A process that takes all it gets of the cores that this one may use."""
    process = subprocess.Popen([sys.executable, "-c", _SPIN])
    try:
        time.sleep(0.3)
        yield
    finally:
        process.kill()
        process.wait()


def _many(classify: Callable[[str], object], queries: list[str], seconds: float) -> list[tuple[float, float]]:
    found = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for query in queries:
            wall, cpu = time.perf_counter(), time.process_time()
            classify(query)
            found.append((time.perf_counter() - wall, time.process_time() - cpu))
            if time.perf_counter() >= end:
                break
    return found


def _main(folder: str, who: str, seconds: float) -> None:
    from pathlib import Path

    from routerkit import Router
    from routerkit.tokenization import QueryTokenizer
    from tests.benchmarks import texts
    from tests.benchmarks.contenders import pipeline_of

    checkpoint = Path(folder)
    classify = Router.from_pretrained(checkpoint).route_query if who == INT8 else pipeline_of(checkpoint)
    queries = texts.short(QueryTokenizer.from_file(checkpoint / "tokenizer.json"))
    np.random.default_rng(0).shuffle(queries)
    _many(classify, queries, seconds / 4)
    found = {QUIET: _many(classify, queries, seconds)}
    with neighbour():
        found[BUSY] = _many(classify, queries, seconds)
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
