"""Runs that stop in the middle: no row is lost and none is repeated."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from routerkit.bulk.run import Job, route_file
from routerkit.errors import ConfigError, DataError
from routerkit.policy import ThresholdPolicy
from routerkit.router import Router
from tests.cli import call

WORDS = ["sum", "atom", "loop", "hello", "rain", "what", "is", "the"]
ROWS = 40
WINDOW = 6
PIECEWISE = "import routerkit.bulk.run as run; run.WINDOW_ROWS = 50; from routerkit.cli import main; main()"
"""The command line with small windows, so that a run is in the middle for long."""


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerkit.bulk.run.WINDOW_ROWS", WINDOW)


def content_of(kind: str, rows: int = ROWS) -> str:
    """Rows of many lengths, every tenth one bad, one with a line break where the format allows it."""
    lines = []
    for number in range(rows):
        query = " " if number % 10 == 3 else " ".join(WORDS[: 1 + number % 8])
        if kind == "csv":
            lines.append(
                f'{number},"{query}\n{number}"\n' if number % 7 == 5 and query != " " else f"{number},{query}\n"
            )
        else:
            lines.append(json.dumps({"id": number, "query": query}) + "\n")
    return "".join(["id,query\n" * (kind == "csv"), *lines])


def job_of(folder: Path, kind: str, **changes: Any) -> Job:
    source = folder / f"in.{kind}"
    if not source.exists():
        source.write_text(content_of(kind), encoding="utf-8")
    output = folder / f"out.{kind}"
    settings: dict[str, Any] = {
        "input_file": str(source),
        "output_file": str(output),
        "errors_file": f"{output}.errors.jsonl",
        "input_format": kind,
        "output_format": kind,
    }
    return Job(**settings | changes)


def written(job: Job) -> tuple[bytes, bytes]:
    return Path(job.output_file).read_bytes(), Path(str(job.errors_file)).read_bytes()


def complete(router: Router, job: Job) -> tuple[bytes, bytes]:
    """What a run without interruption writes."""
    *_, last = route_file(router, job)
    assert (last.rows, last.bad) == (ROWS - 4, 4)
    return written(job)


def interrupt(router: Router, job: Job, windows: int) -> None:
    """Stop a run after some windows; what is behind its last checkpoint is left as it is."""
    with closing(route_file(router, job)) as run:
        for _ in range(windows + 1):
            next(run)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("torn", [b"", b'{"id": 12, "qu', b"\x00" * 5000])
def test_a_run_that_was_stopped_anywhere_ends_with_the_same_files(
    tiny_router: Router, tmp_path: Path, kind: str, torn: bytes
) -> None:
    expected = complete(tiny_router, job_of(tmp_path, kind))
    for windows in range(8):
        job = job_of(tmp_path, kind, output_file=str(tmp_path / f"{windows}.{kind}"), errors_file=str(tmp_path / "e"))
        interrupt(tiny_router, job, windows)
        for name in (job.output_file, str(job.errors_file)):
            with Path(name).open("ab") as file:
                file.write(torn)
        *_, last = route_file(tiny_router, job_of(tmp_path, kind, **_again(job)))
        assert (last.rows, last.bad) == (ROWS - 4, 4)
        assert written(job) == expected
        assert not list(tmp_path.glob("*.progress.json*"))


def _again(job: Job) -> dict[str, Any]:
    return {"output_file": job.output_file, "errors_file": job.errors_file, "resume": True}


def test_a_run_that_failed_between_two_checkpoints_goes_on_at_the_first(
    tiny_router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = complete(tiny_router, job_of(tmp_path, "jsonl"))
    job = job_of(tmp_path, "jsonl", output_file=str(tmp_path / "b.jsonl"), errors_file=str(tmp_path / "b.errors"))
    for _ in range(3):
        calls = iter([False, True])
        with monkeypatch.context() as patched:
            patched.setattr("routerkit.bulk.journal.Journal.save", _failing(calls))
            with pytest.raises(KeyboardInterrupt):
                list(route_file(tiny_router, job_of(tmp_path, "jsonl", **_again(job))))
    list(route_file(tiny_router, job_of(tmp_path, "jsonl", **_again(job))))
    assert written(job) == expected


def _failing(calls: Any) -> Any:
    from routerkit.bulk.journal import Journal

    save = Journal.save

    def saving(self: Journal, checkpoint: Any) -> None:
        if next(calls, True):
            raise KeyboardInterrupt
        save(self, checkpoint)

    return saving


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_file(tiny_router_folder: Path, tmp_path: Path) -> None:
    source, killed, whole = tmp_path / "in.jsonl", tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    source.write_text(content_of("jsonl", 2_500), encoding="utf-8")
    journal = tmp_path / "killed.jsonl.progress.json"
    kills = 0
    for attempt in range(3):
        done = _kill_after(tiny_router_folder, source, killed, journal, windows=10 if attempt < 2 else None)
        kills += not done
        if done:
            break
    assert kills == 2
    found = call("batch", "--input-file", source, "--output-file", whole, "--model", tiny_router_folder)
    assert found.status == 1
    assert killed.read_bytes() == whole.read_bytes()
    assert len(whole.read_bytes().splitlines()) == 2_250
    errors = [Path(f"{path}.errors.jsonl").read_bytes() for path in (killed, whole)]
    assert errors[0] == errors[1]
    assert not journal.exists()


def _kill_after(model: Path, source: Path, target: Path, journal: Path, *, windows: int | None) -> bool:
    """Start or go on; kill once some more windows are done. Whether the run came to its end."""
    arguments = ["batch", "--input-file", source, "--output-file", target, "--model", model, "--resume"]
    command = [sys.executable, "-c", PIECEWISE, *map(str, arguments)]
    begun = _rows_done(journal)
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        while process.poll() is None:
            if windows is not None and _rows_done(journal) >= begun + windows * 45:
                process.send_signal(signal.SIGKILL)
                process.wait()
            time.sleep(0.002)
        complaints = process.communicate()[1].decode()
    finally:
        process.kill()
    assert process.returncode in {1, -signal.SIGKILL}, complaints
    return process.returncode == 1


def _rows_done(journal: Path) -> int:
    try:
        return int(json.loads(journal.read_text(encoding="utf-8"))["checkpoint"]["rows"])
    except FileNotFoundError:
        return 0


# --- what is refused -------------------------------------------------------------------------------------------------


def test_an_interrupted_run_is_not_overwritten_by_accident(tiny_router: Router, tmp_path: Path) -> None:
    job = job_of(tmp_path, "jsonl")
    interrupt(tiny_router, job, 2)
    before = Path(job.output_file).read_bytes()
    with pytest.raises(DataError, match="an interrupted run got through 12 rows; give --resume to go on, or delete"):
        list(route_file(tiny_router, job))
    assert Path(job.output_file).read_bytes() == before


def test_a_run_that_did_nothing_yet_may_be_started_anew(tiny_router: Router, tmp_path: Path) -> None:
    interrupt(tiny_router, job_of(tmp_path, "jsonl"), 0)
    complete(tiny_router, job_of(tmp_path, "jsonl"))


def test_going_on_needs_the_same_settings(tiny_router: Router, tmp_path: Path) -> None:
    interrupt(tiny_router, job_of(tmp_path, "jsonl"), 2)
    other = Router(
        artefact=tiny_router.artefact,
        engine=tiny_router._engine,
        tokenizer=tiny_router._tokenizer,
        policy=ThresholdPolicy(fallback="general", confidence_threshold=0.9),
        max_query_chars=1000,
    )
    with pytest.raises(ConfigError, match=r"the interrupted run had another policy; use the same settings"):
        list(route_file(other, job_of(tmp_path, "jsonl", resume=True)))


def test_going_on_needs_the_same_input(tiny_router: Router, tmp_path: Path) -> None:
    job = job_of(tmp_path, "jsonl", resume=True)
    interrupt(tiny_router, job, 2)
    source = Path(job.input_file)
    source.write_text(source.read_text(encoding="utf-8").replace('"id": 4', '"id": 5'), encoding="utf-8")
    with pytest.raises(DataError, match="are not those of the interrupted run"):
        list(route_file(tiny_router, job))


def test_going_on_needs_the_output_that_was_written(tiny_router: Router, tmp_path: Path) -> None:
    job = job_of(tmp_path, "jsonl", resume=True)
    interrupt(tiny_router, job, 2)
    with Path(job.output_file).open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match=r"out\.jsonl: is shorter than the interrupted run left it"):
        list(route_file(tiny_router, job))


def test_a_complete_output_is_not_gone_on_with(tiny_router: Router, tmp_path: Path) -> None:
    expected = complete(tiny_router, job_of(tmp_path, "jsonl"))
    with pytest.raises(DataError, match="is complete, or from elsewhere; without --resume it is written anew"):
        list(route_file(tiny_router, job_of(tmp_path, "jsonl", resume=True)))
    assert written(job_of(tmp_path, "jsonl")) == expected


@pytest.mark.parametrize("content", ["", "{", "[]", '{"checkpoint": {"mark": {}}}', '{"checkpoint": {"x": 1}}'])
def test_a_journal_that_cannot_be_read_is_named(tiny_router: Router, tmp_path: Path, content: str) -> None:
    job = job_of(tmp_path, "jsonl", resume=True)
    Path(f"{job.output_file}.progress.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"out\.jsonl\.progress\.json: cannot be read .*; delete it to start anew"):
        list(route_file(tiny_router, job))


@pytest.mark.parametrize("changes", [{"output_file": "-"}, {"output_format": "parquet"}])
def test_what_cannot_be_appended_to_cannot_be_resumed(
    tiny_router: Router, tmp_path: Path, changes: dict[str, str]
) -> None:
    with pytest.raises(DataError, match="cannot be resumed: only JSONL and CSV files can"):
        list(route_file(tiny_router, job_of(tmp_path, "jsonl", resume=True, **changes)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_said_in_one_line(tiny_router: Router, tmp_path: Path) -> None:
    job = job_of(tmp_path, "jsonl", output_file="/dev/full")
    with pytest.raises(DataError, match=r"/dev/full: writing stopped \(No space left on device\)"):
        list(route_file(tiny_router, job))
