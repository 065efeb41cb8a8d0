"""The ratios that the project set itself, out of the rows of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.benchmarks import names
from tests.benchmarks.names import BASE, FP32, INT8, SEMANTIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Find = Callable[[str, str], Mapping[str, Any] | None]


def goals(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each model reached: a figure, the goal, and the figure as text; without the rows there is no figure."""
    found = []
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = {(row["task"], row["who"]): row for row in rows if row["model"] == model}

        def find(task: str, who: str, table: dict[tuple[str, str], Any] = of_model) -> Mapping[str, Any] | None:
            return table.get((task, who))

        full = model != "starter"
        found += [_line(model, *line) for line in _speeds(find, full=full)]
        found += [_line(model, *line) for line in _others(find)]
    return [line for line in found if line is not None]


def _speeds(find: Find, *, full: bool) -> list[tuple[str, str, float | None, str]]:
    return [
        (f"one short query over {BASE}", f">= {9 if full else 12}", _over(find, names.SINGLE, BASE, INT8), "x"),
        ("bulk over the pipeline at batch 32, short", ">= 10", _over(find, names.BULK, names.BULK_32, INT8), "x"),
        (
            "bulk over the pipeline at batch 32, mixed lengths",
            ">= 20",
            _over(find, names.BULK_MIXED, names.BULK_32, INT8),
            "x",
        ),
        (
            "bulk over the pipeline one by one, mixed lengths",
            "",
            _over(find, names.BULK_MIXED, names.BULK_1, INT8),
            "x",
        ),
        ("one short query over semantic-router, same encoder", ">= 12", _over(find, names.SINGLE, SEMANTIC, INT8), "x"),
        ("exact fp32, one short query", ">= 3", _over(find, names.SINGLE, BASE, FP32), "x"),
        (
            "process start to first answer, share of the pipeline's",
            "<= 1/20",
            _over(find, names.START, BASE, INT8),
            "1/",
        ),
        (
            "peak memory, share of the pipeline's",
            "<= 1/4",
            _over(find, names.MEMORY, BASE, INT8, "megabytes"),
            "1/",
        ),
    ]


def _others(find: Find) -> list[tuple[str, str, float | None, str]]:
    found: list[tuple[str, str, float | None, str]] = []
    for who in (INT8, names.DEFAULT_THREADS):
        quiet, busy = find(names.QUIET, who), find(names.BUSY, who)
        share = busy["p99"] / quiet["p50"] if quiet and busy else None
        found.append(
            (f"p99 beside a process at 100 % over p50 alone, {who}", "<= 3" if who == INT8 else "", share, "x")
        )
    whole, parts = find(names.GRAPH, names.WHOLE), find(names.GRAPH, names.SPECIALIST)
    rest = whole["p50"] - parts["p50"] if whole and parts else None
    nodes = [find(names.GRAPH, who) for who in (names.NODE, names.EMPTY, names.DIRECT)]
    extra = nodes[0]["p50"] - nodes[1]["p50"] - nodes[2]["p50"] if nodes[0] and nodes[1] and nodes[2] else None
    threads = _over(find, names.THREADS, names.ONE_THREAD, names.TWO_THREADS)
    return [
        *found,
        ("two sessions on two cores over one, bulk", ">= 1.9", _over(find, names.BULK, INT8, names.TWO), "x"),
        ("two threads in route_query over one", "", threads, "x"),
        ("whole graph call minus the specialist, p50", "<= 2 ms", rest, "ms"),
        ("router node over an empty node and the routing itself, p50", "", extra, "ms"),
        ("bulk int8, short, over the physical limit", "stated", _over(find, names.BULK, INT8, None), "x"),
    ]


def _over(find: Find, task: str, base: str, who: str | None, field: str = "p50") -> float | None:
    """How many times `base` needs what `who` needs; what the physical limit needs if there is no `who`."""
    first = find(task, base)
    second = find(task, who) if who else find(names.FLOOR, names.INT8_FLOOR)
    return first[field] / second[field] if first and second else None


def _line(model: str, figure: str, goal: str, value: float | None, unit: str) -> dict[str, Any] | None:
    if value is None:
        return None
    text = {"x": f"{value:.1f}x", "1/": f"1/{value:.1f}", "ms": f"{value:.2f} ms"}[unit]
    return {"model": model, "figure": figure, "goal": goal, "value": value, "text": text}
