"""The decision log as JSON lines: everything, or what people judged as rows to train on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from routerkit.decision import rounded
from routerkit.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from routerkit.log.reading import LoggedDecision

SOURCE = "decision log"
"""What `source` says of a row that came from here."""

_DIGITS = 6


def decision_lines(decisions: Iterable[LoggedDecision]) -> Iterator[str]:
    """One line of JSON for each decision, with every field of the log."""
    for decision in decisions:
        yield json.dumps(rounded(decision.to_dict(), _DIGITS), ensure_ascii=False)


def training_rows(reviewed: Iterable[LoggedDecision]) -> list[Row]:
    """What people judged, each query once and as judged last; a query outside every category has none."""
    latest: dict[str, LoggedDecision] = {}
    for decision in reviewed:
        query = decision.query or ""
        if query not in latest or (decision.reviewed or 0) >= (latest[query].reviewed or 0):
            latest[query] = decision
    return [Row(query=query, category=decision.label, source=SOURCE) for query, decision in latest.items()]


def training_lines(reviewed: Iterable[LoggedDecision]) -> Iterator[str]:
    """One line of JSON for each row of `training_rows`, as `routerkit train` reads them."""
    for row in training_rows(reviewed):
        content: dict[str, Any] = {"query": row.query, "category": row.category, "source": row.source}
        yield json.dumps(content, ensure_ascii=False)
