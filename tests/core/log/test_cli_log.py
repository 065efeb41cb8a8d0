"""`routerkit log review` and `routerkit log export`."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from routerkit.log import DecisionLog, LogConfig
from routerkit.log.reading import reading
from routerkit.observation import Failure
from routerkit.rows import read_rows
from tests.cli import call
from tests.core.log.support import observation, written


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Five queries: sure, unsure, least sure, fallen back as out of domain, and one a candidate disagrees with."""
    path = written(
        tmp_path / "log.sqlite",
        observation("sure", confidence=0.99),
        observation("unsure", confidence=0.6),
        observation("least sure", confidence=0.4),
        observation("outside", confidence=0.9, reason="out_of_domain"),
        observation("disputed", confidence=0.95),
    )
    shadow = json.dumps({"category": "general", "route": "general", "confidence": 0.8})
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE decisions SET shadow = ? WHERE query = 'disputed'", (shadow,))
    return path


def shown(stdout: str) -> list[str]:
    return [line.partition(") ")[2] for line in stdout.splitlines() if line.startswith("(")]


def exported(log: Path) -> list[tuple[str, str | None]]:
    found = call("log", "export", "--log", log, "--corrected")
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.stderr == f"{len(rows)} rows\n"
    return [(row["query"], row["category"]) for row in rows]


def test_disagreeing_decisions_come_first_then_the_uncertain_ones(log: Path) -> None:
    found = call("log", "review", "--log", log, stdin=b"a\n" * 5)
    assert shown(found.stdout) == ["disputed", "least sure", "outside", "unsure", "sure"]
    assert "the candidate: general 0.80 -> general" in found.stdout
    assert found.stderr == "5 judged, 0 to go\n"


