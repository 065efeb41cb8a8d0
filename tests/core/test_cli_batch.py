"""`routerkit batch`."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from routerkit.router import Router
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = ["sum", "atom", "loop", "hello", "rain", "what", "is", "the"]
_DECISION = ["category", "confidence", "route", "reason", "ood_score", "probabilities"]


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_every_row_comes_out_once_in_order_with_its_own_fields_first(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = [{"id": n, "query": " ".join(_WORDS[: 1 + n % 8]), "user": {"name": "Zoë"}} for n in range(40)]
    source, target = _write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    found = call("batch", "--input-file", source, "--output-file", target, "--model", tiny_router_folder)
    answers = _lines(target.read_text(encoding="utf-8"))
    assert (found.status, found.stdout, found.stderr) == (0, "", "40 rows routed\n")
    assert [{key: answer[key] for key in rows[0]} for answer in answers] == rows
    assert all(list(answer) == ["id", "query", "user", *_DECISION] for answer in answers)


def test_a_batch_decides_as_single_calls_do(tiny_router_folder: Path, tmp_path: Path) -> None:
    queries = [f"{first} {second}" for first in _WORDS for second in _WORDS]
    source = _write(tmp_path / "in.jsonl", [{"query": query} for query in queries])
    answers = _lines(call("batch", "--input-file", source, "--model", tiny_router_folder).stdout)
    router = Router.from_pretrained(tiny_router_folder)
    expected = [router.route_query(query) for query in queries]
    assert [(answer["category"], answer["route"]) for answer in answers] == [
        (decision.category, decision.route) for decision in expected
    ]


def test_more_rows_than_one_window_stay_in_order(
    tiny_router_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routerkit.bulk.run.WINDOW_ROWS", 4)
    source = _write(tmp_path / "in.jsonl", [{"id": n, "query": _WORDS[n % 8]} for n in range(11)])
    answers = _lines(call("batch", "--input-file", source, "--model", tiny_router_folder).stdout)
    assert [answer["id"] for answer in answers] == list(range(11))


def test_a_field_that_clashes_with_the_decision_is_kept_under_another_name(
    tiny_router_folder: Path, tmp_path: Path
) -> None:
    source = _write(tmp_path / "in.jsonl", [{"query": "sum", "category": "mine", "route": None}])
    (answer,) = _lines(call("batch", "--input-file", source, "--model", tiny_router_folder).stdout)
    assert (answer["input_category"], answer["input_route"]) == ("mine", None)
    assert answer["category"] == Router.from_pretrained(tiny_router_folder).route_query("sum").category


def test_a_bad_row_is_reported_with_its_line_number_and_the_good_rows_are_answered(
    tiny_router_folder: Path, tmp_path: Path
) -> None:
    lines = [json.dumps({"id": number, "query": "sum"}) for number in range(1, 31)]
    lines[16] = '{"id": 17, "query": '
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(lines) + "\n")
    found = call("batch", "--input-file", source, "--model", tiny_router_folder)
    error, summary = found.stderr.splitlines()
    assert found.status == 1
    assert error.startswith(f"error: {source}, line 17: is not valid JSON")
    assert summary == "29 rows routed, 1 bad rows left out"
    assert [answer["id"] for answer in _lines(found.stdout)] == [n for n in range(1, 31) if n != 17]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"[1, 2]", "expected a JSON object, found list"),
        (b'{"text": "sum"}', "has no 'query'; found the fields ['text']"),
        (b'{"query": null}', "a query must be a string, got NoneType"),
        (b'{"query": 7}', "a query must be a string, got int"),
        (b'{"query": "  "}', "the query is empty"),
        (b'{"query": "a\\u0000b"}', "looks like binary data"),
        (b'{"query": "\xff\xfe"}', "is not UTF-8 text"),
        (b'{"query": "' + b"sum " * 25_000 + b'"}', "100,000 characters, 32,768 are allowed"),
    ],
)
def test_each_kind_of_bad_row_is_explained(tiny_router_folder: Path, line: bytes, told: str) -> None:
    stdin = b'{"query": "sum"}\n\n' + line + b"\n"
    found = call("batch", "--input-file", "-", "--model", tiny_router_folder, stdin=stdin)
    assert found.status == 1
    assert found.stderr.startswith("error: -, line 3: ")
    assert told in found.stderr.splitlines()[0]
    assert len(_lines(found.stdout)) == 1


def test_the_length_that_the_configuration_allows_holds_for_every_row(tiny_router_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "short.yaml"
    config.write_text("router_config: {max_query_chars: 10}\n")
    stdin = b'{"query": "sum"}\n{"query": "what is the sum"}\n'
    found = call("batch", "--input-file", "-", "--config", config, "--model", tiny_router_folder, stdin=stdin)
    assert found.status == 1
    assert found.stderr.startswith("error: -, line 2: the query has 15 characters, 10 are allowed")
    assert len(_lines(found.stdout)) == 1


def test_a_dash_pipes_from_standard_input_to_standard_output(tiny_router_folder: Path) -> None:
    arguments = ["--input-file", "-", "--output-file", "-", "--model", tiny_router_folder]
    found = call("batch", *arguments, stdin=b'{"query": "sum"}\n{"query": "atom"}')
    assert found.status == 0
    assert [answer["query"] for answer in _lines(found.stdout)] == ["sum", "atom"]


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_an_error(tiny_router_folder: Path, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "empty.jsonl"
    source.write_bytes(content)
    found = call("batch", "--input-file", source, "--model", tiny_router_folder)
    assert (found.status, found.stdout) == (1, "")
    assert f"{source}: is empty" in found.error


def test_a_missing_input_file_is_named_and_no_output_is_begun(tiny_router_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    arguments = ["--input-file", tmp_path / "nowhere.jsonl", "--output-file", target]
    found = call("batch", *arguments, "--model", tiny_router_folder)
    assert found.status == 1
    assert "nowhere.jsonl: cannot be read (No such file or directory); check --input-file" in found.error
    assert not target.exists()


def test_an_output_file_that_cannot_be_written_is_named(tiny_router_folder: Path, tmp_path: Path) -> None:
    source = _write(tmp_path / "in.jsonl", [{"query": "sum"}])
    arguments = ["--input-file", source, "--output-file", tmp_path / "nowhere" / "out.jsonl"]
    found = call("batch", *arguments, "--model", tiny_router_folder)
    assert found.status == 1
    assert "out.jsonl: cannot be written" in found.error


def test_the_input_file_is_never_overwritten(tiny_router_folder: Path, tmp_path: Path) -> None:
    source = _write(tmp_path / "in.jsonl", [{"query": "sum"}])
    before = source.read_bytes()
    for files in (["--output-file", source], ["--output-file", tmp_path / "o", "--errors-file", source]):
        found = call("batch", "--input-file", source, *files, "--model", tiny_router_folder)
        assert found.status == 1
        assert f"in.jsonl: is the --input-file too; give another {files[-2]}" in found.error
        assert source.read_bytes() == before


@pytest.mark.parametrize("name", ["rows.tsv", "rows.xlsx", "rows.jsonl.gz"])
def test_a_name_that_promises_another_format_is_refused(tiny_router_folder: Path, tmp_path: Path, name: str) -> None:
    source = _write(tmp_path / "in.jsonl", [{"query": "sum"}])
    found = call("batch", "--input-file", source, "--output-file", tmp_path / name, "--model", tiny_router_folder)
    assert found.status == 1
    assert f"{tmp_path / name}: .{name.rpartition('.')[2]} is not read or written here" in found.error
    assert "give --output-format" in found.error
    assert not (tmp_path / name).exists()
    other = _write(tmp_path / name, [{"query": "sum"}])
    assert "give --input-format" in call("batch", "--input-file", other, "--model", tiny_router_folder).error
    arguments = ["--input-file", other, "--input-format", "jsonl", "--model", tiny_router_folder]
    assert call("batch", *arguments).status == 0


def test_a_folder_for_bad_rows_that_is_not_there_is_named_before_the_work(
    tiny_router_folder: Path, tmp_path: Path
) -> None:
    source, target = _write(tmp_path / "in.jsonl", [{"query": "sum"}]), tmp_path / "out.jsonl"
    arguments = ["--input-file", source, "--output-file", target, "--errors-file", tmp_path / "nowhere" / "bad.jsonl"]
    found = call("batch", *arguments, "--model", tiny_router_folder)
    assert found.status == 1
    assert "bad.jsonl: cannot be written (there is no such folder); check --errors-file" in found.error
    assert not target.exists()


def test_results_and_bad_rows_do_not_share_a_file(tiny_router_folder: Path, tmp_path: Path) -> None:
    source, target = _write(tmp_path / "in.jsonl", [{"query": "sum"}]), tmp_path / "out.jsonl"
    arguments = ["--input-file", source, "--output-file", target, "--errors-file", target]
    found = call("batch", *arguments, "--model", tiny_router_folder)
    assert "out.jsonl: is the --output-file too; give another --errors-file" in found.error


def test_a_binary_file_is_refused_line_by_line(tiny_router_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "picture.png"
    source.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xd8")
    found = call("batch", "--input-file", source, "--model", tiny_router_folder)
    *complaints, summary = found.stderr.splitlines()
    assert (found.status, found.stdout) == (1, "")
    assert summary == "0 rows routed, 3 bad rows left out"
    assert all("UTF-8" in line or "valid JSON" in line for line in complaints)


# --- bad rows in a file of their own ---------------------------------------------------------------------------------


def test_bad_rows_stand_in_a_file_beside_the_output(tiny_router_folder: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"query": "sum"}\n{"query": ""}\nZo\xeb\n{"query": "loop"}\n')
    found = call("batch", "--input-file", source, "--output-file", target, "--model", tiny_router_folder)
    assert (found.status, found.stdout) == (1, "")
    first, second, summary = found.stderr.splitlines()
    assert summary == f"2 rows routed, 2 bad rows left out; see {target}.errors.jsonl"
    bad = _lines((tmp_path / "out.jsonl.errors.jsonl").read_text(encoding="utf-8"))
    assert [(row["line"], row["row"]) for row in bad] == [(2, '{"query": ""}'), (3, "Zo\\xeb")]
    assert [f"error: {row['error']}" for row in bad] == [first, second]
    assert len(_lines(target.read_text(encoding="utf-8"))) == 2


def test_without_bad_rows_there_is_no_such_file_and_an_old_one_goes(tiny_router_folder: Path, tmp_path: Path) -> None:
    source, target = _write(tmp_path / "in.jsonl", [{"query": "sum"}]), tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.errors.jsonl").write_text("old")
    assert call("batch", "--input-file", source, "--output-file", target, "--model", tiny_router_folder).status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_many_bad_rows_do_not_flood_the_screen_when_a_file_has_them(tiny_router_folder: Path, tmp_path: Path) -> None:
    errors = tmp_path / "bad.jsonl"
    arguments = ["--input-file", "-", "--errors-file", errors, "--model", tiny_router_folder]
    found = call("batch", *arguments, stdin=b"nope\n" * 50 + b'{"query": "sum"}\n')
    told = found.stderr.splitlines()
    assert len(told) == 22
    assert told[20:] == ["... and 30 more bad rows", f"1 rows routed, 50 bad rows left out; see {errors}"]
    assert len(errors.read_text().splitlines()) == 50
    assert len(call("batch", *arguments[:2], *arguments[4:], stdin=b"nope\n" * 50).stderr.splitlines()) == 51


# --- formats ---------------------------------------------------------------------------------------------------------


def test_a_table_becomes_a_table(tiny_router_folder: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,query,route\n1,"the sum,\nor ""rain""",A1\n2,loop,\n', encoding="utf-8")
    assert call("batch", "--input-file", source, "--output-file", target, "--model", tiny_router_folder).status == 0
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    router = Router.from_pretrained(tiny_router_folder)
    expected = [router.route_query(query) for query in ('the sum,\nor "rain"', "loop")]
    assert [(row["id"], row["query"], row["input_route"]) for row in rows] == [
        ("1", 'the sum,\nor "rain"', "A1"),
        ("2", "loop", ""),
    ]
    assert [(row["category"], row["route"], row["ood_score"]) for row in rows] == [
        (decision.category, decision.route, "") for decision in expected
    ]
    found = [float(rows[0][f"probability_{name}"]) for name in router.categories]
    assert found == pytest.approx(list(expected[0].probabilities.values()), abs=1e-6)


