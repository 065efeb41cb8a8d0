"""A full disk, a file that may only be read, a damaged one: clear words, and no query fails."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from routerkit.errors import ConfigError
from routerkit.log import DecisionLog, LogConfig
from routerkit.log.reading import reading
from routerkit.watch import Watch
from tests.cli import call
from tests.core.log.support import check_integrity, ids, observation, written

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.router import Router

PAGE = 4096

FULL_DISK = """
import json, resource, sys
from pathlib import Path
from routerkit.log import DecisionLog, LogConfig
from routerkit.testing import fake_router
from routerkit.watch import Watch

folder = Path(sys.argv[1])
router = fake_router(folder / "router", {"sum": {"math": 0.9, "general": 0.1}})
log = DecisionLog(LogConfig(path=folder / "log.sqlite"))
watch = Watch(router, log=log)
watch.route("the first sum")
before = log.flush(30)
usual = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, usual[1]))  # no file may grow beyond this, as on a full disk
routes = [watch.route(f"{number} sum " + "of much " * 200).decision.route for number in range(400)]
full, dropped = log.flush(30), log.dropped
resource.setrlimit(resource.RLIMIT_FSIZE, usual)
watch.route("the last sum")
log.flush(30)
print(json.dumps({"routes": routes, "before": before, "full": full, "dropped": dropped, "then": log.dropped}))
"""


def read_only(path: Path) -> Path:
    """Write into the file's head that it is of a later format, which SQLite reads and never writes.

    File permissions would not do: they do not hold for the superuser.
    """
    head = bytearray(path.read_bytes())
    head[18] = 3
    path.write_bytes(head)
    return path


def damaged(path: Path) -> Path:
    """Overwrite everything behind the first page, which holds the names of the tables only."""
    content = path.read_bytes()
    path.write_bytes(content[:PAGE] + b"\xff" * (len(content) - PAGE))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return written(tmp_path / "log.sqlite", *(observation(f"query {number}") for number in range(100)))


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of resources")
def test_on_a_full_disk_queries_are_answered_and_logging_goes_on_when_there_is_room(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["routes"] == ["math"] * 400
    assert (found["before"], found["full"]) == (True, False)
    assert 0 < found["dropped"] == found["then"]
    assert done.stderr.count("decisions are not logged: the decision log cannot be written") == 1
    assert "check the disk" in done.stderr
    assert check_integrity(tmp_path / "log.sqlite") == "ok"
    with reading(tmp_path / "log.sqlite") as reader:
        rows = list(reader.rows())
    assert len(rows) == 402 - found["dropped"]
    assert (rows[0].query, rows[-1].query) == ("the first sum", "the last sum")


def test_a_file_that_may_only_be_read_is_said_when_the_log_is_opened_or_judged(log: Path) -> None:
    read_only(log)
    with pytest.raises(ConfigError, match=r"cannot be written .*readonly.*; check the rights"):
        DecisionLog(LogConfig(path=log))
    assert "cannot be written (attempt to write a readonly database)" in (
        call("log", "review", "--log", log, stdin=b"a\n").stderr
    )
    assert call("log", "export", "--log", log).stdout.count("\n") == 100


def test_a_log_that_is_damaged_under_a_running_router_fails_no_query(
    log: Path, believer: Router, caplog: pytest.LogCaptureFixture
) -> None:
    kept = DecisionLog(LogConfig(path=log))
    damaged(log)
    watch = Watch(believer, log=kept)
    assert [watch.route("sum").decision.route for _ in range(3)] == ["math"] * 3
    assert not kept.flush(10)
    assert kept.dropped == 3
    assert "the decision log is damaged (database disk image is malformed)" in caplog.text


@pytest.mark.parametrize("command", [("log", "review"), ("log", "export"), ("drift",)])
def test_a_damaged_log_is_one_line_of_error(command: tuple[str, ...], log: Path) -> None:
    damaged(log)
    found = call(*command, "--log", log)
    assert found.status == 1
    assert "the decision log is damaged" in found.error
    assert "rescue what can be read" in found.error


def test_a_log_of_a_later_version_is_refused_by_readers_too(log: Path) -> None:
    with closing(sqlite3.connect(log)) as db:
        db.execute("PRAGMA user_version = 9")
    assert "has version 9, this routerkit reads 2" in call("log", "review", "--log", log).error


def test_a_log_whose_file_was_moved_away_goes_on_in_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    log = DecisionLog(LogConfig(path=path))
    log.record(observation("before"))
    log.close(10)
    shutil.move(path, tmp_path / "old.sqlite")
    entry = log.record(observation("after"))
    assert log.flush(10)
    assert len(ids(tmp_path / "old.sqlite")) == 1
    assert ids(path) == [entry.id]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_whose_folder_is_gone_says_so_and_fails_no_query(
    tmp_path: Path, believer: Router, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").mkdir()
    log = DecisionLog(LogConfig(path=tmp_path / "folder" / "log.sqlite"))
    shutil.rmtree(tmp_path / "folder")
    assert Watch(believer, log=log).route("sum").decision.route == "math"
    assert not log.flush(10)
    assert "the decision log cannot be written (No such file or directory)" in caplog.text
