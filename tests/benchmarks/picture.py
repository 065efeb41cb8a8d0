"""A bar picture of one run, readable on light and on dark pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from tests.benchmarks import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH, _NAMES, _BARS, _LINE, _BAR = 760, 230, 410, 26, 16
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.ours { fill: #0969da; } .theirs { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .ours { fill: #4493f8; } .theirs { fill: #7d8590; }
}
"""
_SHOWN = (
    (names.SINGLE, "One short query, ms", (names.BASE, names.SEMANTIC, names.FP32, names.INT8)),
    (names.BULK_MIXED, "Bulk, mixed lengths, ms a query", (names.BULK_32, names.FP32, names.INT8)),
)


def svg(rows: Sequence[Mapping[str, Any]]) -> str:
    """Medians as bars, one group for each model and task."""
    groups = []
    for model in dict.fromkeys(row["model"] for row in rows):
        for task, title, shown in _SHOWN:
            found = [
                row for name in shown for row in rows if (row["model"], row["task"], row["who"]) == (model, task, name)
            ]
            if found:
                groups.append((f"{title} ({model})", found))
    y, parts = 8, []
    for title, found in groups:
        y += _LINE
        parts.append(f'<text class="title" x="10" y="{y - 8}">{escape(title)}</text>')
        longest = max(row["p50"] for row in found)
        for row in found:
            parts += _bar(row, y, longest)
            y += _LINE
        y += 8
    description = escape("; ".join(title for title, _ in groups))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" role="img" '
        f'aria-label="{description}">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(row: Mapping[str, Any], y: int, longest: float) -> list[str]:
    length = max(2.0, _BARS * row["p50"] / longest)
    kind = "ours" if row["who"].startswith("routerkit") else "theirs"
    told = f"{row['p50']:.2f}" + (f", {row['times']:.1f}x as fast" if row["times"] > 1.05 else "")
    middle = y + _BAR - 3
    return [
        f'<text x="{_NAMES - 8}" y="{middle}" text-anchor="end">{escape(row["who"])}</text>',
        f'<rect class="{kind}" x="{_NAMES}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
        f'<text x="{_NAMES + length + 6:.1f}" y="{middle}">{told}</text>',
    ]
