"""The plots of the report: one function each, from an evaluation to an inline SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routerkit import metrics
from routerkit.report import svg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routerkit.evaluation import Evaluation

WIDTH = 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 30, 44
_BINS = 20
_MOST_POINTS = 250


def confusion(evaluation: Evaluation) -> str:
    """The confusion matrix as a heat map: shade is the share of the true category, the number counts rows."""
    names, counts = evaluation.categories, np.array(evaluation.confusion)
    letters = min(14, max(map(len, names)))
    left, top = 14 + 8 * letters, 22 + (5 * letters if len(names) > 3 else 12)
    side = (WIDTH - left - 4) / len(names)
    height = min(side, 44)
    parts = [svg.text((4, top - 8), "true ↓   found →", "tick")]
    for row, name in enumerate(names):
        short = name if len(name) <= letters else name[: letters - 1] + "…"
        across, down = left + (row + 0.5) * side, top + (row + 0.5) * height
        parts.append(svg.text((left - 8, down + 4), short, "label end"))
        turned = -35 if len(names) > 3 else 0
        parts.append(
            svg.text((across - (3 if turned else 0), top - 8), short, "label" + ("" if turned else " mid"), turn=turned)
        )
        for column, count in enumerate(counts[row].tolist()):
            parts += _cell(
                (left + column * side, top + row * height), (side, height), count, (row == column, counts[row].sum())
            )
    about = f"{int(np.trace(counts)):,} of {int(counts.sum()):,} rows lie on the diagonal, where found and true agree."
    return svg.picture("confusion", "Confusion matrix", about, (WIDTH, top + len(names) * height + 4), parts)


def _cell(corner: tuple[float, float], size: tuple[float, float], count: int, kind: tuple[bool, int]) -> list[str]:
    right, whole = kind
    share = count / max(1, whole)
    # The root makes rare mistakes visible beside a diagonal near 1.
    shade = share if right else share**0.5
    css = "number mid" + (" light" if shade > 0.6 else "") + ("" if count else " none")
    middle = (corner[0] + size[0] / 2, corner[1] + size[1] / 2 + 4)
    return [
        svg.box(corner, (size[0] - 2, size[1] - 2), "cell"),
        svg.box(corner, (size[0] - 2, size[1] - 2), "good" if right else "bad", opacity=shade * 0.9),
        svg.text(middle, f"{count:,}", css),
    ]


def reliability(evaluation: Evaluation) -> str:
    """Accuracy against confidence in 15 bins of equal mass, least confident first, with the count of each bin."""
    bins = metrics.calibration_bins(evaluation.confidence, np.array(evaluation.right)).tolist()
    frame = svg.Frame(svg.Axis(0, len(bins), _LEFT, WIDTH - _RIGHT), svg.Axis(0, 1, 230, _TOP))
    parts = frame.y_ticks("accuracy of the bin (bar), mean confidence (line)")
    wide = frame.x.at(1) - frame.x.at(0)
    zero = frame.y.start
    for number, (count, confidence, share) in enumerate(bins):
        left, sure, true = frame.x.at(number), frame.y.at(confidence), frame.y.at(share)
        parts.append(svg.box((left + 2, zero), (wide - 4, true - zero), "good bar"))
        parts.append(svg.box((left + 2, true), (wide - 4, sure - true), "bad gap"))
        parts.append(svg.line((left + 1, sure), (left + wide - 1, sure), "mark"))
        middle = left + wide / 2 + 3.5
        parts.append(svg.text((middle, zero + 8), f"{confidence:.3f}", "small end", turn=-90))
        parts.append(svg.text((middle, zero + 48), f"{count:,.0f}", "small end", turn=-90))
    parts.append(svg.text((_LEFT - 7, zero + 22), "conf.", "small end"))
    parts.append(svg.text((_LEFT - 7, zero + 60), "rows", "small end"))
    error = metrics.expected_calibration_error(evaluation.confidence, np.array(evaluation.right))
    about = f"{len(bins)} bins of equal mass; confidence and accuracy differ by {error:.3f} on average."
    return svg.picture("reliability", "Reliability diagram", about, (WIDTH, 312), parts)


def risk_coverage(evaluation: Evaluation) -> str:
    """Error rate among the answers given, against the share of answers given, most confident first."""
    risk = metrics.risk_coverage(evaluation.confidence, np.array(evaluation.right))
    n = len(risk)
    # The first answers make a rate of one row in one, which says nothing and would set the scale.
    chosen = np.unique(np.linspace(min(n, max(20, n // 50)), n, _MOST_POINTS).astype(int))
    top = max(float(risk[chosen - 1].max()) * 1.15, 0.01)
    frame = svg.Frame(svg.Axis(0, 1, _LEFT, WIDTH - _RIGHT), svg.Axis(0, top, 230, _TOP))
    curve = frame.points((count / n, float(risk[count - 1])) for count in chosen.tolist())
    overall = frame.y.at(float(risk[-1]))
    area = [(curve[0][0], frame.y.start), *curve, (curve[-1][0], frame.y.start)]
    parts = [
        *frame.grid("coverage: share of rows answered, most confident first", "error rate of the rows answered"),
        svg.curve(area, "area"),
        svg.line((frame.x.start, overall), (frame.x.end, overall), "rule"),
        svg.text((frame.x.start + 4, overall - 6), f"all rows answered: {risk[-1]:.3f}", "note"),
        svg.curve(curve, "curve blue"),
    ]
    about = f"Answering all rows errs on {risk[-1]:.3f}; the mean over all coverages, AURC, is {risk.mean():.3f}."
    return svg.picture("risk-coverage", "Risk-coverage curve", about, (WIDTH, 272), parts)


def confidence_histogram(evaluation: Evaluation) -> str:
    """How confident right answers are, and how confident wrong ones."""
    right, confidence = np.array(evaluation.right), evaluation.confidence
    groups = {"right": confidence[right], "wrong": confidence[~right]}
    return _mirrored("confidence", "Confidence of right and of wrong answers", "confidence", groups)


def outside_histogram(evaluation: Evaluation) -> str:
    """The out-of-domain scores of labelled rows, and of rows outside every category."""
    groups = {"labelled": evaluation.inside_scores, "out of domain": evaluation.outside_scores}
    return _mirrored("outside", "Out-of-domain scores", "out-of-domain score", groups)


def _mirrored(name: str, title: str, label: str, groups: dict[str, NDArray[np.float64]]) -> str:
    """Two histograms of values in [0, 1], one upwards and one downwards, each as shares of its own group."""
    shares = [np.histogram(values, _BINS, (0, 1))[0] / max(1, len(values)) for values in groups.values()]
    middle, reach = 130.0, 100.0
    x = svg.Axis(0, 1, _LEFT, WIDTH - _RIGHT)
    parts = [*svg.Frame(x, svg.Axis(0, 1, middle + reach, middle - reach)).x_ticks(label)]
    ends = (middle - reach, middle + reach)
    axes = [svg.Axis(0, max(float(share.max()), 0.01), middle, end) for share, end in zip(shares, ends, strict=True)]
    wide = x.at(1 / _BINS) - x.at(0)
    for share, axis, css in zip(shares, axes, ("good", "bad"), strict=True):
        for value in axis.ticks(3):
            parts.append(svg.line((x.start, axis.at(value)), (x.end, axis.at(value)), "grid"))
            parts.append(svg.text((x.start - 7, axis.at(value) + 4), f"{value:g}", "tick end"))
        for number, part in enumerate(share.tolist()):
            height = axis.at(part) - middle
            if part:
                parts.append(svg.box((x.at(number / _BINS) + 1, middle), (wide - 2, height), css))
    parts.append(svg.line((x.start, middle), (x.end, middle), "rule solid"))
    heights = (middle - reach + 12, middle + reach - 6)
    for (group, values), share, y in zip(groups.items(), shares, heights, strict=True):
        low_first = share[: _BINS // 2].max() <= share[_BINS // 2 :].max()
        at, css = (x.start + 6, "") if low_first else (x.end - 6, "end")
        parts.append(svg.text((at, y), f"{group}, {len(values):,} rows", f"note strong {css}"))
    about = "; ".join(f"{group}: {len(values):,} rows" + _median(values) for group, values in groups.items()) + "."
    return svg.picture(name, title, about, (WIDTH, 272), parts)


def _median(values: NDArray[np.float64]) -> str:
    return f", median {np.median(values):.3f}" if len(values) else ""


def threshold_curves(evaluation: Evaluation) -> str:
    """Harm and recall against one threshold for every category; the one in use, and what it gives, are marked."""
    used = evaluation.policy.confidence_threshold
    grid = np.union1d(np.linspace(0, 1, _MOST_POINTS), [used])
    harm, recall = evaluation.at_thresholds(grid)
    x = svg.Axis(0, 1, _LEFT, WIDTH - _RIGHT)
    lowest = float(np.floor(recall[grid <= 0.95].min() * 10) / 10)
    top_half = svg.Frame(x, svg.Axis(min(lowest, 0.9), 1, 130, _TOP))
    bottom_half = svg.Frame(x, svg.Axis(0, max(float(harm.max()) * 1.1, 0.01), 262, 172))
    parts = [*top_half.x_ticks(numbers=False), *bottom_half.x_ticks("confidence threshold")]
    across = x.at(used)
    rows = (
        ("recall", top_half, recall, evaluation.recall, "blue"),
        ("harm", bottom_half, harm, evaluation.harm, "rust"),
    )
    for name, frame, values, served, css in rows:
        parts += frame.y_ticks(name, 3)
        shown = values >= frame.y.low
        shown[1:] |= shown[:-1]  # and the first point beyond, where the curve leaves the plot
        pairs = zip(grid[shown].tolist(), values[shown].tolist(), strict=True)
        parts.append(svg.curve(frame.points(pairs), f"curve {css}"))
        parts.append(svg.line((across, frame.y.start), (across, frame.y.end), "rule"))
        if served is not None:
            height = frame.y.at(served)
            # The curve falls: below it there is room on the left, above it on the right, up to the edges of the plot.
            on_left = used > 0.5
            below = height + 16 < frame.y.start if on_left else height - 16 < frame.y.end
            at = (across + (-8 if on_left else 8), height + (16 if below else -8))
            parts.append(svg.dot((across, height), css))
            parts.append(svg.text(at, f"{served:.3f}", "note strong " + ("end" if on_left else "")))
    parts.append(svg.text((across, _TOP - 8), f"threshold {used:.2f}", "note mid"))
    served_recall = "none" if evaluation.recall is None else f"{evaluation.recall:.3f}"
    about = f"At the threshold {used:.2f} harm is {evaluation.harm:.3f} and recall {served_recall}."
    return svg.picture("threshold", "Harm and recall against the threshold", about, (WIDTH, 306), parts)
