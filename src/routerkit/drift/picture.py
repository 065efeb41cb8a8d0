"""A window beside its reference, as one SVG: category mix, confidence, share outside."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from routerkit.drift.alarm import Drift, Finding
    from routerkit.drift.sample import Sample

_WIDTH, _HEIGHT = 900, 330
_PANEL, _GAP, _LEFT, _TOP, _TALL = 250, 40, 40, 92, 170
_GREY, _BLUE, _RED, _INK = "#9aa3ad", "#2463a8", "#b3261e", "#22272e"
_BINS = 10
_TITLES = {"mix": "category mix", "confidence": "confidence", "outside": "out of domain"}


def draw(reference: Sample, window: Sample, drift: Drift) -> str:
    """The picture as SVG text, 900 by 330 pixels; bars are shares of the decisions of each side."""
    names = sorted({*reference.counts, *window.counts})
    panels = {
        "mix": (names, [[side.counts.get(name, 0) / side.n for name in names] for side in (reference, window)]),
        "confidence": (_bin_names(), [_histogram(side) for side in (reference, window)]),
        "outside": (["outside"], [[side.outside / side.n] for side in (reference, window)]),
    }
    parts = [_text(_LEFT, 28, f"Drift: {'ALARM' if drift.alarm else 'no alarm'}", size=18, colour=_colour(drift.alarm))]
    parts += _legend(reference, window)
    for number, finding in enumerate(drift.findings):
        labels, shares = panels[finding.name]
        parts += _panel(_LEFT + number * (_PANEL + _GAP), finding, labels, shares)
    body = "\n".join(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">'
    return f'{head}\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'


def _legend(reference: Sample, window: Sample) -> list[str]:
    return [
        _box(_LEFT, 40, 12, 12, _GREY),
        _text(_LEFT + 18, 51, f"reference, {reference.n:,} decisions"),
        _box(_LEFT + 220, 40, 12, 12, _BLUE),
        _text(_LEFT + 238, 51, f"window, {window.n:,} decisions"),
    ]


def _panel(left: float, finding: Finding, labels: list[str], shares: list[list[float]]) -> list[str]:
    top = max(0.05, *shares[0], *shares[1])
    slot = _PANEL / len(labels)
    bar = min(0.4 * slot, 40.0)
    base = _TOP + _TALL
    figures = f"change {finding.effect:.2f} (alarm from {finding.least_effect:.2f}), p = {finding.p_value:.2g}"
    parts = [
        _text(left, _TOP - 20, _TITLES[finding.name], size=14, colour=_colour(finding.alarm)),
        _text(left, _TOP - 5, figures, size=10),
        f'<line x1="{left}" y1="{base}" x2="{left + _PANEL}" y2="{base}" stroke="{_INK}"/>',
    ]
    for position, label in enumerate(labels):
        middle = left + slot * (position + 0.5)
        for side, colour in enumerate((_GREY, _BLUE)):
            share = shares[side][position]
            tall = _TALL * 0.9 * share / top
            parts.append(_box(middle + (side - 1) * bar, base - tall, bar, tall, colour, f"{label}: {share:.1%}"))
        parts.append(_label(middle, base + 12, label, slanted=len(labels) > 1))
    return parts


def _histogram(sample: Sample) -> list[float]:
    counts, _ = np.histogram(sample.confidence, bins=_BINS, range=(0.0, 1.0))
    return [float(count) / sample.n for count in counts]


def _bin_names() -> list[str]:
    return [f"{low / _BINS:.1f}" for low in range(_BINS)]


def _colour(alarm: bool) -> str:
    return _RED if alarm else _INK


def _text(x: float, y: float, text: str, *, size: int = 12, colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}">{escape(text)}</text>'


def _label(x: float, y: float, text: str, *, slanted: bool) -> str:
    turn = f' transform="rotate(-35 {x:.1f} {y:.1f})"' if slanted else ""
    anchor = "end" if slanted else "middle"
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="10" text-anchor="{anchor}"{turn}>{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{colour}">{inner}</rect>'
