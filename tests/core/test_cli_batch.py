"""`routerkit batch`."""

from __future__ import annotations

import json
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


def test_more_rows_than_one_chunk_stay_in_order(
    tiny_router_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routerkit.cli.batch._CHUNK", 4)
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
        (b'{"text": "sum"}', "a query must be a string, got NoneType"),
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
    found = call("batch", "--input-file", source, "--output-file", source, "--model", tiny_router_folder)
    assert found.status == 1
    assert "--output-file" in found.error
    assert source.read_bytes() == before


def test_a_binary_file_is_refused_line_by_line(tiny_router_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "picture.png"
    source.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xd8")
    found = call("batch", "--input-file", source, "--model", tiny_router_folder)
    *complaints, summary = found.stderr.splitlines()
    assert (found.status, found.stdout) == (1, "")
    assert summary == "0 rows routed, 3 bad rows left out"
    assert all("UTF-8" in line or "valid JSON" in line for line in complaints)
