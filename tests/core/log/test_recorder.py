"""Writing the decision log: complete, bounded, by many writers at once, and after a kill."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import pytest

from routerkit.errors import ConfigError, InputError
from routerkit.log import DecisionLog, LogConfig, recorder, writer
from routerkit.log.reading import reading
from routerkit.observation import Failure
from routerkit.watch import Watch
from tests.core.log.support import check_integrity, ids, observation, written

if TYPE_CHECKING:
    from routerkit.privacy import Content
    from routerkit.router import Router

ROOT = Path(__file__).parents[3]
DAY = 86_400

WRITER = """
import sys, threading
from pathlib import Path
from routerkit.log import DecisionLog, LogConfig
from tests.core.log.support import observation

path, threads, rows = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
log = DecisionLog(LogConfig(path=path))
lock = threading.Lock()

def write(number):
    for start in range(0, rows, 20):
        acknowledged = [log.record(observation(f"{number} {start + i}")) for i in range(20)]
        assert log.flush()
        with lock:
            print(*(entry.id for entry in acknowledged), flush=True)

writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
[one.start() for one in writers]
[one.join() for one in writers]
"""


def start_writer(path: Path, threads: int, rows: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(threads), str(rows)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_ten_writers_two_of_them_killed_lose_nothing_acknowledged_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    # Ten writing threads in six processes. Two processes would go on for long, and are killed in the middle of it.
    doomed = [start_writer(path, 1, 100_000) for _ in range(2)]
    others = [start_writer(path, 2, 1_000) for _ in range(4)]
    acknowledged: set[str] = set()
    for process in doomed:
        assert process.stdout is not None
        for _ in range(50):
            acknowledged |= set(process.stdout.readline().split())
        process.send_signal(signal.SIGKILL)
        acknowledged |= set(process.communicate()[0].split())
        assert process.returncode == -signal.SIGKILL
    for process in others:
        acknowledged |= set(process.communicate()[0].split())
        assert process.returncode == 0
    found = ids(path)
    assert check_integrity(path) == "ok"
    assert len(found) == len(set(found))
    assert len(acknowledged) >= 10_000
    assert acknowledged <= set(found)
    assert len(found) <= len(acknowledged) + 2 * 20  # at most what the killed ones had not acknowledged yet


def test_every_field_of_a_decision_is_kept(believer: Router, tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"))
    before = time()
    seen = Watch(believer, log=log).route("what is the sum")
    assert log.flush(10)
    with reading(tmp_path / "log.sqlite") as reader:
        (row,) = reader.rows()
    assert before <= row.time <= time()
    assert {name: getattr(row, name) for name in seen.decision.to_dict()} == seen.decision.to_dict()
    assert (row.artefact, row.router, row.threshold) == (believer.artefact.digest, "tiny", 0.5)
    assert (row.query, row.latency_ms) == ("what is the sum", seen.latency_ms)


def test_a_batch_is_logged_row_by_row_and_a_refused_query_not_at_all(believer: Router, tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"))
    watch = Watch(believer, log=log)
    assert [seen.decision.category for seen in watch.route_batch(["sum", "loop"])] == ["math", "code"]
    with pytest.raises(InputError):
        watch.route("  ")
    assert log.flush(10)
    with reading(tmp_path / "log.sqlite") as reader:
        assert [row.query for row in reader.rows()] == ["sum", "loop"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("hidden", None), ("truncated", "the first forty characters of a question..."), ("hashed", "sha256:")],
)
def test_only_so_much_of_the_query_is_kept_as_the_settings_allow(text: str, kept: str | None, tmp_path: Path) -> None:
    log = DecisionLog(LogConfig.model_validate({"path": tmp_path / "log.sqlite", "text": text}))
    log.record(observation("the first forty characters of a question with a secret"))
    assert log.flush(10)
    log.close()
    with reading(tmp_path / "log.sqlite") as reader:
        (row,) = reader.rows()
        assert reader.next_to_review() is None
    assert row.query is None if kept is None else str(row.query).startswith(kept)
    assert not [path for path in tmp_path.iterdir() if b"secret" in path.read_bytes()]


def test_old_decisions_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PRUNE_EVERY_S", 0.0)
    config = LogConfig(path=tmp_path / "log.sqlite", max_days=2)
    log = DecisionLog(config)
    for age in (5.0, 3.0, 1.0, 0.0):
        log.record(observation(f"{age}", time=time() - age * DAY))
    assert log.flush(10)
    with reading(config.path) as reader:
        assert [row.query for row in reader.rows()] == ["1.0", "0.0"]


def test_only_the_latest_decisions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PRUNE_EVERY", 10)
    config = LogConfig(path=tmp_path / "log.sqlite", max_rows=50)
    log = DecisionLog(config)
    for number in range(200):
        log.record(observation(str(number)))
        if number % 5 == 0:
            assert log.flush(10)
    assert log.flush(10)
    with reading(config.path) as reader:
        found = [int(row.query or "") for row in reader.rows()]
    assert found == list(range(200 - len(found), 200))
    assert 50 <= len(found) < 60 + 10


def test_a_file_that_grows_too_large_loses_its_oldest_decisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PRUNE_EVERY", 50)
    config = LogConfig(path=tmp_path / "log.sqlite", max_mb=0.5)
    log = DecisionLog(config)
    for number in range(400):
        log.record(observation(f"{number} " + "long " * 600))  # 1.2 MB in all
        if number % 25 == 0:
            assert log.flush(10)
    log.close(10)
    with reading(config.path) as reader:
        found = [int((row.query or "").split()[0]) for row in reader.rows()]
    assert found == list(range(400 - len(found), 400))
    assert 100 < len(found) < 220
    assert 400_000 < config.path.stat().st_size < 500_000 + 75 * 4_000


def test_a_closed_log_has_released_its_file(tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"))
    log.record(observation())
    log.close(10)
    assert [path.name for path in tmp_path.iterdir()] == ["log.sqlite"]  # no write-ahead log beside it


def test_the_file_is_private_and_shrinks_when_decisions_are_deleted(tmp_path: Path) -> None:
    path = written(tmp_path / "log.sqlite", *(observation("long " * 500 + str(n)) for n in range(500)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = page_count(path)
    log = DecisionLog(LogConfig(path=path, max_rows=10))
    log.record(observation())
    assert log.flush(10)
    assert page_count(path) < before / 5


def page_count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA page_count").fetchone()[0])


def test_a_closed_log_opens_again(tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"))
    for number in range(20):
        log.record(observation(str(number)))
        log.close(10)
    assert len(ids(log.config.path)) == 20


def test_recording_from_many_threads_while_the_log_is_closed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"))

    def work() -> None:
        for _ in range(50):
            log.record(observation())
            log.close(10)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush(10)
    assert len(ids(log.config.path)) == 200


def test_what_cannot_be_written_is_counted_and_never_acknowledged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.sqlite"
    log = DecisionLog(LogConfig(path=path))
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE decisions")
    lost = log.record(observation())
    assert not log.flush(10)
    assert (log.dropped, lost.kept) == (1, False)
    assert "decisions are not logged: the decision log cannot be used (no such table" in caplog.text
    written(path, observation())
    kept = log.record(observation())
    assert not log.flush(10)  # one is still missing
    assert kept.kept
    assert kept.id in ids(path)


def test_a_query_never_waits_for_a_locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "QUEUE_ROWS", 5)
    path = tmp_path / "log.sqlite"
    log = DecisionLog(LogConfig(path=path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not log.flush(0) or log.dropped == 0
        entries = [log.record(observation()) for _ in range(300)]
        assert not log.flush(0.05)
        assert log.dropped > 0
        other.execute("COMMIT")
    log.flush(30)
    assert sorted(ids(path)) == sorted(entry.id for entry in entries if entry.kept)
    assert [entry.kept for entry in entries].count(False) == log.dropped


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_writes_on_its_own(tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"))
    log.record(observation("parent"))
    assert log.flush(10)
    child = os.fork()
    if child == 0:
        log.record(observation("child"))
        os._exit(0 if log.flush(10) else 1)
    assert os.waitpid(child, 0)[1] == 0
    with reading(log.config.path) as reader:
        assert {row.query for row in reader.rows()} == {"parent", "child"}


def test_a_process_that_ends_normally_writes_what_waits(tmp_path: Path) -> None:
    code = WRITER.partition("lock =")[0] + "for number in range(200): log.record(observation(str(number)))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "log.sqlite"), "0", "0"], check=True, cwd=ROOT)
    assert len(ids(tmp_path / "log.sqlite")) == 200


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    text, database, later = tmp_path / "text", tmp_path / "database", tmp_path / "later"
    text.write_text("x" * 2_000)
    for path, statement in ((database, "CREATE TABLE mine (a)"), (later, "PRAGMA user_version = 9")):
        with closing(sqlite3.connect(path)) as db:
            db.execute(statement)
    for path, problem in (
        (text, "is no decision log"),
        (database, "a database of something else"),
        (later, "has version 9, this routerkit reads 2"),
        (tmp_path / "missing" / "log.sqlite", "cannot be written .No such file"),
    ):
        with pytest.raises(ConfigError, match=problem):
            DecisionLog(LogConfig(path=path))
    assert text.read_text() == "x" * 2_000


def test_a_row_of_the_log_is_plain_json(tmp_path: Path) -> None:
    path = written(tmp_path / "log.sqlite", observation())
    with reading(path) as reader:
        (row,) = reader.rows()
    assert json.loads(json.dumps(row.to_dict())) == row.to_dict()


def _with_failures(path: Path, text: Content = "full") -> LogConfig:
    """A log with one decision after which two specialists failed."""
    config = LogConfig(path=path, text=text)
    log = DecisionLog(config)
    entry = log.record(observation())
    for name in ("math", "general"):
        log.record_failure(Failure(decision=entry.id, specialist=name, type="TimeoutError", message=f"{name} is slow"))
    assert log.flush()
    log.close()
    return config


def test_what_failed_after_a_decision_is_kept_beside_it(tmp_path: Path) -> None:
    with reading(_with_failures(tmp_path / "log.sqlite").path) as reader:
        (row,) = reader.rows()
    assert [(one["specialist"], one["type"], one["message"]) for one in row.failures] == [
        ("math", "TimeoutError", "math is slow"),
        ("general", "TimeoutError", "general is slow"),
    ]


def test_hidden_text_hides_the_messages_of_failures_too(tmp_path: Path) -> None:
    with reading(_with_failures(tmp_path / "log.sqlite", "hidden").path) as reader:
        (row,) = reader.rows()
    assert [one["message"] for one in row.failures] == [None, None]


def test_failures_are_deleted_with_their_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _with_failures(tmp_path / "log.sqlite")
    monkeypatch.setattr(writer, "PRUNE_EVERY_S", 0.0)
    log = DecisionLog(LogConfig(path=config.path, max_rows=1))
    log.record(observation())
    assert log.flush()
    log.close()
    with closing(sqlite3.connect(config.path)) as db:
        left = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("decisions", "failures")]
    assert left == [1, 0]
