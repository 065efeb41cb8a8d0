"""Observations made up for the tests of the log, and a look into its file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from routerkit.decision import Decision
from routerkit.log import DecisionLog, LogConfig
from routerkit.observation import Observation, RouterFacts

if TYPE_CHECKING:
    from pathlib import Path

FACTS = RouterFacts(name="tiny", version="1", digest="d" * 64)


def observation(
    query: str = "what is the sum", category: str = "math", confidence: float = 0.9, reason: str = "", time: float = 0.0
) -> Observation:
    """A decision of a made-up router; below a confidence of 0.5 it falls back."""
    reason = reason or ("confident" if confidence >= 0.5 else "low_confidence")
    decision = Decision(
        category=category,
        confidence=confidence,
        route=category if reason == "confident" else "general",
        reason=reason,  # type: ignore[arg-type]
        ood_score=None,
        probabilities={"math": confidence, "general": 1 - confidence},
    )
    seen = Observation(query=query, decision=decision, router=FACTS, threshold=0.5, latency_ms=1.5)
    if not time:
        return seen
    return Observation(query=query, decision=decision, router=FACTS, threshold=0.5, latency_ms=1.5, time=time)


def written(path: Path, *seen: Observation) -> Path:
    """A log that holds these observations."""
    log = DecisionLog(LogConfig(path=path))
    for one in seen:
        log.record(one)
    assert log.flush()
    log.close()
    return path


def ids(path: Path) -> list[str]:
    """Ids of all rows in a log."""
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT id FROM decisions ORDER BY seq")]


def check_integrity(path: Path) -> str:
    """What SQLite says about the file; `ok` if nothing is wrong."""
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])
