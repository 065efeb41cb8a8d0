"""Tables for people: the report, the format probe and the suspects at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from routerkit_training.data.label_errors import LabelErrors
    from routerkit_training.data.probe import Probe
    from routerkit_training.data.report import CategoryReport, Goal, Report
    from routerkit_training.data.wording import Pattern

_WIDTH = 90
_COUNTED = frozenset({"overlap"})


def report_lines(report: Report) -> list[str]:
    """The whole report."""
    lines = [f"{report.file}: {report.rows:,} rows", "", *_table(_category_rows(report.categories))]
    lines += ["", *_table(_pattern_rows(report.categories))]
    if report.probe:
        lines += ["", *probe_lines(report.probe)]
    for overlap in report.overlaps:
        lines += ["", f"rows that {overlap.file} has too, nearly: {overlap.rows:,}"]
        lines += [
            _short(f"  line {one['line']} and {one['kept_line']} ({one['similarity']}): {one['query']}")
            for one in overlap.examples
        ]
    lines += ["", f"pairs of near-duplicates of different categories: {report.border_pairs:,}", ""]
    return lines + _table([("goal", "found", "bound", "", "where"), *map(_goal_row, report.goals)])


def probe_lines(probe: Probe) -> list[str]:
    """How well format tells the category, and by what."""
    first = (
        f"length and punctuation alone: balanced accuracy {probe.balanced_accuracy:.3f} "
        f"[{probe.low:.3f}, {probe.high:.3f}] on {probe.n:,} rows, chance {probe.chance:.3f}"
    )
    if not probe.telling:
        return [first]
    names = list(probe.telling[0].means)
    rows = [(one.name, f"{one.importance:.3f}", *(f"{one.means[name]:.2f}" for name in names)) for one in probe.telling]
    return [first, *_table([("most telling", "worth", *(f"mean {name}" for name in names)), *rows])]


def suspect_lines(found: LabelErrors, most: int) -> list[str]:
    """The most suspicious labels, and the estimate for all."""
    lines = [
        f"{found.n:,} rows, the classifier agrees with {found.accuracy:.1%} of the labels; "
        f"suspects: {len(found.suspects):,}; estimated share of wrong or hard labels: {found.noise:.1%}"
    ]
    rows = [
        (str(one.row.line), one.row.label, one.suggested, f"{one.suggested_probability:.2f}", _short(one.row.query))
        for one in found.suspects[:most]
    ]
    if rows:
        lines += ["", *_table([("line", "label", "suggested", "probability", "query"), *rows])]
    return lines


def _category_rows(categories: dict[str, CategoryReport]) -> list[tuple[str, ...]]:
    head = ("category", "rows", "share", "characters 10 %/median/90 %/longest", "words", "with ?", "distinct-2")
    return [
        head,
        *(
            (
                name,
                f"{one.rows:,}",
                f"{one.share:.1%}",
                "/".join(map(str, one.characters.values())),
                "/".join(map(str, one.words.values())),
                f"{one.question_marks:.1%}",
                "-" if one.distinct_2 is None else f"{one.distinct_2:.3f}",
            )
            for name, one in categories.items()
        ),
    ]


def _pattern_rows(categories: dict[str, CategoryReport]) -> list[tuple[str, ...]]:
    rows = [(name, _pattern(one.opening), _pattern(one.shape)) for name, one in categories.items()]
    return [("category", "commonest opening", "commonest shape"), *rows]


def _pattern(pattern: Pattern | None) -> str:
    return "-" if pattern is None else f"{pattern.share:.2%} {_short(pattern.text)!r}"


def _goal_row(goal: Goal) -> tuple[str, ...]:
    sign = "<=" if goal.at_most else ">="
    state = "not measured: too few rows" if goal.found is None else "met" if goal.met else "MISSED"
    return (goal.name, _figure(goal, goal.found), f"{sign} {_figure(goal, goal.bound)}", state, goal.where)


def _figure(goal: Goal, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} rows" if goal.name in _COUNTED else f"{value:.4f}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."


def _table(rows: Sequence[Iterable[str]]) -> list[str]:
    """Columns of equal width; the first column is flush left, as are all others: they mix words and figures."""
    cells = [list(row) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
