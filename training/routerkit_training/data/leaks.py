"""Splitting rows into parts that share nothing: neither near-duplicates nor groups that belong together."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, model_validator

from routerkit.errors import DataError
from routerkit.spec import Spec
from routerkit_training.data import NEAR
from routerkit_training.data.similarity import LEAST_THRESHOLD, near_pairs
from routerkit_training.splits import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit_training.data.files import DataRow

PARTS = ("train", "validation", "test")


class SplitPlan(Spec):
    """How to split.

    Attributes:
        validation_share: share of every category that goes to validation, in (0, 1).
        test_share: the same for test; together they leave something to train on.
        group_field: a field whose equal values stay in one part, such as `source` or `topic`; None for none.
        threshold: Jaccard similarity from which near-duplicates stay in one part, in [0.5, 1].
        seed: of the order in which groups are dealt out.
    """

    validation_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    group_field: str | None = None
    threshold: Annotated[float, Field(ge=LEAST_THRESHOLD, le=1.0)] = NEAR
    seed: int = 0

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> SplitPlan:
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share and test_share must be below 1 together, to leave rows to train on")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows in three parts.

    Attributes:
        parts: rows by the name of the part, see `PARTS`, in the order of the file.
        groups: sets of rows that had to stay together, single rows included.
        largest: rows of the largest one.
    """

    parts: dict[str, list[DataRow]]
    groups: int
    largest: int


def split_rows(rows: Sequence[DataRow], plan: SplitPlan) -> Split:
    """Deal rows out to training, validation and test so that every category has its share in each.

    Rows are linked if they are near-duplicates, whatever their labels, or have the same value of the group field;
    linked rows stay together. Groups are dealt out from large to small, each to the part that lacks most of what the
    group holds (the greedy rule of scikit-learn's `StratifiedGroupKFold`, with parts of unequal size). Rows outside
    every category are spread as if they were one.

    Args:
        rows: the rows of one file.
        plan: shares, group field, threshold and seed.

    Raises:
        DataError: if no row has the group field, or the groups leave a part without a category.
    """
    groups = _groups(rows, plan)
    random.Random(plan.seed).shuffle(groups)
    groups.sort(key=len, reverse=True)
    part_of = _deal_out(rows, groups, plan)
    parts = {name: [row for row, part in zip(rows, part_of, strict=True) if part == name] for name in PARTS}
    _check_complete(rows, parts)
    return Split(parts=parts, groups=len(groups), largest=len(groups[0]))


def _groups(rows: Sequence[DataRow], plan: SplitPlan) -> list[list[int]]:
    """Positions of linked rows; union-find with path halving."""
    parent = list(range(len(rows)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    for left, right in _links(rows, plan):
        parent[root(right)] = root(left)
    members: dict[int, list[int]] = defaultdict(list)
    for position in range(len(rows)):
        members[root(position)].append(position)
    return list(members.values())


def _links(rows: Sequence[DataRow], plan: SplitPlan) -> list[tuple[int, int]]:
    links = [(pair.first, pair.second) for pair in near_pairs([row.query for row in rows], threshold=plan.threshold)]
    first: dict[object, int] = {}
    for position, row in enumerate(rows):
        keys: list[object] = [("query", key_of(row.query))]
        value = row.fields.get(plan.group_field) if plan.group_field else None
        if value is not None:
            keys.append(("group", str(value)))
        links += [(first.setdefault(key, position), position) for key in keys]
    if plan.group_field and not any(row.fields.get(plan.group_field) is not None for row in rows):
        fields = sorted({name for row in rows for name in row.fields})
        raise DataError(rows[0].path, None, f"no row has the group field {plan.group_field!r}; found {fields}")
    return links


def _deal_out(rows: Sequence[DataRow], groups: list[list[int]], plan: SplitPlan) -> list[str]:
    labels = sorted({row.label for row in rows})
    column = {label: number for number, label in enumerate(labels)}
    shares = np.array([1 - plan.validation_share - plan.test_share, plan.validation_share, plan.test_share])
    totals = np.bincount([column[row.label] for row in rows], minlength=len(labels))
    target = shares[:, None] * totals
    dealt = np.zeros_like(target)
    part_of = [""] * len(rows)
    for group in groups:
        held = np.bincount([column[rows[position].label] for position in group], minlength=len(labels))
        # How much worse the squared distance from the target becomes, in units of the target.
        cost = (held * (2 * (dealt - target) + held) / target).sum(axis=1)
        best = int(cost.argmin())
        dealt[best] += held
        for position in group:
            part_of[position] = PARTS[best]
    return part_of


def _check_complete(rows: Sequence[DataRow], parts: dict[str, list[DataRow]]) -> None:
    labels = {row.label for row in rows}
    for name, members in parts.items():
        lacking = sorted(labels - {row.label for row in members})
        if lacking:
            raise DataError(
                rows[0].path,
                None,
                f"the {name} part gets no row of {', '.join(lacking)}: too few rows or groups of it; "
                "add rows, choose a group field with more values, or leave it out",
            )
