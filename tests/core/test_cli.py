"""`routerkit route`, and what all commands have in common."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from routerkit import errors
from routerkit.cli import COMMANDS
from routerkit.router import Router
from tests.cli import call

_KEYS = ["category", "confidence", "route", "reason", "ood_score", "probabilities"]
_PROGRAM = [sys.executable, "-c", "from routerkit.cli import main; main()"]


def test_route_prints_json_that_begins_with_category_and_confidence(tiny_router_folder: Path) -> None:
    found = call("route", "What is 2+2?", "--model", tiny_router_folder)
    decision = json.loads(found.stdout)
    assert (found.status, found.stderr) == (0, "")
    assert found.stdout.startswith(f'{{"category": "{decision["category"]}", "confidence": 0.')
    assert list(decision) == _KEYS
    assert found.stdout.count("\n") == 1


def test_route_says_what_the_router_says(tiny_router_folder: Path) -> None:
    expected = Router.from_pretrained(tiny_router_folder).route_query("what is the atom")
    found = call("route", "what is the atom", "--model", tiny_router_folder)
    assert found.stdout == expected.to_json() + "\n"


def test_route_shows_a_table_at_a_terminal(tiny_router_folder: Path) -> None:
    decision = Router.from_pretrained(tiny_router_folder).route_query("sum")
    first, *bars = call("route", "sum", "--model", tiny_router_folder, terminal=True).stdout.splitlines()
    assert first.startswith(f"{decision.category}  {decision.confidence:.2f}  ->  {decision.route}")
    assert [bar.split()[0] for bar in bars] == sorted(
        decision.probabilities, key=lambda name: -decision.probabilities[name]
    )


def test_route_prints_json_at_a_terminal_when_asked_to(tiny_router_folder: Path) -> None:
    found = call("route", "sum", "--json", "--model", tiny_router_folder, terminal=True)
    assert list(json.loads(found.stdout)) == _KEYS


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_without_a_query_standard_input_is_the_query(tiny_router_folder: Path, arguments: list[str]) -> None:
    expected = call("route", "is it the sum", "--model", tiny_router_folder)
    found = call("route", *arguments, "--model", tiny_router_folder, stdin=b"is it\nthe sum\n")
    assert found == expected


def test_without_a_query_at_a_terminal_the_error_shows_how_to_give_one(tiny_router_folder: Path) -> None:
    found = call("route", "--model", tiny_router_folder, terminal=True)
    assert found.status == 2
    assert 'routerkit route "What is 2+2?"' in found.error


def test_a_threshold_decides_between_specialist_and_fallback(tiny_router_folder: Path) -> None:
    strict = json.loads(call("route", "sum", "--threshold", "1", "--model", tiny_router_folder).stdout)
    loose = json.loads(call("route", "sum", "--threshold", "0", "--model", tiny_router_folder).stdout)
    assert (strict["route"], strict["reason"]) == ("general", "low_confidence")
    assert (loose["route"], loose["reason"]) == (loose["category"], "confident")


def test_the_configuration_names_the_router_and_options_win_over_it(tiny_router_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text(f"router_config:\n  model_path: {tiny_router_folder}\n  confidence_threshold: 1.0\n")
    from_file = json.loads(call("route", "sum", "--config", config).stdout)
    from_option = json.loads(call("route", "sum", "--config", config, "--threshold", "0").stdout)
    assert (from_file["reason"], from_option["reason"]) == ("low_confidence", "confident")


def test_the_fallback_of_the_configuration_is_used(tiny_router_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text(
        f"fallback: science\nrouter_config:\n  model_path: {tiny_router_folder}\n  confidence_threshold: 1.0\n"
    )
    assert json.loads(call("route", "sum", "--config", config).stdout)["route"] == "science"


@pytest.mark.parametrize("query", ["", "  \n "])
def test_an_empty_query_is_refused(tiny_router_folder: Path, query: str) -> None:
    found = call("route", query, "--model", tiny_router_folder)
    assert (found.status, found.stdout) == (1, "")
    assert found.error == "error: the query is empty; pass at least one visible character"


def test_empty_standard_input_is_refused(tiny_router_folder: Path) -> None:
    found = call("route", "--model", tiny_router_folder)
    assert found.status == 1
    assert "the query is empty" in found.error


def test_a_query_of_100_000_characters_is_refused_with_both_numbers(tiny_router_folder: Path) -> None:
    found = call("route", "sum " * 25_000, "--model", tiny_router_folder)
    assert found.status == 1
    assert "100,000 characters, 32,768 are allowed" in found.error


def test_a_configuration_may_allow_longer_queries(tiny_router_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "long.yaml"
    config.write_text("router_config: {max_query_chars: 100000}\n")
    found = call("route", "--config", config, "--model", tiny_router_folder, stdin=b"sum " * 25_000)
    assert (found.status, found.stderr) == (0, "")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not UTF-8 text"),
        (b"ELF\x00\x01\x02\x03", "binary data"),
    ],
)
def test_binary_input_is_refused(tiny_router_folder: Path, data: bytes, told: str) -> None:
    found = call("route", "--model", tiny_router_folder, stdin=data)
    assert found.status == 1
    assert told in found.error


def test_a_flipped_byte_in_the_artefact_is_found(tiny_router_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_router_folder, folder)
    graph = folder / "onnx" / "model_int8.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    found = call("route", "sum", "--model", folder)
    assert (found.status, found.stdout) == (1, "")
    assert f"{graph}: is damaged or was changed" in found.error


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("./nowhere", "nowhere: no such folder; give the folder that `routerkit train` wrote, or 'starter'"),
        ("nobody/nothing", "nobody/nothing: is no folder here and could not be fetched from the hub"),
    ],
)
def test_a_missing_artefact_is_named(model: str, told: str) -> None:
    found = call("route", "sum", "--model", model)
    assert found.status == 1
    assert told in found.error


def test_a_folder_without_a_manifest_is_no_artefact(tmp_path: Path) -> None:
    found = call("route", "sum", "--model", tmp_path)
    assert found.status == 1
    assert "not a routerkit artefact" in found.error


def test_an_unknown_configuration_lists_the_shipped_ones() -> None:
    found = call("route", "sum", "--config", "nonsense")
    assert found.status == 1
    assert "no configuration 'nonsense'" in found.error
    assert "offline" in found.error


def test_a_wrong_device_names_the_option() -> None:
    found = call("route", "sum", "--device", "abacus")
    assert found.status == 1
    assert "command line: key 'device'" in found.error


def test_an_unknown_command_is_named() -> None:
    found = call("frobnicate")
    assert found.status == 2
    assert "No such command 'frobnicate'" in found.error
    assert "routerkit --help" in found.error


def test_an_unknown_option_is_named_with_its_command() -> None:
    found = call("route", "sum", "--tempo", "3")
    assert found.status == 2
    assert "No such option" in found.error
    assert "--tempo" in found.error
    assert "routerkit route --help" in found.error


@pytest.mark.parametrize("threshold", ["abc", "1.5"])
def test_an_option_of_the_wrong_type_or_range_is_refused(threshold: str) -> None:
    found = call("route", "sum", "--threshold", threshold)
    assert found.status == 2
    assert "--threshold" in found.error
    assert threshold in found.error


def test_without_a_command_the_commands_are_listed() -> None:
    found = call()
    assert found.status == 2
    assert all(name in found.stderr for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    found = call(name, "--help")
    assert (found.status, found.stderr) == (0, "")
    assert f"Usage: routerkit {name}" in found.stdout


def test_help_lists_every_command_with_a_line_of_its_own() -> None:
    found = call("-h")
    assert found.status == 0
    for name, (_, text) in COMMANDS.items():
        assert any(line.split()[:1] == [name] and text[:30] in line for line in found.stdout.splitlines()), name


def test_the_version_is_printed() -> None:
    from routerkit import __version__

    assert __version__ in call("--version").stdout


def test_options_may_be_spelled_with_underscores(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "sum", "category": "math"}\n')
    dashes = call("evaluate", "--test-file", rows, "--model", tiny_router_folder)
    underscores = call("evaluate", "--test_file", rows, "--model", tiny_router_folder)
    assert dashes.status == 0
    assert underscores == dashes


@pytest.mark.parametrize(("command", "extra"), [("train", "train"), ("export", "local")])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    command: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "onnx" else name)
    found = call(command, "--help")
    assert found.status == 1
    assert found.error == (
        f'error: this needs onnx, which is not installed; install it with: pip install "routerkit[{extra}]"'
    )


def test_a_gpu_without_torch_names_the_extra(tiny_router_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "torch" else name)
    found = call("route", "sum", "--device", "cuda", "--model", tiny_router_folder)
    assert found.status == 1
    assert 'pip install "routerkit[local]"' in found.error


def test_an_interrupt_ends_with_the_status_that_shells_expect(
    tiny_router_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(Router, "route_query", interrupted)
    found = call("route", "sum", "--model", tiny_router_folder)
    assert (found.status, found.stdout, found.stderr.strip()) == (130, "", "")


def test_the_program_runs_as_a_process_of_its_own_outside_the_checkout(
    tiny_router_folder: Path, tmp_path: Path
) -> None:
    command = [*_PROGRAM, "route", "what is the sum", "--model", str(tiny_router_folder)]
    good = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert list(json.loads(good.stdout)) == _KEYS
    assert good.stderr == ""


def test_a_reader_that_goes_away_is_no_failure(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "what is the sum"}\n' * 2_000)
    command = [*_PROGRAM, "batch", "--input-file", str(rows), "--model", str(tiny_router_folder)]
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        found = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_a_query_that_begins_with_a_dash_is_told_where_to_go(tiny_router_folder: Path) -> None:
    found = call("route", "-5 + 3", "--model", tiny_router_folder)
    assert found.status == 2
    assert "Text that begins with a dash goes behind --. See: routerkit route --help" in found.error
    assert call("route", "--model", tiny_router_folder, "--", "-5 + 3").status == 0


def test_a_file_in_place_of_a_router_is_called_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("weights")
    found = call("route", "sum", "--model", tmp_path / "model.bin")
    assert found.status == 1
    assert "model.bin: is a file; give the folder" in found.error


def test_an_empty_name_of_a_configuration_is_not_the_default_one() -> None:
    found = call("route", "sum", "--config", "")
    assert found.status == 1
    assert "there is no configuration ''" in found.error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_output_that_cannot_be_written_is_an_error_of_one_line(tiny_router_folder: Path) -> None:
    command = [*_PROGRAM, "route", "sum", "--model", str(tiny_router_folder)]
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr == (
        "error: standard input or output failed (No space left on device); mend that, and call again\n"
    )


@pytest.mark.parametrize(("closed", "status"), [("<&-", 1), (">&-", 0), ("2>&-", 0)])
def test_streams_that_the_caller_closed_are_no_crash(tiny_router_folder: Path, closed: str, status: int) -> None:
    query = [] if closed == "<&-" else ["sum"]
    command = shlex.join([*_PROGRAM, "route", *query, "--model", str(tiny_router_folder)])
    found = subprocess.run(f"{command} {closed}", shell=True, capture_output=True, text=True, check=False)
    assert found.returncode == status
    assert found.stderr == ("error: the query is empty; pass at least one visible character\n" if status else "")


def test_a_reader_of_the_help_may_go_away_too() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        found = subprocess.run([*_PROGRAM, "--help"], stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_a_file_that_the_system_refuses_is_named(tiny_router_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", "place")

    monkeypatch.setattr(Router, "route_query", refused)
    found = call("route", "sum", "--model", tiny_router_folder)
    assert found.status == 1
    assert found.error.startswith("error: place: Permission denied; check the path")
