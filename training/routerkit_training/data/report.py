"""The report on a file of labelled rows: what it holds, and whether it meets the goals of the project's corpus."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from routerkit.errors import DataError
from routerkit_training.data import NEAR
from routerkit_training.data.duplicates import repeated_elsewhere
from routerkit_training.data.files import labelled
from routerkit_training.data.probe import Probe, probe_format
from routerkit_training.data.similarity import near_pairs
from routerkit_training.data.wording import LEAST_ROWS, Pattern, commonest, distinct_2, opening, shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routerkit_training.data.files import DataRow

MAX_OPENING = 0.01
"""Largest share of a category's rows that may begin with the same three words."""

MAX_SHAPE = 0.003
"""Largest share of a category's rows that may have the same shape."""

MAX_PROBE = 0.30
"""Highest balanced accuracy of the format probe; guessing among five categories reaches 0.20."""

MAX_NEAR_DUPLICATES = 0.005
"""Largest share of rows with a near-duplicate of their own category.

Looser than the public sources are after their near-duplicates were removed (0.0002): rows that digits alone tell apart
count, and short sums and schedules are such.
"""

MIN_DISTINCT_2 = 0.87
"""Lowest distinct-2 of a category: the mean of the public sources' categories, which lie between 0.82 and 0.90."""