def test_a_failed_specialist_is_shown_beside_its_decision(tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"))
    entry = log.record(observation())
    log.record_failure(Failure(decision=entry.id, specialist="math", type="TimeoutError", message="too \x1b[2Jslow"))
    assert log.flush()
    log.close()
    found = call("log", "review", "--log", log.config.path, stdin=b"q\n")
    assert "  math failed: TimeoutError: too " in found.stdout
    assert "\x1b[2J" not in found.stdout


def test_one_key_accepts_corrects_or_says_that_it_is_none_of_them(log: Path) -> None:
    call("log", "review", "--log", log, stdin=b"a\n2\no\n")
    assert sorted(exported(log)) == [("disputed", "math"), ("least sure", "general"), ("outside", None)]


def test_reviewing_goes_on_where_it_stopped(log: Path) -> None:
    first = call("log", "review", "--log", log, stdin=b"a\na\nq\n")
    second = call("log", "review", "--log", log, stdin=b"a\n")
    assert first.stderr == "2 judged, 3 to go\n"
    assert shown(second.stdout)[0] == shown(first.stdout)[2] == "outside"


def test_a_skipped_query_comes_back_last(log: Path) -> None:
    found = call("log", "review", "--log", log, stdin=b"s\na\na\na\na\n")
    assert shown(found.stdout) == ["disputed", "least sure", "outside", "unsure", "sure"]
    assert found.stderr == "4 judged, 1 to go\n"
    assert shown(call("log", "review", "--log", log).stdout) == ["disputed"]


def test_what_was_judged_once_does_not_come_up_when_it_is_asked_again(log: Path) -> None:
    call("log", "review", "--log", log, stdin=b"a\nq\n")
    written(log, observation("disputed", confidence=0.1))
    assert shown(call("log", "review", "--log", log).stdout) == ["least sure"]


def test_what_steers_a_terminal_is_not_passed_on_and_long_queries_are_cut(tmp_path: Path) -> None:
    query = "why\x1b[2Jnot\r\n\tindented\n" + "more\n" * 50
    found = call("log", "review", "--log", written(tmp_path / "log.sqlite", observation(query)))
    assert shown(found.stdout) == ["why\ufffd[2Jnot"]
    assert "      indented\n  more\n" in found.stdout
    assert "\x1b" not in found.stdout
    assert found.stdout.count("more") == 10
    assert "  [...]\n" in found.stdout


def test_every_category_has_a_key_also_if_there_are_more_than_nine(tmp_path: Path) -> None:
    seen = observation("many")
    names = [f"desk {number}" for number in range(20)]
    many = replace(seen, decision=replace(seen.decision, probabilities=dict.fromkeys(names, 0.05)))
    log = written(tmp_path / "log.sqlite", many)
    assert "    y" not in call("log", "review", "--log", log).stdout
    call("log", "review", "--log", log, stdin=b"c\n")
    assert exported(log) == [("many", "desk 9")]


def test_a_log_with_nothing_to_review_says_why(tmp_path: Path) -> None:
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite", text="hidden"))
    log.record(observation())
    log.close(10)
    found = call("log", "review", "--log", log.config.path)
    assert found.stderr.startswith("nothing to review")
    assert found.status == 0


def test_going_back_takes_the_last_answer_back(log: Path) -> None:
    found = call("log", "review", "--log", log, stdin=b"a\nb\n2\nq\n")
    assert shown(found.stdout) == ["disputed", "least sure", "disputed", "least sure"]
    assert exported(log) == [("disputed", "general")]


def test_a_wrong_key_is_answered_with_the_right_ones(log: Path) -> None:
    found = call("log", "review", "--log", log, stdin=b"x\n7\na\nq\n")
    assert found.stderr.count("press one of: 1 2 a o s b q") == 2
    assert len(exported(log)) == 1


def test_an_answer_holds_for_all_decisions_on_the_same_text(tmp_path: Path) -> None:
    log = written(tmp_path / "log.sqlite", *(observation("again") for _ in range(3)), observation("once"))
    assert call("log", "review", "--log", log, stdin=b"2\nq\n").stderr == "1 judged, 1 to go\n"
    with reading(log) as reader:
        assert [row.label for row in reader.rows()] == ["general"] * 3 + [None]
    assert exported(log) == [("again", "general")]


def test_corrections_are_rows_that_training_reads(log: Path, tmp_path: Path) -> None:
    call("log", "review", "--log", log, stdin=b"2\na\nq\n")
    target = tmp_path / "corrections.jsonl"
    assert call("log", "export", "--log", log, "--corrected", "--output-file", target).status == 0
    rows = read_rows(target, categories=["math", "general"])
    assert {(row.query, row.category, row.source) for row in rows} == {
        ("disputed", "general", "decision log"),
        ("least sure", "math", "decision log"),
    }


def test_the_whole_log_is_exported_line_by_line(log: Path) -> None:
    found = call("log", "export", "--log", log, "--format", "jsonl")
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [row["query"] for row in rows] == ["sure", "unsure", "least sure", "outside", "disputed"]
    assert rows[0]["probabilities"] == {"math": 0.99, "general": 0.01}
    assert len(rows[0]["artefact"]) == 64


def test_a_missing_or_foreign_file_is_an_error_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "no.sqlite"
    assert "no such decision log" in call("log", "review", "--log", missing).error
    assert not missing.exists()
    (tmp_path / "text").write_text("x" * 1_000)
    assert "is no decision log" in call("log", "export", "--log", tmp_path / "text").error


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_at_a_terminal_a_single_key_is_enough(log: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from routerkit.cli import main; main()", "log", "review", "--log", str(log)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for key in (b"2", b"a", b"q"):
            while "q quit" not in process.stdout.readline():
                pass
            # What is typed before the program listens is discarded, as at any password prompt.
            while process.poll() is None and not _listens(theirs):
                time.sleep(0.01)
            os.write(ours, key)
        assert process.stderr.read() == "2 judged, 3 to go\n"
    os.close(ours)
    os.close(theirs)


def _listens(terminal: int) -> bool:
    """Whether the program has switched the terminal from lines to single keys."""
    import termios

    return not termios.tcgetattr(terminal)[3] & termios.ICANON


def test_an_export_does_not_take_the_place_of_its_log(log: Path) -> None:
    before = log.read_bytes()
    found = call("log", "export", "--log", log, "--output-file", log.parent / "." / log.name)
    assert found.status == 1
    assert "is the decision log and would be overwritten; give another --output-file" in found.error
    assert log.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_an_export_onto_a_full_disk_is_an_error_of_one_line(log: Path) -> None:
    found = call("log", "export", "--log", log, "--output-file", "/dev/full")
    assert found.status == 1
    assert "/dev/full: cannot be written (No space left on device)" in found.error
