"""Speed of routerkit beside other ways from text to category: `make bench`.

    python -m tests.benchmarks.bench                     # about ten minutes
    python -m tests.benchmarks.bench --quick             # about two
    python -m tests.benchmarks.bench --output docs/performance.json

All contenders take turns on the same blocks of queries in one process, one thread each, after a warm-up. Predictions
and tokens are compared first, so that nobody is fast by doing less. Nothing here is a test: figures depend on the
machine, which is why they are printed as ratios too. docs/performance.md says what each column means.
"""

from __future__ import annotations

import os

# Before anything else is imported: these libraries read their settings at import time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["LANGSMITH_TRACING"] = "false"

import argparse
import platform
import sys
import tempfile
import warnings
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from routerkit import artefact
from routerkit.engines.cores import usable_cores
from routerkit.export.checkpoint import export_checkpoint
from routerkit.store import open_artefact
from routerkit.tokenization import QueryTokenizer
from tests.benchmarks import contenders, goals, names, picture, processes, profiling, results, surroundings, texts
from tests.benchmarks.floor import floor, measure_limits
from tests.benchmarks.measuring import Row, latency, rows_of, throughput

LIBRARIES = (
    *("torch", "transformers", "onnxruntime", "tokenizers", "numpy", "scikit-learn", "langgraph", "langchain-core"),
    "semantic-router",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        short: most short queries.
        rounds: times that every short query is routed by every contender.
        mixed: queries of mixed lengths.
        bulk: times that the queries are repeated in one bulk call.
        bulk_rounds: bulk calls of every contender.
        starts: processes started for every contender.
        busy_seconds: of routing beside a neighbour, for every contender.
        graph_rounds: times that every short query goes through a graph.
    """

    short: int = 1_000
    rounds: int = 4
    mixed: int = 60
    bulk: int = 2
    bulk_rounds: int = 5
    starts: int = 5
    busy_seconds: float = 8.0
    graph_rounds: int = 4


QUICK = Plan(short=24, rounds=1, mixed=8, bulk=1, bulk_rounds=2, starts=1, busy_seconds=1.0, graph_rounds=1)


@dataclass(slots=True)
class Findings:
    """What is known so far; see `tests.benchmarks.results`."""

    rows: list[Row] = field(default_factory=list)
    agreement: dict[str, dict[str, float]] = field(default_factory=dict)
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    profile: dict[str, dict[str, float]] = field(default_factory=dict)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the time, to try the script out")
    parser.add_argument("--shape", choices=["starter", "full", "both"], default="both", help="models to measure")
    parser.add_argument("--model", default="starter", help="a router in the starter's place")
    parser.add_argument("--output", type=Path, help="results file (.json); a picture (.svg) is written beside it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    load = os.getloadavg()[0]
    findings, plan = Findings(), QUICK if arguments.quick else Plan()
    with tempfile.TemporaryDirectory() as folder:
        starter = Path(folder) / "starter"
        export_checkpoint(open_artefact(arguments.model), starter)
        if arguments.shape != "full":
            measure(findings, "starter", starter, plan)
        if arguments.shape != "starter":
            measure(findings, "full size", contenders.full_size(starter, Path(folder) / "full"), plan)
    found = _results(findings, load)
    print(results.markdown(found))
    if arguments.output is not None:
        results.write(arguments.output, found)
        arguments.output.with_suffix(".svg").write_text(picture.svg(found["rows"]), encoding="utf-8")


def measure(findings: Findings, model: str, checkpoint: Path, plan: Plan) -> None:
    """Everything about one model; what it is at is said on stderr."""
    limit = artefact.read(checkpoint).manifest.max_tokens
    tokenizer = QueryTokenizer.from_file(checkpoint / artefact.TOKENIZER, max_tokens=limit)
    short, mixed = texts.short(tokenizer)[: plan.short], texts.mixed(tokenizer, plan.mixed)
    single = contenders.one_by_one(checkpoint)
    _say(f"{model}: comparing predictions")
    agreed = contenders.check_equal(single, checkpoint, [*short, *mixed], real=model == "starter")
    findings.agreement[model] = agreed
    _say(f"{model}: one query")
    findings.rows += rows_of(model, names.SINGLE, latency(single, short, plan.rounds))
    findings.rows += rows_of(model, names.SINGLE_MIXED, latency(single, mixed, max(1, plan.rounds // 3)))
    _say(f"{model}: bulk")
    bulk = contenders.in_bulk(checkpoint, usable_cores())
    findings.rows += rows_of(model, names.BULK, throughput(bulk, short * plan.bulk, plan.bulk_rounds))
    findings.rows += rows_of(
        model, names.BULK_MIXED, throughput(bulk, mixed * plan.bulk, max(1, plan.bulk_rounds // 2))
    )
    del single, bulk
    _say(f"{model}: processes")
    findings.rows += processes.starts(model, checkpoint, plan.starts)
    findings.rows += processes.beside_a_neighbour(model, checkpoint, plan.busy_seconds)
    _say(f"{model}: threads and graphs")
    findings.rows += surroundings.from_threads(model, checkpoint, short, plan.rounds)
    findings.rows += surroundings.inside_langgraph(model, checkpoint, short, plan.graph_rounds)
    _say(f"{model}: physical limit")
    _measure_floor(findings, model, checkpoint, [len(ids) for ids in tokenizer.encode_batch(short)])
    findings.profile[model] = profiling.profile_bulk(checkpoint, short)


def _measure_floor(findings: Findings, model: str, checkpoint: Path, lengths: list[int]) -> None:
    limits = measure_limits(checkpoint, repeats=30)
    findings.limits[model] = {
        **{kind: rate / 1e9 for kind, rate in limits.rates.items()},
        **{f"{kind} by": library for kind, library in limits.libraries.items()},
        "bandwidth": limits.bandwidth / 1e9,
        "tokens": sum(lengths) / len(lengths),
    }
    for who, seconds in floor(checkpoint, lengths, limits).items():
        findings.rows.append(Row(model=model, task=names.FLOOR, who=who, p50=seconds * 1e3, rate=1 / seconds))


def _results(findings: Findings, load: float) -> results.Results:
    rows = [asdict(row) for row in findings.rows]
    missing = find_spec("semantic_router") is None
    return {
        "command": "python -m tests.benchmarks.bench " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": _processor(),
            "cores": usable_cores(),
            "memory_gb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
            "system": f"{platform.system()} {platform.release()}",
            "load_before": load,
            "load_after": os.getloadavg()[0],
        },
        "versions": {"Python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
        "left_out": ["semantic-router, which is not installed"] if missing else [],
        "agreement": findings.agreement,
        "limits": findings.limits,
        "goals": goals.goals(rows),
        "rows": rows,
        "profile": findings.profile,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
