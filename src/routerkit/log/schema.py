"""The tables of the decision log, and how its file is opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from time import monotonic, sleep
from typing import TYPE_CHECKING

from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION = 2
"""Raised whenever an older routerkit could misread a new log. Kept in the file as SQLite's `user_version`."""

BUSY_S = 30.0
"""Longest wait for another writer, in seconds; only the writing thread waits, never a query."""

_RETRY_S = 0.02
_RIGHTS = "the decision log cannot be written ({}); check the rights to the file and its folder"
_DISK = "the decision log cannot be written ({}); check the disk, and how much room there is on it"
_PROBLEMS = {
    sqlite3.SQLITE_NOTADB: "is no decision log ({}); name another file in decision_log",
    sqlite3.SQLITE_CORRUPT: "the decision log is damaged ({}); move it away, and rescue what can be read with: "
    "sqlite3 FILE .recover",
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_FULL: _DISK,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_BUSY: "the decision log is held by another process ({}); try again, or end that process",
}
_PRIMARY_CODE = 0xFF
"""SQLite's codes say more in their higher bits; the lower ones tell the kind."""

_CREATE = """
CREATE TABLE IF NOT EXISTS decisions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    time REAL NOT NULL,
    router TEXT NOT NULL,
    version TEXT NOT NULL,
    artefact TEXT NOT NULL,
    threshold REAL NOT NULL,
    category TEXT NOT NULL,
    confidence REAL NOT NULL,
    route TEXT NOT NULL,
    reason TEXT NOT NULL,
    ood_score REAL,
    probabilities TEXT NOT NULL,
    latency_ms REAL NOT NULL,
    query TEXT,
    text TEXT NOT NULL,
    shadow TEXT,
    reviewed REAL,
    label TEXT,
    skipped INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (time);
CREATE TABLE IF NOT EXISTS failures (
    decision TEXT NOT NULL,
    time REAL NOT NULL,
    specialist TEXT NOT NULL,
    type TEXT NOT NULL,
    message TEXT
);
CREATE INDEX IF NOT EXISTS failures_by_decision ON failures (decision);
CREATE TRIGGER IF NOT EXISTS failures_go_with_decisions AFTER DELETE ON decisions
BEGIN DELETE FROM failures WHERE decision = OLD.id; END;
"""


def create(path: Path) -> None:
    """Make the log if it is not there, and check that it can be read and written.

    Raises:
        ConfigError: if the file cannot be made, is no decision log, or is one of another version.
    """
    try:
        # SQLite would make the file readable for everybody; it holds what people asked.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(connect(path)) as db:
            _create_patiently(path, db)
    except OSError as error:
        raise ConfigError(
            f"{path}: the decision log cannot be written ({error.strerror}); check decision_log and its folder"
        ) from error
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {explain(error)}") from error


def explain(error: sqlite3.Error) -> str:
    """What is wrong with a log's file and what to do about it, to follow the file's name."""
    code = getattr(error, "sqlite_errorcode", None) or 0  # errors of Python's own have none
    return _PROBLEMS.get(code & _PRIMARY_CODE, "the decision log cannot be used ({})").format(error)


def _create_patiently(path: Path, db: sqlite3.Connection) -> None:
    """Several processes may start at once, and SQLite does not wait for others while it switches to WAL mode."""
    deadline = monotonic() + BUSY_S
    while True:
        try:
            _check_version(path, db)
            db.execute("PRAGMA auto_vacuum = FULL")
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN IMMEDIATE; {_CREATE} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        except sqlite3.OperationalError as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(_RETRY_S)
        else:
            return


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, with rows that know their columns.

    `synchronous = NORMAL`: in WAL mode a commit survives the death of the process; after a loss of power the last
    commits may be missing, and the file is still consistent (SQLite documentation, "PRAGMA synchronous").
    """
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        db.close()
        raise
    return db


def open_existing(path: Path) -> sqlite3.Connection:
    """Open a log for reading and reviewing.

    Raises:
        ConfigError: if there is no such file, it is damaged, or it is no decision log of this version.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such decision log; give the file that decision_log names")
    try:
        db = connect(path)
        try:
            _check_version(path, db)
            if not _version(db):
                raise ConfigError(f"{path}: is no decision log; give the file that decision_log names")
        except (ConfigError, sqlite3.Error):
            db.close()
            raise
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {explain(error)}") from error
    return db


def _check_version(path: Path, db: sqlite3.Connection) -> None:
    version = _version(db)
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version not in {0, SCHEMA_VERSION}:
        raise ConfigError(
            f"{path}: the decision log has version {version}, this routerkit reads {SCHEMA_VERSION}; "
            "install a matching version, or name another file in decision_log"
        )
    if version == 0 and tables:
        raise ConfigError(f"{path}: is a database of something else; name another file in decision_log")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
