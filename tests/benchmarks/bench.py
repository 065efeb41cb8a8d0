"""Speed of the starter beside a Hugging Face pipeline on the same weights: `make bench`.

All engines take turns on the same queries in one process, one thread each, after a warm-up; the table gives medians.
Predictions and token counts are compared first, so that nobody is fast by doing less. Nothing here is a test: figures
depend on the machine, which is why they are printed as ratios.
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
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

from typing import TYPE_CHECKING

import numpy as np
import torch
import transformers
from transformers import pipeline

from routerkit import Router, RouterConfig
from routerkit.export.checkpoint import export_checkpoint
from routerkit.rows import read_rows
from routerkit.store import open_artefact

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
SHORT_TOKENS = 24
COLD_RUNS = 5
PIPELINE_COLD = (
    "import sys; from transformers import pipeline; "
    "p = pipeline('text-classification', model=sys.argv[1], device='cpu'); p('What is 2+2?')"
)
ROUTER_COLD = "from routerkit import Router; Router.from_pretrained('starter').route_query('What is 2+2?')"


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5, help="times every query is routed by every engine")
    rounds: int = arguments.parse_args().rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "starter"
        export_checkpoint(open_artefact("starter"), checkpoint)
        single = engines(checkpoint)
        queries = [row.query for row in read_rows(ROOT / "examples" / "test.jsonl")]
        short = [query for query in queries if tokens(checkpoint, query) <= SHORT_TOKENS]
        check_equal(single, queries)
        print(f"{machine()}\n")
        report("one short query, ms", latency(single, short, rounds), scale=1e3)
        report("bulk, short, ms/query", throughput(checkpoint, short * 10), scale=1e3)
        report("bulk, mixed lengths, ms/query", throughput(checkpoint, queries * 5), scale=1e3)
        report("cold start to first route, ms", cold_start(checkpoint), scale=1e3)


def engines(checkpoint: Path) -> dict[str, Callable[[str], str]]:
    """From text to category, one query at a time; the pipeline comes first, as the base of the ratios."""
    hugging_face = pipeline("text-classification", model=str(checkpoint), device="cpu")
    int8 = Router.from_pretrained("starter")
    fp32 = Router.from_pretrained(checkpoint, config=RouterConfig(precision="fp32"))
    with_torch = Router.from_pretrained(checkpoint, config=RouterConfig(engine="torch"))

    def run_pipeline(query: str) -> str:
        with torch.inference_mode():
            return str(hugging_face(query)[0]["label"])

    return {
        "transformers.pipeline": run_pipeline,
        "routerkit int8": lambda query: int8.route_query(query).category,
        "routerkit fp32": lambda query: fp32.route_query(query).category,
        "routerkit torch": lambda query: with_torch.route_query(query).category,
    }


def check_equal(single: dict[str, Callable[[str], str]], queries: list[str]) -> None:
    """Stop unless exact engines agree everywhere and int8 nearly everywhere."""
    expected = [single["transformers.pipeline"](query) for query in queries]
    for name, classify in single.items():
        same = np.mean([classify(query) == label for query, label in zip(queries, expected, strict=True)])
        print(f"{name}: same category as the pipeline on {same:.1%} of {len(queries)} queries", file=sys.stderr)
        if same < (0.98 if "int8" in name else 1.0):
            raise SystemExit(f"{name} decides differently, so its speed means nothing")


def latency(single: dict[str, Callable[[str], str]], queries: list[str], rounds: int) -> dict[str, list[float]]:
    """Seconds of every call, engines taking turns query by query."""
    seconds: dict[str, list[float]] = {name: [] for name in single}
    for round_ in range(rounds + 1):
        for query in queries:
            for name, classify in single.items():
                started = time.perf_counter()
                classify(query)
                if round_:  # the first round warms up
                    seconds[name].append(time.perf_counter() - started)
    return seconds


def throughput(checkpoint: Path, queries: list[str], rounds: int = 3) -> dict[str, list[float]]:
    """Seconds per query of one big call, engines taking turns."""
    hugging_face = pipeline("text-classification", model=str(checkpoint), device="cpu")
    router = Router.from_pretrained("starter")

    def run_pipeline() -> None:
        with torch.inference_mode():
            hugging_face(queries, batch_size=32)

    calls = {"transformers.pipeline, batch 32": run_pipeline, "routerkit int8": lambda: router.route_batch(queries)}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append((time.perf_counter() - started) / len(queries))
    return seconds


def cold_start(checkpoint: Path) -> dict[str, list[float]]:
    """Seconds from starting a process to its first routed query and its end."""
    commands = {
        "transformers.pipeline": [sys.executable, "-c", PIPELINE_COLD, str(checkpoint)],
        "routerkit int8": [sys.executable, "-c", ROUTER_COLD],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(COLD_RUNS):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    return seconds


def tokens(checkpoint: Path, query: str) -> int:
    """Number of tokens of a query, special ones included."""
    tokenizer = _TOKENIZERS.setdefault(checkpoint, transformers.AutoTokenizer.from_pretrained(checkpoint))
    return len(tokenizer(query)["input_ids"])


_TOKENIZERS: dict[Path, transformers.PreTrainedTokenizerBase] = {}


def report(title: str, seconds: dict[str, list[float]], *, scale: float) -> None:
    """Print one table; the first engine is the base of the ratios."""
    base = np.median(next(iter(seconds.values())))
    print(f"| {title} | p50 | p90 | p99 | n | times as fast |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, values in seconds.items():
        p50, p90, p99 = np.percentile(values, [50, 90, 99]) * scale
        print(f"| {name} | {p50:.2f} | {p90:.2f} | {p99:.2f} | {len(values)} | {base / np.median(values):.1f}x |")
    print()


def machine() -> str:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    versions = json.dumps({"torch": torch.__version__, "transformers": transformers.__version__})
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    main()
