"""The file behind a decision log, as its writing thread sees it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING

from routerkit.errors import ConfigError
from routerkit.log import schema
from routerkit.privacy import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.log.settings import LogConfig
    from routerkit.observation import Failure, Observation
    from routerkit.shadow import Shadow

PRUNE_EVERY = 1_000
"""Rows between two looks for what is too old or too much: so many more than allowed may be there at a time."""

PRUNE_EVERY_S = 600.0
"""Seconds after which the next row written is also an occasion to look."""

_SECONDS_PER_DAY = 86_400
_WAL_BYTES = 4_000_000
_BYTES_PER_MB = 1_000_000
_ROOM = 0.9
"""A file that has grown too large is cut down to this share of what it may have, so that not every look deletes."""

_INSERT = """
INSERT OR IGNORE INTO decisions (
    id, time, router, version, artefact, threshold, category, confidence, route, reason, ood_score, probabilities,
    latency_ms, query, text, shadow
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_FAILURE = "INSERT INTO failures (decision, time, specialist, type, message) VALUES (?, ?, ?, ?, ?)"


@dataclass(slots=True)
class Entry:
    """A decision on its way into the file. The id makes writing it twice the same as writing it once.

    Attributes:
        id: names the row.
        seen: the decision.
        kept: True once it is in the file for good, False if it was given up, None as long as it waits.
    """

    id: str
    seen: Observation
    kept: bool | None = None


class LogFile:
    """Writes batches, each in one transaction; used by one thread.

    Args:
        config: where, and how much.
        shadow: a candidate router to ask, or None.
    """

    def __init__(self, config: LogConfig, shadow: Shadow | None) -> None:
        self._config = config
        self._shadow = shadow
        self._db: sqlite3.Connection | None = None
        self._until_prune = 0
        self._prune_at = 0.0

    def write(self, entries: Sequence[Entry], failures: Sequence[Failure] = ()) -> str | None:
        """Write a batch; returns what went wrong, None if nothing did. A failed batch has left nothing in the file."""
        if not entries and not failures:
            return None
        try:
            rows = [self._row(entry) for entry in entries]
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany(_INSERT, rows)
                db.executemany(_INSERT_FAILURE, [self._failure_row(failure) for failure in failures])
                self._prune(db, len(rows))
                db.execute("COMMIT")
            except sqlite3.Error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self.close()
            return schema.explain(error)
        except (ConfigError, ValueError, TypeError) as error:  # the latter two: a value that SQLite or JSON refuses
            self.close()
            return str(error)
        return None

    def close(self) -> None:
        """Release the file; the next batch opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            if not self._config.path.is_file():
                schema.create(self._config.path)  # somebody has moved it away; SQLite would make one without tables
            self._db = schema.connect(self._config.path)
            self._db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        return self._db

    def _prune(self, db: sqlite3.Connection, added: int) -> None:
        self._until_prune -= added
        if self._until_prune > 0 and monotonic() < self._prune_at:
            return
        self._until_prune, self._prune_at = PRUNE_EVERY, monotonic() + PRUNE_EVERY_S
        oldest_time = time() - self._config.max_days * _SECONDS_PER_DAY
        db.execute("DELETE FROM decisions WHERE time < ?", (oldest_time,))
        # Those of other decisions go with them; these are of decisions that were given up.
        db.execute("DELETE FROM failures WHERE time < ?", (oldest_time,))
        latest = "SELECT seq FROM decisions ORDER BY seq DESC LIMIT 1 OFFSET ?"
        db.execute(f"DELETE FROM decisions WHERE seq <= ({latest})", (self._config.max_rows,))
        self._shrink(db)

    def _shrink(self, db: sqlite3.Connection) -> None:
        """Delete the oldest decisions while the file is too large; it gives up the space at the commit."""
        limit = self._config.max_mb * _BYTES_PER_MB
        oldest = "SELECT seq FROM decisions ORDER BY seq LIMIT ?"
        while (size := _bytes_used(db)) > limit:
            rows = _number(db, "SELECT count(*) FROM decisions")
            if not rows:
                return
            surplus = max(1, int(rows * (1 - _ROOM * limit / size)))
            db.execute(f"DELETE FROM decisions WHERE seq IN ({oldest})", (surplus,))

    def _row(self, entry: Entry) -> tuple[object, ...]:
        seen, decision, text = entry.seen, entry.seen.decision, self._config.text
        shadow = self._shadow.decide(seen.conversation or seen.query) if self._shadow else None
        return (
            entry.id,
            seen.time,
            seen.router.name,
            seen.router.version,
            seen.router.digest,
            seen.threshold,
            decision.category,
            decision.confidence,
            decision.route,
            decision.reason,
            decision.ood_score,
            json.dumps(decision.probabilities, ensure_ascii=False),
            seen.latency_ms,
            None if text == "hidden" else mask(seen.query, text),
            text,
            None if shadow is None else json.dumps(shadow, ensure_ascii=False),
        )

    def _failure_row(self, failure: Failure) -> tuple[object, ...]:
        text = self._config.text
        message = None if text == "hidden" else mask(failure.message, text)
        return (failure.decision, failure.time, failure.specialist, failure.type, message)


def _bytes_used(db: sqlite3.Connection) -> int:
    pages = _number(db, "PRAGMA page_count") - _number(db, "PRAGMA freelist_count")
    return pages * _number(db, "PRAGMA page_size")


def _number(db: sqlite3.Connection, statement: str) -> int:
    return int(db.execute(statement).fetchone()[0])
