"""What it costs to be watched: `python tests/benchmarks/observing.py`.

Tracing off, the decision log and OpenTelemetry, each beside the bare router: the contenders take turns on every query
in one process, and the median of each is compared. Figures depend on the machine, so they are printed as ratios too.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["LANGSMITH_TRACING"] = "false"

from langchain_core.callbacks import CallbackManagerForChainRun

from routerkit import Router
from routerkit.log import DecisionLog, LogConfig
from routerkit.rows import read_rows
from routerkit.tracing import runs, spans
from routerkit.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.runnables import RunnableConfig

ROOT = Path(__file__).resolve().parents[2]
BARE = "Router.route_query"
LOGGED = 10_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="times that every query is routed")
    parser.add_argument("--logged", type=int, default=LOGGED, help="decisions written at once")
    settings = parser.parse_args()
    router = Router.from_pretrained("starter")
    queries = [row.query for row in read_rows(ROOT / "examples" / "test.jsonl")]
    say(f"{processor()}, one thread; {len(queries)} queries, {settings.rounds} rounds")
    off = {BARE: router.route_query, "watched, all of it off": Watch(router).route}
    table(off, queries, settings.rounds)
    say(f"  what a graph adds for tracers that are not there: {hooks_us(router):.1f} us a query")
    with tempfile.TemporaryDirectory() as folder:
        log = DecisionLog(LogConfig(path=Path(folder) / "log.sqlite"))
        table(
            {BARE: router.route_query, "with the decision log": Watch(router, log=log).route}, queries, settings.rounds
        )
        log.close()
        log_alone(router, Path(folder) / "alone.sqlite", settings.logged)
    if instrument():
        table({BARE: router.route_query, "with OpenTelemetry spans": Watch(router).route}, queries, settings.rounds)


def table(contenders: dict[str, Callable[[str], object]], queries: Sequence[str], rounds: int) -> None:
    """Let the contenders take turns on every query; print the median time of each, and its ratio to the first one."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    gc.collect()
    for number in range(rounds + 1):  # the first round warms up
        for query in queries:
            random.shuffle(names)
            for name in names:
                began = time.perf_counter()
                contenders[name](query)
                if number:
                    seconds[name].append(time.perf_counter() - began)
    for name in contenders:
        ratio = median(one / two for one, two in zip(seconds[name], seconds[BARE], strict=True))
        say(f"  {name:<26} {median(seconds[name]) * 1e3:7.3f} ms a query, {ratio:.3f} of the bare router")


def hooks_us(router: Router, repeats: int = 20_000) -> float:
    """Microseconds of all that a graph does for tracers, where there are none: two spans, a report, a run's config."""
    config: RunnableConfig = {"callbacks": None}
    seen = Watch(router).route("What is 2+2?")
    decision, nobody = seen.decision.to_dict(), CallbackManagerForChainRun.get_noop_manager()
    began = time.perf_counter()
    for _ in range(repeats):
        with spans.span(spans.ROUTE_SPAN):
            runs.report(nobody, seen)
        with spans.span(spans.SPECIALIST_SPAN):
            runs.specialist_config(config, "math", decision)
    return (time.perf_counter() - began) / repeats * 1e6


def log_alone(router: Router, path: Path, count: int) -> None:
    """The log's own work: for the query's thread, and for the processor until all is in the file."""
    log = DecisionLog(LogConfig(path=path))
    seen = Watch(router).route("What is 2+2?")
    log.record(seen)
    log.flush()
    asking, busy, began = 0.0, time.process_time(), time.perf_counter()
    for number in range(count):
        before = time.perf_counter()
        log.record(seen)
        asking += time.perf_counter() - before
        if number % 1_000 == 999:
            log.flush()  # the queue holds 10,000; the query's thread is charged for `record` alone
    log.flush()
    took, busy = time.perf_counter() - began, time.process_time() - busy
    size = path.stat().st_size / (count + 1)
    say(f"  {count:,} decisions logged: {asking / count * 1e6:.0f} us each for the query's thread,")
    say(f"  {busy / count * 1e6:.0f} us of processor time in all, {count / took:,.0f} a second, {size:.0f} bytes each")
    log.close()


def instrument() -> bool:
    """Set OpenTelemetry up as an application does, with spans kept in memory; False where it is not installed."""
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    except ImportError:
        return False
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def processor() -> str:
    """The processor's name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), sys.platform)


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
