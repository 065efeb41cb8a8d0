"""Where a router errs: by the source of the rows, and on which queries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from routerkit.rows import read_json_lines

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.evaluation import Evaluation

MAX_MISTAKES = 25
MAX_MISTAKE_CHARS = 200
NOT_STATED = "not stated"

_FIELDS = ("source", "writer", "style")


@dataclass(frozen=True, slots=True)
class Groups:
    """Which group every labelled row of a file belongs to.

    Attributes:
        field: the field of the rows that names it; None if they carry no such field.
        names: one for each row with a category, in the order of the file; empty without a field.
    """

    field: str | None
    names: list[str]


def read_groups(path: Path | str) -> Groups:
    """Find out what a file of labelled rows can be broken down by.

    The field is `source` if any row states one, else `writer` or `style`, whichever first tells rows apart.

    Args:
        path: a JSONL file that `read_rows` accepts.
    """
    rows = [data for _, data in read_json_lines(path) if data.get("category") is not None]
    names = {field: [str(data.get(field) or NOT_STATED) for data in rows] for field in _FIELDS}
    stated = [field for field in _FIELDS if set(names[field]) - {NOT_STATED}]
    telling = [field for field in stated if field == "source" or len(set(names[field])) > 1]
    field = next(iter([*telling, *stated]), None)
    return Groups(field, names[field] if field else [])


def per_group(evaluation: Evaluation, groups: Groups) -> dict[str, dict[str, float]]:
    """`n`, `accuracy` and `harm` of each group by name; empty if the rows name no groups."""
    members = defaultdict(list)
    for position, name in enumerate(groups.names):
        members[name].append(position)
    right, harmed = np.array(evaluation.right), evaluation.harmed
    return {
        name: {"n": len(rows), "accuracy": float(right[rows].mean()), "harm": float(harmed[rows].mean())}
        for name, rows in sorted(members.items())
    }


def confident_mistakes(evaluation: Evaluation, groups: Groups) -> list[dict[str, Any]]:
    """The rows, at most 25, on which the router is surest of a label that is neither the row's own nor in `also`.

    Queries are cut to 200 characters.
    """
    wrong = [
        position
        for position, (row, decision) in enumerate(zip(evaluation.rows, evaluation.decisions, strict=True))
        if decision.category != row.category and decision.category not in row.also
    ]
    wrong.sort(key=lambda position: -evaluation.decisions[position].confidence)
    return [_mistake(evaluation, groups, position) for position in wrong[:MAX_MISTAKES]]


def _mistake(evaluation: Evaluation, groups: Groups, position: int) -> dict[str, Any]:
    row, decision = evaluation.rows[position], evaluation.decisions[position]
    cut = len(row.query) > MAX_MISTAKE_CHARS
    found = {
        "query": row.query[: MAX_MISTAKE_CHARS - 1] + "…" if cut else row.query,
        "category": row.category,
        "found": decision.category,
        "confidence": decision.confidence,
        "route": decision.route,
    }
    return found | ({groups.field: groups.names[position]} if groups.field else {})
