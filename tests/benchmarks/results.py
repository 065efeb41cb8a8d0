"""The results file, and the same as Markdown."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Results = dict[str, Any]

QUIET_LOAD = 0.5
BUSY = "the machine was busy, so compare processor time, not time on the clock"
NOTHING = "No run is recorded yet."
_COLUMNS = ("p50", "p90", "p99", "cpu", "rate", "megabytes", "n", "times")
_HEAD = ("model", "what", "contender", "p50", "p90", "p99", "CPU", "queries/s", "MB", "n", "times")


def write(path: Path, results: Results) -> None:
    """Write the results file, and its content into the page of the same name beside it, if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = path.with_suffix(".md")
    if page.is_file():
        page.write_text(filled(page.read_text(encoding="utf-8"), markdown(results)), encoding="utf-8")


def read(path: Path) -> Results | None:
    """The content of a results file; None if there is none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def filled(page: str, content: str, section: str = "figures") -> str:
    """The page with `content` between the markers of a section.

    Raises:
        ValueError: if the page has no such markers.
    """
    begin, end = f"<!-- {section}: generated, do not edit -->", f"<!-- {section}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no line {begin}")
    return pattern.sub(lambda _: f"{begin}\n\n{content.strip()}\n\n{end}", page)


def markdown(results: Results | None) -> str:
    """Everything in a results file: machine, goals, all figures, and where the time goes."""
    if results is None:
        return NOTHING
    return "\n\n".join(
        [
            _machine(results),
            _table(("goal", *_models(results["goals"]), "wanted"), _goals(results["goals"]), numbers=1),
            "Times in milliseconds.",
            _table(_HEAD, [_cells(row) for row in results["rows"]], numbers=3),
            *(_profile(model, steps) for model, steps in results["profile"].items()),
        ]
    )


def _machine(results: Results) -> str:
    machine, versions = results["machine"], results["versions"]
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [
        f"`{results['command']}` on {results['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GB.",
        f"Load {machine['load_before']:.1f} before and {machine['load_after']:.1f} after"
        + (f"; {BUSY}." if machine["load_before"] > QUIET_LOAD * machine["cores"] else "."),
        f"{libraries}.",
        *(f"Left out: {reason}." for reason in results["left_out"]),
        *(
            f"{model}: {who} chose the pipeline's category for {share:.1%} of the queries."
            for model, shares in results["agreement"].items()
            for who, share in shares.items()
            if share < 1
        ),
        *(
            f"{model}, limits of one core: int8 {limits['int8']:.0f} Gop/s ({limits['int8 by']}), fp32 "
            f"{limits['fp32']:.0f} GFLOP/s ({limits['fp32 by']}), memory {limits['bandwidth']:.1f} GB/s; short queries "
            f"have {limits['tokens']:.1f} tokens on average."
            for model, limits in results["limits"].items()
        ),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _models(found: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(line["model"]) for line in found))


def _goals(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    models = _models(found)
    lines = []
    for figure in dict.fromkeys(line["figure"] for line in found):
        texts = {line["model"]: line for line in found if line["figure"] == figure}
        wanted = list(dict.fromkeys(line["goal"] for line in texts.values()))
        lines.append([figure, *(texts[model]["text"] if model in texts else "" for model in models), ", ".join(wanted)])
    return lines


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [row["model"], row["task"], row["who"], *(_cell(name, row[name]) for name in _COLUMNS)]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name == "times":
        return f"{value:.1f}x"
    return f"{value:,.0f}" if name in {"rate", "megabytes", "n"} or value >= 1000 else f"{value:.3g}"


def _profile(model: str, steps: Mapping[str, float]) -> str:
    whole = steps["whole"]
    lines = [[name, f"{value * 1e3:.3f}", f"{value / whole:.0%}"] for name, value in steps.items()]
    return _table((f"{model}: int8 in bulk, short", "ms/query", "share"), lines, numbers=1)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], *, numbers: int) -> str:
    rule = ["---" if column < numbers else "---:" for column in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))