_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryReport:
    """One category, or the rows outside every one.

    Attributes:
        rows: how many.
        share: of all rows.
        characters: quantiles of the length: `p10`, `median`, `p90`, `longest`.
        words: the same in words separated by white space.
        question_marks: share of rows with a question mark.
        distinct_2: see `wording.distinct_2`.
        opening: the commonest one; None if no row has three words.
        shape: the same; see `wording.shape`.
    """

    rows: int
    share: float
    characters: dict[str, int]
    words: dict[str, int]
    question_marks: float
    distinct_2: float | None
    opening: Pattern | None
    shape: Pattern | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Rows that another file has too, nearly.

    Attributes:
        file: the other file.
        rows: rows with a near-duplicate there.
        examples: the most similar ones, at most five, as `duplicates.Dropped.to_dict` gives them.
    """

    file: str
    rows: int
    examples: list[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal and what was found.

    Attributes:
        name: what is measured.
        where: the category or file that came closest to missing it, or missed it most.
        found: the figure; None if there are too few rows to measure it.
        bound: the goal.
        at_most: whether the goal is an upper bound.
    """

    name: str
    where: str
    found: float | None
    bound: float
    at_most: bool

    @property
    def met(self) -> bool:
        """Whether the goal is met; what cannot be measured does not miss it."""
        return self.found is None or (self.found <= self.bound if self.at_most else self.found >= self.bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything about one file.

    Attributes:
        file: its path.
        rows: rows in all.
        categories: by name; rows outside every category under `files.OUTSIDE`.
        near_duplicates: share of rows with a near-duplicate of their own category.
        border_pairs: near-duplicates of different categories.
        probe: the format probe; None if there are too few rows.
        overlaps: one for each other file.
        goals: goals of the project's corpus.
    """

    file: str
    rows: int
    categories: dict[str, CategoryReport]
    near_duplicates: float
    border_pairs: int
    probe: Probe | None
    overlaps: list[Overlap]
    goals: list[Goal]

    @property
    def missed(self) -> list[Goal]:
        """Goals that are not met."""
        return [goal for goal in self.goals if not goal.met]

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        goals = [asdict(goal) | {"met": goal.met} for goal in self.goals]
        return asdict(self) | {"goals": goals}


def report_on(
    rows: Sequence[DataRow], *, against: Mapping[str, Sequence[DataRow]] | None = None, threshold: float = NEAR
) -> Report:
    """Measure everything about the rows of one file.

    Args:
        rows: the rows.
        against: rows of other files by their names.
        threshold: Jaccard similarity from which two rows are near-duplicates, in [0.5, 1].
    """
    by_label: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row.query)
    categories = {name: _category(queries, len(rows)) for name, queries in sorted(by_label.items())}
    near, borders = _near_duplicates(rows, threshold)
    probe = _probe(rows)
    overlaps = [_overlap(rows, name, other, threshold) for name, other in (against or {}).items()]
    return Report(
        file=str(rows[0].path),
        rows=len(rows),
        categories=categories,
        near_duplicates=near,
        border_pairs=borders,
        probe=probe,
        overlaps=overlaps,
        goals=_goals(categories, near, probe, overlaps),
    )


def _category(queries: Sequence[str], total: int) -> CategoryReport:
    return CategoryReport(
        rows=len(queries),
        share=len(queries) / total,
        characters=_quantiles([len(query) for query in queries]),
        words=_quantiles([len(query.split()) for query in queries]),
        question_marks=sum("?" in query for query in queries) / len(queries),
        distinct_2=distinct_2(queries),
        opening=commonest(queries, opening),
        shape=commonest(queries, shape),
    )


def _quantiles(lengths: Sequence[int]) -> dict[str, int]:
    low, middle, high = np.quantile(lengths, [0.1, 0.5, 0.9], method="lower").tolist()
    return {"p10": low, "median": middle, "p90": high, "longest": max(lengths)}


def _near_duplicates(rows: Sequence[DataRow], threshold: float) -> tuple[float, int]:
    pairs = near_pairs([row.query for row in rows], threshold=threshold)
    same = [pair for pair in pairs if rows[pair.first].label == rows[pair.second].label]
    touched = {position for pair in same for position in (pair.first, pair.second)}
    return len(touched) / len(rows), len(pairs) - len(same)


def _probe(rows: Sequence[DataRow]) -> Probe | None:
    try:
        return probe_format(labelled(rows))
    except DataError:
        return None  # too few rows or categories, which is no fault of a file that is only reported on


def _overlap(rows: Sequence[DataRow], name: str, other: Sequence[DataRow], threshold: float) -> Overlap:
    repeated = repeated_elsewhere(rows, other, threshold=threshold).values()
    closest = sorted(repeated, key=lambda one: -one.similarity)[:_EXAMPLES]
    return Overlap(file=name, rows=len(repeated), examples=[one.to_dict() for one in closest])


def _goals(
    categories: Mapping[str, CategoryReport], near: float, probe: Probe | None, overlaps: Sequence[Overlap]
) -> list[Goal]:
    openings = {name: _share(one.opening) for name, one in categories.items()}
    shapes = {name: _share(one.shape) for name, one in categories.items()}
    distinct = {name: one.distinct_2 for name, one in categories.items() if one.distinct_2 is not None}
    leak = {} if probe is None else {"": probe.balanced_accuracy}
    return [
        _goal("commonest opening", openings, MAX_OPENING),
        _goal("commonest shape", shapes, MAX_SHAPE),
        _goal("near-duplicates", {"": near}, MAX_NEAR_DUPLICATES),
        _goal("distinct-2", distinct, MIN_DISTINCT_2, at_most=False),
        _goal("format probe", leak, MAX_PROBE),
        *(_goal("overlap", {one.file: float(one.rows)}, 0.0) for one in overlaps),
    ]


def _share(pattern: Pattern | None) -> float:
    """What fewer than five rows share may be chance: in a category of 200 rows, two are 1 %."""
    return pattern.share if pattern is not None and pattern.rows >= LEAST_ROWS else 0.0


def _goal(name: str, figures: Mapping[str, float], bound: float, *, at_most: bool = True) -> Goal:
    if not figures:
        return Goal(name=name, where="", found=None, bound=bound, at_most=at_most)
    worst = (max if at_most else min)(figures, key=lambda where: figures[where])
    return Goal(name=name, where=worst, found=figures[worst], bound=bound, at_most=at_most)
