"""The few SVG elements that the plots are made of. Looks are left to the classes of the page's style sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from values to pixels.

    Attributes:
        low: the value at `start`.
        high: the value at `end`, above `low`.
        start: pixels from the left or the top.
        end: pixels; below `start` for an axis that points upwards.
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies, in pixels; values beyond the ends lie at the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values along the axis, roughly as many as asked for."""
        rough = (self.high - self.low) / about
        power: float = 10.0 ** math.floor(math.log10(rough))
        step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.99)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot's two axes, with the grid and the labels they draw."""

    x: Axis
    y: Axis

    def grid(self, x_label: str = "", y_label: str = "") -> list[str]:
        """Grid lines and numbers along both axes, and a name for each that is given."""
        return [*self.x_ticks(x_label), *self.y_ticks(y_label)]

    def x_ticks(self, label: str = "", *, numbers: bool = True) -> list[str]:
        """Vertical grid lines with their numbers, and the name of the axis below."""
        parts = []
        for value in self.x.ticks():
            parts.append(line((self.x.at(value), self.y.start), (self.x.at(value), self.y.end), "grid"))
            if numbers:
                parts.append(text((self.x.at(value), self.y.start + 16), f"{value:g}", "tick mid"))
        if label:
            parts.append(text(((self.x.start + self.x.end) / 2, self.y.start + 34), label, "label mid"))
        return parts

    def y_ticks(self, label: str = "", about: int = 5) -> list[str]:
        """Horizontal grid lines with their numbers, and the name of the axis above its end."""
        parts = []
        for value in self.y.ticks(about):
            parts.append(line((self.x.start, self.y.at(value)), (self.x.end, self.y.at(value)), "grid"))
            parts.append(text((self.x.start - 7, self.y.at(value) + 4), f"{value:g}", "tick end"))
        if label:
            parts.append(text((self.x.start, self.y.end - 10), label, "label"))
        return parts

    def points(self, pairs: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """Pixels of pairs of values."""
        return [(self.x.at(x), self.y.at(y)) for x, y in pairs]


def picture(name: str, title: str, description: str, size: tuple[float, float], parts: Iterable[str]) -> str:
    """An inline SVG that scales with the page and that a screen reader can announce.

    Args:
        name: unique in the page.
        title: what it shows.
        description: what there is to see, in a sentence or two.
        size: width and height of the drawing, in its own pixels.
        parts: the elements.
    """
    shape = f'viewBox="0 0 {size[0]:g} {size[1]:g}"'
    return (
        f'<svg id="{name}" role="img" aria-labelledby="{name}-title {name}-about" {shape}>'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-about">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def text(at: tuple[float, float], content: str, css: str, *, turn: float = 0) -> str:
    """A line of text; `turn` rotates it around its anchor, in degrees clockwise."""
    turned = f' transform="rotate({turn:g} {at[0]:.1f} {at[1]:.1f})"' if turn else ""
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" class="{css}"{turned}>{escape(content)}</text>'


def line(start: tuple[float, float], end: tuple[float, float], css: str) -> str:
    """A straight line."""
    return f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" class="{css}"/>'


def box(corner: tuple[float, float], size: tuple[float, float], css: str, *, opacity: float = 1) -> str:
    """A rectangle from its upper left corner, or from whichever corner a negative size makes it."""
    x, y = corner[0] + min(0, size[0]), corner[1] + min(0, size[1])
    faint = f' fill-opacity="{opacity:.3f}"' if opacity < 1 else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{abs(size[0]):.1f}" height="{abs(size[1]):.1f}" class="{css}"{faint}/>'
    )


def dot(at: tuple[float, float], css: str) -> str:
    """A small filled circle."""
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4" class="{css}"/>'


def curve(points: Sequence[tuple[float, float]], css: str) -> str:
    """A line through points."""
    return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" class="{css}"/>'
