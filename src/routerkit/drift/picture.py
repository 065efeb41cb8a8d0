"""A window beside its reference, as one SVG: category mix, confidence, share outside."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.drift.alarm import Drift, Finding
    from routerkit.drift.sample import Sample

_WIDTH, _HEIGHT = 900, 370
_LEFT, _TOP, _TALL = 30, 130, 200
_PANELS = {"mix": (_LEFT, 310), "confidence": (390, 270), "outside": (710, 160)}
"""Left edge and width of each panel."""

_NAMES_WIDE, _FIGURES_WIDE = 120, 36
_GREY, _BLUE, _RED, _INK, _MUTED = "#9aa3ad", "#2463a8", "#b3261e", "#22272e", "#5a6673"
_COLOURS = (_GREY, _BLUE)
_BINS = 10
_MOST_NAMES = 9
_MOST_CHARS = 18
_SMALLEST_P = 0.001
_TITLES = {"mix": "Category mix", "confidence": "Confidence", "outside": "Out of domain"}


@dataclass(frozen=True, slots=True)
class _Row:
    """One label with the share of each side, reference first."""

    label: str
    shares: tuple[float, float]

    def tell(self, side: int) -> str:
        return f"{self.label}, {('reference', 'window')[side]}: {self.shares[side]:.1%}"


def draw(reference: Sample, window: Sample, drift: Drift) -> str:
    """The picture as SVG text, 900 by 370 pixels; bars are shares of the decisions of each side."""
    bars = {
        "mix": _lying(_mix(reference, window)),
        "confidence": _standing(_confidence(reference, window)),
        "outside": _two(_Row("out of domain", (reference.outside / reference.n, window.outside / window.n))),
    }
    said = "the queries have changed" if drift.alarm else "no alarm"
    parts = [_text(_LEFT, 30, f"Drift: {said}", size=18, colour=_colour(drift.alarm)), *_legend(reference, window)]
    for finding in drift.findings:
        parts += _head(finding)
        parts += bars[finding.name]
    body = "\n".join(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">'
    return f'{head}\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'


def _legend(reference: Sample, window: Sample) -> list[str]:
    return [
        _box(_LEFT, 46, 12, 12, _GREY),
        _text(_LEFT + 18, 57, f"reference, {reference.n:,} decisions"),
        _box(_LEFT + 220, 46, 12, 12, _BLUE),
        _text(_LEFT + 238, 57, f"window, {window.n:,} decisions"),
    ]


def _head(finding: Finding) -> list[str]:
    left, wide = _PANELS[finding.name]
    chance = "p < 0.001" if finding.p_value < _SMALLEST_P else f"p = {finding.p_value:.2g}"
    title = _TITLES[finding.name] + (": alarm" if finding.alarm else "")
    return [
        _text(left, _TOP - 38, title, size=14, colour=_colour(finding.alarm)),
        _text(left, _TOP - 22, f"change {finding.effect:.2f}, {chance}", size=11, colour=_MUTED),
        _text(left, _TOP - 8, f"alarm from {finding.least_effect:.2f}", size=11, colour=_MUTED),
        f'<line x1="{left}" y1="{_TOP}" x2="{left + wide}" y2="{_TOP}" stroke="{_GREY}" stroke-width="0.5"/>',
    ]


def _mix(reference: Sample, window: Sample) -> list[_Row]:
    """The categories by name; of many, those that changed most, and the others as one."""
    names = sorted({*reference.counts, *window.counts})
    rows = [_Row(name, _shares(reference, window, [name])) for name in names]
    if len(rows) <= _MOST_NAMES:
        return rows
    by_change = sorted(rows, key=lambda row: -abs(row.shares[0] - row.shares[1]))
    shown = {row.label for row in by_change[: _MOST_NAMES - 1]}
    others = [name for name in names if name not in shown]
    kept = [row for row in rows if row.label in shown]
    return [*kept, _Row(f"{len(others)} others", _shares(reference, window, others))]


def _shares(reference: Sample, window: Sample, names: Sequence[str]) -> tuple[float, float]:
    before, after = (sum(side.counts.get(name, 0) for name in names) / side.n for side in (reference, window))
    return before, after


def _confidence(reference: Sample, window: Sample) -> list[_Row]:
    before, after = (
        np.histogram(side.confidence, bins=_BINS, range=(0.0, 1.0))[0] / side.n for side in (reference, window)
    )
    ends = [f"{low / _BINS:.1f} to {(low + 1) / _BINS:.1f}" for low in range(_BINS)]
    return [_Row(*row) for row in zip(ends, zip(before.tolist(), after.tolist(), strict=True), strict=True)]


def _lying(rows: Sequence[_Row]) -> list[str]:
    """Lying bars, so that names can be read; the figures stand behind them."""
    left, wide = _PANELS["mix"]
    slot = min(44.0, _TALL / len(rows))
    thick = 0.4 * slot
    scale = (wide - _NAMES_WIDE - _FIGURES_WIDE) / _most(rows)
    parts = []
    for number, row in enumerate(rows):
        top = _TOP + 8 + number * slot
        parts.append(_text(left + _NAMES_WIDE - 8, top + thick + 4, _short(row.label), size=11, anchor="end"))
        for side, share in enumerate(row.shares):
            start, at = left + _NAMES_WIDE, top + side * thick
            parts.append(_box(start, at, scale * share, thick - 1, _COLOURS[side], row.tell(side)))
            parts.append(_text(start + scale * share + 4, at + thick / 2 + 3, _percent(share), size=9, colour=_MUTED))
    return parts


def _standing(rows: Sequence[_Row]) -> list[str]:
    """Standing bars over an axis from 0 to 1, the tallest with its figure."""
    left, wide = _PANELS["confidence"]
    slot, base = wide / len(rows), _TOP + _TALL
    scale, most = 0.88 * _TALL / _most(rows), _most(rows)
    parts = [f'<line x1="{left}" y1="{base}" x2="{left + wide}" y2="{base}" stroke="{_INK}"/>']
    for number, row in enumerate(rows):
        middle = left + slot * (number + 0.5)
        for side, share in enumerate(row.shares):
            thick, tall = 0.4 * slot, scale * share
            parts.append(_box(middle + (side - 1) * thick, base - tall, thick, tall, _COLOURS[side], row.tell(side)))
            if share == most:
                at = middle + (side - 0.5) * thick
                parts.append(_text(at, base - tall - 4, _percent(share), size=9, colour=_MUTED, anchor="middle"))
    for tenth in range(0, _BINS + 1, 2):
        parts.append(_text(left + slot * tenth, base + 15, f"{tenth / _BINS:.1f}", size=10, anchor="middle"))
    return parts


def _two(row: _Row) -> list[str]:
    """Two standing bars with their figures."""
    left, wide = _PANELS["outside"]
    base, scale, thick = _TOP + _TALL, 0.88 * _TALL / max(0.05, *row.shares), 44.0
    parts = [f'<line x1="{left}" y1="{base}" x2="{left + wide}" y2="{base}" stroke="{_INK}"/>']
    for side, share in enumerate(row.shares):
        start, tall = left + wide / 2 + (side - 1) * thick, scale * share
        parts.append(_box(start, base - tall, thick - 2, tall, _COLOURS[side], row.tell(side)))
        parts.append(_text(start + thick / 2, base - tall - 4, f"{share:.1%}", size=10, anchor="middle"))
    return parts


def _most(rows: Sequence[_Row]) -> float:
    return max(0.05, *(share for row in rows for share in row.shares))


def _short(name: str) -> str:
    """A long name without its middle: many names differ only at the end."""
    half = _MOST_CHARS // 2
    return name if len(name) <= _MOST_CHARS else f"{name[: half - 1]}…{name[-half:]}"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _colour(alarm: bool) -> str:
    return _RED if alarm else _INK


def _text(x: float, y: float, text: str, *, size: int = 12, colour: str = _INK, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"


def _box(x: float, y: float, width: float, height: float, colour: str, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{colour}">{inner}</rect>'
