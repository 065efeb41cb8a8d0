"""A row and its decision side by side, under names that do not collide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routerkit.decision import rounded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from routerkit.decision import Decision

NESTED = ("category", "confidence", "route", "reason", "ood_score", "probabilities")
"""A decision's fields where a field may hold an object."""

_DIGITS = 6


def nested(decision: Decision) -> dict[str, Any]:
    """The fields of a decision, numbers rounded to six decimals."""
    return {name: rounded(getattr(decision, name), _DIGITS) for name in NESTED}


def flat_names(categories: Sequence[str]) -> list[str]:
    """A decision's columns in a table: one for each probability."""
    return [*NESTED[:-1], *(f"probability_{name}" for name in categories)]


def flat(decision: Decision) -> list[Any]:
    """The values that go under `flat_names`."""
    found = nested(decision)
    probabilities = found.pop("probabilities")
    return [*found.values(), *probabilities.values()]


def own_names(fields: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """New names for a row's own fields: `input_NAME` where a decision's field is called NAME, else the old ones."""
    fields = list(fields)
    used = {*taken, *fields}
    names = {}
    for field in fields:
        name = field
        while field in taken and name in used:
            name = f"input_{name}"
        used.add(name)
        names[field] = name
    return names