def test_a_table_of_objects_keeps_them_and_reports_rows_with_further_fields(
    tiny_router_folder: Path, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [{"query": "sum", "user": {"id": 7}, "ok": True}, {"query": "\u00eb loop"}]
    source = _write(tmp_path / "in.jsonl", [*rows, {"query": "sum", "late": 1}])
    lines = source.read_text(encoding="utf-8").splitlines()
    source.write_text("\n".join([*lines[:2], *["\n"] * 5, lines[2]]), encoding="utf-8")
    arguments = ["--input-file", source, "--output-format", "csv", "--model", tiny_router_folder]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("routerkit.bulk.run.WINDOW_ROWS", 2)
        found = call("batch", *arguments)
    table = list(csv.DictReader(io.StringIO(found.stdout)))
    assert [(row["query"], row["user"], row["ok"]) for row in table] == [
        ("sum", '{"id": 7}', "true"),
        ("\u00eb loop", "", ""),
    ]
    assert found.status == 1
    assert f"{source}, line 13: has the fields ['late'], which the first rows do not have" in found.stderr


def test_the_format_of_a_pipe_can_be_said(tiny_router_folder: Path) -> None:
    arguments = ["--input-file", "-", "--input-format", "csv", "--model", tiny_router_folder]
    found = call("batch", *arguments, stdin=b"query\nsum\n")
    assert [answer["query"] for answer in _lines(found.stdout)] == ["sum"]


def test_half_a_surrogate_pair_in_another_field_survives(tiny_router_folder: Path) -> None:
    line = b'{"query": "sum", "user": "\\ud800"}\n'
    found = call("batch", "--input-file", "-", "--model", tiny_router_folder, stdin=line)
    assert _lines(found.stdout)[0]["user"] == "\ud800"


# --- going on --------------------------------------------------------------------------------------------------------


def test_ctrl_c_says_how_to_go_on(tiny_router_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _write(tmp_path / "in.jsonl", [{"id": n, "query": _WORDS[n % 8]} for n in range(11)])
    arguments = ["batch", "--input-file", source, "--output-file", tmp_path / "out.jsonl", "--model"]
    monkeypatch.setattr("routerkit.bulk.run.WINDOW_ROWS", 4)
    calls = iter([False, True])
    route_batch = Router.route_batch

    def interrupted(self: Router, queries: list[str]) -> Any:
        if next(calls, False):
            raise KeyboardInterrupt
        return route_batch(self, queries)

    monkeypatch.setattr(Router, "route_batch", interrupted)
    found = call(*arguments, tiny_router_folder)
    assert found.status == 130
    assert found.stderr.splitlines()[0] == "interrupted after 4 rows; the same command with --resume goes on"
    assert call(*arguments, tiny_router_folder, "--resume").stderr == "11 rows routed\n"
    assert [row["id"] for row in _lines((tmp_path / "out.jsonl").read_text())] == list(range(11))


def test_a_pipe_that_is_sent_again_is_gone_on_with(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = b"".join(b'{"id": %d, "query": "sum"}\n' % number for number in range(11))
    target = tmp_path / "out.jsonl"
    arguments = ["batch", "--input-file", "-", "--output-file", target, "--model", tiny_router_folder]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("routerkit.bulk.run.WINDOW_ROWS", 4)
        patched.setattr("routerkit.bulk.run._Run.commit", _interrupted_commit(2))
        assert call(*arguments, stdin=rows).status == 130
    assert call(*arguments, "--resume", stdin=rows).status == 0
    assert [row["id"] for row in _lines(target.read_text())] == list(range(11))


def _interrupted_commit(windows: int) -> Any:
    from routerkit.bulk.run import _Run

    commit, left = _Run.commit, iter(range(windows))

    def committing(self: Any, source: Any, journal: Any) -> None:
        commit(self, source, journal)
        if next(left, None) is None:
            raise KeyboardInterrupt

    return committing


# --- progress --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_person_at_a_terminal_sees_rows_rate_and_time_left(tiny_router_folder: Path, tmp_path: Path) -> None:
    import pty

    source = _write(tmp_path / "in.jsonl", [{"query": _WORDS[n % 8]} for n in range(50)])
    arguments = ["batch", "--input-file", source, "--output-file", tmp_path / "out.jsonl", "--model"]
    command = [sys.executable, "-c", "from routerkit.cli import main; main()", *arguments, tiny_router_folder]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=theirs, env=environment, check=False)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the end of a pseudo-terminal is an error on Linux
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode("utf-8", errors="replace"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert re.search(r"100% 50 rows, [\d,]+/s, 0:00:00 left", text), text
    assert "50 rows routed" in text
