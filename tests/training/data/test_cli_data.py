"""`routerkit data ...`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from routerkit_training.data.cli import data

from tests.cli import call
from tests.core.test_imports import loaded_by
from tests.training.data.rows import many, read, write

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = [one + other for one in ("mo", "ra", "ti", "ku", "se", "lo") for other in ("zan", "bel", "dor", "fig", "hup")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Sixty rows of two categories with a field that routerkit does not know."""
    rows = [row | {"mood": "calm"} for category in ("code", "math") for row in many(category, _WORDS)]
    return write(tmp_path / "rows.jsonl", *rows)


def test_validate_prints_every_fault_and_fails(tmp_path: Path, file: Path) -> None:
    bad = write(tmp_path / "bad.jsonl", "{", {"query": "x", "category": "math"}, {"query": "", "category": "math"})
    found = call("data", "validate", file, bad)
    assert found.status == 1
    good, first, second, summary = found.stderr.splitlines()
    assert good == f"{file}: 60 rows, 0 faulty, 0 repeated"
    assert first.startswith(f"error: {bad}, line 1: is not valid JSON")
    assert second.startswith(f"error: {bad}, line 3: the query is empty")
    assert summary == f"{bad}: 3 rows, 2 faulty, 0 repeated"


def test_validate_is_content_with_good_rows_and_checks_the_names_given(file: Path) -> None:
    assert call("data", "validate", file).status == 0
    assert call("data", "validate", file, "--categories", "code, math").status == 0
    found = call("data", "validate", file, "--categories", "code")
    assert found.status == 1
    assert "unknown category 'math'; the router knows code" in found.stderr


def test_dedupe_writes_what_stays_and_what_went_for_which_row(tmp_path: Path, file: Path) -> None:
    rows = read(file)
    write(file, *rows, rows[0], {"query": f"{rows[1]['query']} ok", "category": "code"})
    kept, dropped = tmp_path / "out" / "kept.jsonl", tmp_path / "dropped.jsonl"
    found = call("data", "dedupe", file, "--output-file", kept, "--dropped-file", dropped)
    assert found.status == 0
    assert read(kept) == rows
    assert [(row["line"], row["kind"], row["kept_line"]) for row in read(dropped)] == [
        (61, "exact", 1),
        (62, "near", 2),
    ]
    assert found.stderr.startswith(f"60 rows kept in {kept}, 1 exact and 1 near duplicates dropped")


def test_dedupe_drops_what_another_file_has(tmp_path: Path, file: Path) -> None:
    rows = read(file)
    test = write(tmp_path / "test.jsonl", *rows[:5])
    kept = tmp_path / "kept.jsonl"
    assert call("data", "dedupe", file, "--output_file", kept, "--against", test).status == 0
    assert read(kept) == rows[5:]


def test_an_input_is_never_overwritten(file: Path) -> None:
    before = file.read_bytes()
    found = call("data", "dedupe", file, "--output-file", file)
    assert found.status == 1
    assert "is an input file and would be overwritten" in found.error
    assert file.read_bytes() == before


def test_split_writes_three_parts_with_all_fields(tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "parts"
    found = call("data", "split", file, "--output-dir", folder, "--validation-share", 0.2, "--test-share", 0.2)
    assert found.status == 0
    parts = {name: read(folder / f"{name}.jsonl") for name in ("train", "validation", "test")}
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 36, "validation": 12, "test": 12}
    together = [json.dumps(row) for rows in parts.values() for row in rows]
    assert sorted(together) == sorted(json.dumps(row) for row in read(file))
    assert "wrote 36 train, 12 validation, 12 test rows" in found.stderr


def test_split_explains_shares_out_of_range(tmp_path: Path, file: Path) -> None:
    found = call("data", "split", file, "--output-dir", tmp_path, "--test-share", 1.5)
    assert found.status == 1
    assert "command line: key 'test_share'" in found.error


def test_probe_prints_a_table_or_json(file: Path) -> None:
    text = call("data", "probe", file).stdout
    assert text.startswith("length and punctuation alone: balanced accuracy ")
    figures = json.loads(call("data", "probe", file, "--json").stdout)
    assert figures["low"] <= figures["balanced_accuracy"] <= figures["high"]
    assert f"{figures['balanced_accuracy']:.3f}" in text


