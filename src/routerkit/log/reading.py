"""Reading the decision log: rows as people and programs take them, and the queue of what to review."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from operator import itemgetter
from time import time
from typing import TYPE_CHECKING, Any

from routerkit.errors import ConfigError
from routerkit.log import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DISAGREES = "coalesce(json_extract(shadow, '$.route') <> route OR json_extract(shadow, '$.category') <> category, 0)"
_JUDGED = "SELECT query FROM decisions WHERE reviewed IS NOT NULL AND query IS NOT NULL"
_TO_REVIEW = f"reviewed IS NULL AND text = 'full' AND query NOT IN ({_JUDGED})"
"""A text that was judged once need not be judged again when somebody asks it once more."""

_FAILURES = """(
    SELECT json_group_array(json_object('time', time, 'specialist', specialist, 'type', type, 'message', message))
    FROM failures WHERE decision = decisions.id
) AS failures"""

_ORDER = f"ORDER BY skipped, {_DISAGREES} DESC, reason = 'confident', confidence, seq LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDecision:
    """One row of the log.

    Attributes:
        id: names the row.
        time: seconds since 1970, UTC.
        router: the router's name.
        version: version of routerkit.
        artefact: sha256 of the artefact that decided.
        threshold: the confidence that `category` had to reach, in [0, 1].
        category: see `Decision`, as are `confidence`, `route`, `reason`, `ood_score` and `probabilities`.
        confidence: in [0, 1].
        route: the node that was run.
        reason: why.
        ood_score: or None.
        probabilities: by category.
        latency_ms: time the decision took.
        query: what is kept of the text, or None.
        text: how the text was kept; see `routerkit.privacy.Content`.
        shadow: the candidate's decision, or its `error`; None without a candidate.
        reviewed: when a person judged the decision, seconds since 1970; None if nobody did.
        label: the category that person named; None if it was none of them, or nobody judged.
        failures: the specialists that failed afterwards, in order: `time`, `specialist`, `type` and `message` each.
    """

    id: str
    time: float
    router: str
    version: str
    artefact: str
    threshold: float
    category: str
    confidence: float
    route: str
    reason: str
    ood_score: float | None
    probabilities: dict[str, float]
    latency_ms: float
    query: str | None
    text: str
    shadow: dict[str, Any] | None
    reviewed: float | None
    label: str | None
    failures: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """The row, ready for JSON."""
        return asdict(self)


class LogReader:
    """An existing log, to read and to review while others write it.

    Args:
        path: the SQLite file.

    Raises:
        ConfigError: if there is no such file, or it is no decision log of this version.
    """

    def __init__(self, path: Path) -> None:
        self._db: sqlite3.Connection = schema.open_existing(path)

    def rows(self, where: str = "1") -> Iterator[LoggedDecision]:
        """Rows in the order of writing.

        Args:
            where: one of this module's conditions, in SQL.
        """
        for row in self._db.execute(f"SELECT *, {_FAILURES} FROM decisions WHERE {where} ORDER BY seq"):
            yield _decision(row)

    def reviewed(self) -> Iterator[LoggedDecision]:
        """Rows that a person judged and whose text is there."""
        return self.rows("reviewed IS NOT NULL AND query IS NOT NULL AND text = 'full'")

    def with_text(self) -> Iterator[LoggedDecision]:
        """Rows whose text is there."""
        return self.rows("query IS NOT NULL AND text = 'full'")

    def next_to_review(self) -> LoggedDecision | None:
        """The decision that a person should judge next, or None.

        Those come first on which a candidate router disagrees; then those that fell back, then the least confident
        ones. What was skipped comes last.
        """
        row = self._db.execute(f"SELECT *, {_FAILURES} FROM decisions WHERE {_TO_REVIEW} {_ORDER}").fetchone()
        return None if row is None else _decision(row)

    def count_to_review(self) -> int:
        """How many different queries wait to be judged."""
        found = self._db.execute(f"SELECT count(DISTINCT query) FROM decisions WHERE {_TO_REVIEW}").fetchone()
        return int(found[0])

    def judge(self, decision: LoggedDecision, label: str | None) -> None:
        """Keep what a person said of a decision, for all rows with the same query.

        Args:
            decision: the row.
            label: the right category, or None if the query belongs to none.
        """
        statement = "UPDATE decisions SET reviewed = ?, label = ? WHERE query = ? AND text = 'full'"
        self._db.execute(statement, (time(), label, decision.query))

    def withdraw(self, decision: LoggedDecision) -> None:
        """Forget what a person said of a decision, or that it was skipped."""
        statement = "UPDATE decisions SET reviewed = NULL, label = NULL, skipped = 0 WHERE query = ?"
        self._db.execute(statement, (decision.query,))

    def skip(self, decision: LoggedDecision) -> None:
        """Put a query behind all others that wait."""
        self._db.execute("UPDATE decisions SET skipped = skipped + 1 WHERE query = ?", (decision.query,))

    def close(self) -> None:
        """Release the file."""
        self._db.close()


@contextmanager
def reading(path: Path) -> Iterator[LogReader]:
    """A `LogReader` that is closed when the block ends.

    Raises:
        ConfigError: as `LogReader` does, and if reading or judging fails on the way.
    """
    reader = LogReader(path)
    try:
        yield reader
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {schema.explain(error)}") from error
    finally:
        reader.close()


def _decision(row: sqlite3.Row) -> LoggedDecision:
    fields = {key: row[key] for key in row.keys() if key not in {"seq", "skipped"}}  # noqa: SIM118 - a Row is no dict
    fields["probabilities"] = json.loads(row["probabilities"])
    fields["failures"] = sorted(json.loads(row["failures"]), key=itemgetter("time"))
    fields["shadow"] = None if row["shadow"] is None else json.loads(row["shadow"])
    return LoggedDecision(**fields)
