"""The pictures of the notebooks, each one function: copy what you like.

Every function takes what routerkit returns and draws with matplotlib; nothing is computed here that the library does
not offer. In a notebook a picture appears below its cell; in a script it becomes a file.
"""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import SVG, display

from routerkit import metrics
from routerkit.drift.alarm import check
from routerkit.drift.picture import draw
from routerkit.intervals import proportion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from routerkit import Decision, Router
    from routerkit.compare import Comparison
    from routerkit.drift.sample import Sample
    from routerkit.evaluation import Evaluation

BLUE, RUST, PALE, INK, MUTED = "#215f8f", "#b34e28", "#c9d3dc", "#1c2530", "#5a6673"

plt.rcParams.update(
    {
        "figure.dpi": 100,
        "font.size": 10,
        "text.color": INK,
        "axes.edgecolor": PALE,
        "axes.labelcolor": MUTED,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 10.5,
        "xtick.color": MUTED,
        "ytick.color": INK,
    }
)


def probabilities(queries: Sequence[str], decisions: Sequence[Decision], router: Router) -> None:
    """What the router believes of each query: one panel each, the chosen route in colour, its threshold as a line."""
    rows = -(-len(queries) // 2)
    figure, grid = plt.subplots(rows, 2, figsize=(9.2, 1.95 * rows), sharex=True, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    panels = grid.ravel()
    for axes, query, decision in zip(panels, queries, decisions, strict=False):
        names = list(decision.probabilities)[::-1]
        sure = decision.reason == "confident"
        colours = [(BLUE if sure else RUST) if name == decision.category else PALE for name in names]
        axes.barh(names, [decision.probabilities[name] for name in names], color=colours, height=0.7)
        axes.axvline(router.policy.threshold_for(decision.category), color=MUTED, linewidth=0.9, linestyle=":")
        axes.set_xlim(0, 1)
        axes.tick_params(length=0)
        axes.set_title(textwrap.shorten(query, 52, placeholder=" …"), fontweight="bold", pad=16)
        said = decision.reason.replace("_", " ")
        axes.text(0, 1.04, f"goes to {decision.route}, {said}", transform=axes.transAxes, fontsize=9, color=MUTED)
    for axes in panels[len(queries) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("probability (dotted: what a specialist needs)")
    _show("probabilities")


def confusion(evaluation: Evaluation) -> None:
    """True categories against found ones; the shade is the share of the true category, the number counts rows."""
    counts = np.array(evaluation.confusion)
    names = evaluation.categories
    size = 1.6 + 0.72 * len(names)
    _, axes = plt.subplots(figsize=(size + 0.6, size), layout="constrained")
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
    for row, column in np.ndindex(*counts.shape):
        if counts[row, column]:
            dark = shares[row, column] > 0.55
            colour = "white" if dark else (INK if row == column else RUST)
            axes.text(column, row, int(counts[row, column]), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor", color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="found", ylabel="true", title=f"{np.trace(counts)} of {counts.sum()} right")
    _show("confusion")


def reliability(evaluation: Evaluation, bins: int = 5) -> None:
    """Accuracy against confidence in bins of equal size, with 95 % intervals; on the diagonal 0.8 means 8 in 10."""
    confidence, right = evaluation.confidence, np.array(evaluation.right)
    _, axes = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    for part in np.array_split(np.argsort(confidence), bins):
        share = proportion(int(right[part].sum()), len(part))
        sure = confidence[part].mean()
        axes.plot([sure, sure], [share.low, share.high], color=PALE, linewidth=3, solid_capstyle="round", zorder=1)
        axes.plot(sure, share.value, "o", color=BLUE, markersize=7, clip_on=False, zorder=3)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="mean confidence of the bin", ylabel="accuracy of the bin")
    axes.set_title(f"Reliability, {len(right)} rows in {bins} bins")
    _show("reliability")


def risk_coverage(evaluation: Evaluation) -> None:
    """Errors among the surest rows, from the first one to all; the dot is where the router's thresholds cut."""
    right = np.array(evaluation.right)
    risk = metrics.risk_coverage(evaluation.confidence, right)
    coverage = np.arange(1, len(risk) + 1) / len(risk)
    _, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    axes.plot(coverage, risk, color=BLUE, linewidth=2, drawstyle="steps-post")
    answered = round(evaluation.coverage * len(risk))
    if answered:
        told = f"the router's threshold: {answered} of {len(risk)}"
        at = (answered / len(risk), risk[answered - 1])
        axes.plot(*at, "o", color=RUST, markersize=8, clip_on=False, zorder=3, label=told)
    axes.axhline(risk[-1], color=MUTED, linewidth=0.9, linestyle=":", label=f"all {len(risk)}: {risk[-1]:.2f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.5 * max(0.05, risk.max())))
    axes.legend(loc="upper right", frameon=False, labelcolor="linecolor")  # the curve keeps below its highest point
    axes.set(
        xlabel="coverage: share of the rows, surest first", ylabel="risk: share of errors", title="Risk and coverage"
    )
    _show("risk_coverage")


def drift(reference: Sample, window: Sample) -> None:
    """What has changed from one set of decisions to another, as `routerkit drift --svg` draws it."""
    picture = draw(reference, window, check(reference, window))
    if get_ipython() is not None:
        display(SVG(picture))
        return
    path = Path(f"{next(_numbers):02}_drift.svg")
    path.write_text(picture, encoding="utf-8")
    print("drew", path)


def before_and_after(found: Comparison, *, title: str = "On judged rows") -> None:
    """Accuracy, harm and recall of two routers on the same rows, with 95 % intervals."""
    names = ["accuracy", "recall", "harm"]
    _, axes = plt.subplots(figsize=(7.2, 2.5), layout="constrained")
    for place, name in enumerate(names[::-1]):
        figure = getattr(found, name)
        for share, colour, shift in ((figure.old, MUTED, 0.14), (figure.new, BLUE, -0.14)):
            _share(axes, place + shift, share.value, (share.low, share.high), colour)
    axes.set_yticks(range(len(names)), names[::-1])
    axes.set(xlim=(0, 1), ylim=(-0.5, len(names) - 0.5), title=f"{title}, {found.accuracy.old.n} with a category")
    axes.tick_params(length=0)
    axes.grid(axis="x", color=PALE, linewidth=0.5)
    axes.plot([], [], "o", color=MUTED, label="old")
    axes.plot([], [], "o", color=BLUE, label="new")
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    _show("before_and_after")


def counts(title: str, numbers: Mapping[str, int]) -> None:
    """Counts as bars, the largest on top."""
    ordered = sorted(numbers.items(), key=lambda pair: pair[1])
    _, axes = plt.subplots(figsize=(6.4, 0.5 + 0.34 * len(ordered)), layout="constrained")
    bars = axes.barh([name for name, _ in ordered], [count for _, count in ordered], color=BLUE, height=0.65)
    axes.bar_label(bars, padding=4, color=MUTED)
    axes.set_title(title)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    _show("counts")


_numbers = itertools.count(1)


def _show(name: str) -> None:
    if get_ipython() is not None:
        plt.show()
        return
    path = Path(f"{next(_numbers):02}_{name}.png")
    plt.savefig(path)
    plt.close()
    print("drew", path)


def _share(axes: Axes, place: float, value: float | None, ends: tuple[float, float], colour: str) -> None:
    axes.plot(ends, [place, place], color=colour, linewidth=2, alpha=0.35, solid_capstyle="round")
    if value is not None:
        axes.plot(value, place, "o", color=colour, markersize=6, clip_on=False, zorder=3)