def test_label_errors_lists_suspects_and_writes_them_with_their_fields(tmp_path: Path, file: Path) -> None:
    rows = read(file)
    rows[4]["category"] = "math"
    write(file, *rows)
    output = tmp_path / "suspects.jsonl"
    found = call("data", "label-errors", file, "--output-file", output, "--most", 1)
    assert found.status == 0
    first = read(output)[0]
    assert (first["line"], first["suggested"], first["mood"]) == (5, "code", "calm")
    assert found.stdout.splitlines()[-1].split()[:3] == ["5", "math", "code"]
    assert json.loads(call("data", "label_errors", file, "--json").stdout)["suspects"][0]["line"] == 5


def test_report_fails_for_a_missed_goal_only_when_it_is_strict(tmp_path: Path, file: Path) -> None:
    other = write(tmp_path / "other.jsonl", *read(file)[:3])
    found = call("data", "report", file, "--against", other)
    assert found.status == 0
    assert f"rows that {other} has too, nearly: 3" in found.stdout
    strict = call("data", "report", file, "--against", other, "--strict", "--json")
    assert strict.status == 1
    figures = json.loads(strict.stdout)
    assert figures["categories"]["math"]["rows"] == 30
    assert figures["overlaps"][0]["rows"] == 3


def test_report_is_content_with_a_file_that_meets_every_goal(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", {"query": "why is the sea salty", "category": "science"})
    assert call("data", "report", file, "--strict").status == 0


def test_fetch_reads_copies_and_names_each_source(tmp_path: Path) -> None:
    place = tmp_path / "hub" / "tau" / "commonsense_qa"
    place.mkdir(parents=True)
    write(place / "train.jsonl", {"question": "Where does a wet umbrella go?"}, {"question": "Who mends a torn sail?"})
    output = tmp_path / "public.jsonl"
    found = call(
        "data", "fetch", "--source", "commonsenseqa", "--source-dir", tmp_path / "hub", "--output-file", output
    )
    assert found.status == 0
    assert [(row["category"], row["source"], row["licence"]) for row in read(output)] == [
        ("commonsense", "commonsenseqa", "MIT")
    ] * 2
    assert found.stderr.splitlines()[0].split() == ["commonsenseqa", "2"]


@pytest.mark.parametrize("command", ["dedupe", "split", "probe", "label-errors", "report"])
def test_a_missing_file_is_named(tmp_path: Path, command: str) -> None:
    options = {"dedupe": ["--output-file", tmp_path / "o"], "split": ["--output-dir", tmp_path / "o"]}
    found = call("data", command, tmp_path / "gone.jsonl", *options.get(command, []))
    assert found.status == 1
    assert "gone.jsonl: cannot be read" in found.error


def test_listing_the_commands_loads_no_heavy_library() -> None:
    assert set(data.commands) == {"validate", "dedupe", "split", "probe", "label-errors", "report", "fetch"}
    assert not loaded_by("import routerkit_training.data.cli") & {"torch", "sklearn", "scipy", "datasets", "pandas"}


def test_validate_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path, file: Path) -> None:
    found = call("data", "validate", tmp_path / "gone.jsonl", file)
    assert found.status == 1
    first, second = found.stderr.splitlines()
    assert first.startswith(f"error: {tmp_path / 'gone.jsonl'}: cannot be read")
    assert second == f"{file}: 60 rows, 0 faulty, 0 repeated"


def test_validate_asks_for_labels_where_none_are_named(file: Path) -> None:
    found = call("data", "validate", file, "--categories", " ,")
    assert found.status == 2
    assert "--categories: names no label" in found.error


def test_two_outputs_do_not_share_a_file(tmp_path: Path, file: Path) -> None:
    output = tmp_path / "out.jsonl"
    found = call("data", "dedupe", file, "--output-file", output, "--dropped-file", output)
    assert found.status == 1
    assert "is named for two outputs" in found.error
    assert not output.exists()
