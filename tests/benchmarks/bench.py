"""Speed of routerkit beside other ways from text to category: `make bench`.

All contenders take turns on the same blocks of queries in one process, one thread each, after a warm-up. Predictions
and token counts are compared first, so that nobody is fast by doing less. Nothing here is a test: figures depend on the
machine, which is why they are printed as ratios too.

semantic-router takes part where it is installed; it is no dependency of this project.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import torch
import transformers
from contenders import BASE, full_size, in_bulk, one_by_one
from floor import floor

from routerkit.engines.cores import usable_cores
from routerkit.export.checkpoint import export_checkpoint
from routerkit.rows import read_rows
from routerkit.store import open_artefact
from routerkit.tokenization import QueryTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
SHORT_TOKENS = 24
BLOCK = 20
PEAK = "import re; print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
COLD = {
    BASE: "from transformers import pipeline; p = pipeline('text-classification', model=sys.argv[1], device='cpu'); "
    "p('What is 2+2?')",
    "routerkit int8": "from routerkit import Router; Router.from_pretrained(sys.argv[1]).route_query('What is 2+2?')",
    "routerkit fp32": "from routerkit import Router, RouterConfig; Router.from_pretrained(sys.argv[1], "
    "config=RouterConfig(precision='fp32')).route_query('What is 2+2?')",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: seconds on the clock and seconds of processor time."""

    wall: float
    cpu: float


Samples = dict[str, list[Sample]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times every query is routed by every contender")
    parser.add_argument("--queries", type=int, default=1_000, help="most queries, to try the script out")
    parser.add_argument("--shape", choices=["starter", "full", "both"], default="both", help="models to measure")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    queries = [row.query for row in read_rows(ROOT / "examples" / "test.jsonl")][: arguments.queries]
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        starter = Path(folder) / "starter"
        export_checkpoint(open_artefact("starter"), starter)
        if arguments.shape != "full":
            measure("starter", starter, queries, arguments.rounds)
        if arguments.shape != "starter":
            measure("full size", full_size(starter, Path(folder) / "full"), queries, arguments.rounds)


def measure(title: str, checkpoint: Path, queries: list[str], rounds: int) -> None:
    """Print all tables of one model."""
    single = one_by_one(checkpoint)
    lengths = check_equal(single, checkpoint, queries, exact_only=title != "starter")
    short = [query for query, length in zip(queries, lengths, strict=True) if length <= SHORT_TOKENS]
    mean_short = float(np.mean([length for length in lengths if length <= SHORT_TOKENS]))
    bulk = in_bulk(checkpoint, usable_cores())
    report(f"{title}: one short query, ms", latency(single, short, rounds))
    report(f"{title}: bulk, short, ms/query", throughput(bulk, short * 10, rounds))
    report(f"{title}: bulk, mixed lengths, ms/query", throughput(bulk, queries * 5, rounds))
    report_cold(f"{title}: cold start to first route", checkpoint, rounds)
    print(f"| {title}: physical limit, {mean_short:.1f} tokens, one core | ms/query |\n| --- | ---: |")
    for name, seconds in floor(checkpoint, mean_short, 5 * rounds).items():
        print(f"| {name} | {seconds * 1e3:.3f} |")
    print()


def check_equal(
    single: dict[str, Callable[[str], str]], checkpoint: Path, queries: list[str], *, exact_only: bool
) -> list[int]:
    """Stop unless contenders with the same weights see the same tokens and decide alike; returns token counts.

    Random weights put queries next to ties, so there the rounded ones are let off: `exact_only`.
    """
    theirs = transformers.AutoTokenizer.from_pretrained(checkpoint)
    ours = QueryTokenizer.from_file(checkpoint / "tokenizer.json")
    lengths = [len(ids) for ids in ours.encode_batch(queries)]
    if lengths != [len(ids) for ids in theirs(queries)["input_ids"]]:
        raise SystemExit("the tokenizers count differently, so speeds cannot be compared")
    expected = [single[BASE](query) for query in queries]
    for name, classify in single.items():
        same = np.mean([classify(query) == label for query, label in zip(queries, expected, strict=True)])
        print(f"{name}: same category as the pipeline on {same:.1%} of {len(queries)} queries", file=sys.stderr)
        exact = name in {BASE, "routerkit fp32", "routerkit torch"}
        if (exact and same < 1.0) or (name == "routerkit int8" and not exact_only and same < 0.98):
            raise SystemExit(f"{name} decides differently, so its speed means nothing")
    return lengths


def latency(single: dict[str, Callable[[str], str]], queries: list[str], rounds: int) -> Samples:
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


def throughput(bulk: dict[str, Callable[[list[str]], list[str]]], queries: list[str], rounds: int) -> Samples:
    """One big call, contenders taking turns; the first round warms up. Figures are for one query."""
    samples: Samples = {name: [] for name in bulk}
    for round_ in range(rounds + 1):
        for name, call in bulk.items():
            taken = clocked(lambda call=call: call(queries))
            if round_:
                samples[name].append(Sample(taken.wall / len(queries), taken.cpu / len(queries)))
    return samples


def clocked(call: Callable[[], object]) -> Sample:
    """Run once, clock in hand; processor time is that of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Sample(time.perf_counter() - wall, time.process_time() - cpu)


def report(title: str, samples: Samples) -> None:
    """Print one table; the first contender is the base of the ratios."""
    base = np.median([sample.wall for sample in next(iter(samples.values()))])
    print(f"| {title} | p50 | p90 | p99 | cpu | queries/s | n | times as fast |")
    print("| --- |" + " ---: |" * 7)
    for name, found in samples.items():
        wall = [sample.wall for sample in found]
        p50, p90, p99 = np.percentile(wall, [50, 90, 99])
        cpu = np.mean([sample.cpu for sample in found])
        figures = " | ".join(f"{seconds * 1e3:.2f}" for seconds in (p50, p90, p99, cpu))
        print(f"| {name} | {figures} | {1 / p50:,.0f} | {len(wall)} | {base / p50:.1f}x |")
    print(flush=True)


def report_cold(title: str, checkpoint: Path, rounds: int) -> None:
    """Print wall time from starting a process to its end, and the most memory it used."""
    seconds: dict[str, list[float]] = {name: [] for name in COLD}
    peaks: dict[str, int] = {}
    for _ in range(rounds):
        for name, code in COLD.items():
            started = time.perf_counter()
            peaks[name] = _run(["-c", f"import sys; {code}; {PEAK}", str(checkpoint)])
            seconds[name].append(time.perf_counter() - started)
    base = np.median(seconds[BASE])
    print(f"| {title} | p50 ms | peak memory, MB | n | times as fast |\n| --- | ---: | ---: | ---: | ---: |")
    for name, found in seconds.items():
        p50 = np.median(found)
        print(f"| {name} | {p50 * 1e3:.0f} | {peaks[name] / 1024:.0f} | {len(found)} | {base / p50:.1f}x |")
    print(flush=True)


def machine() -> str:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    libraries = {library.__name__: library.__version__ for library in (torch, transformers, onnxruntime)}
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return f"{name}, {usable_cores()} cores, {load}, Python {platform.python_version()}, {json.dumps(libraries)}"


def _run(arguments: Sequence[str]) -> int:
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
