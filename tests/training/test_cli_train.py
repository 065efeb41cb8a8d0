"""`routerkit train`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest
from routerkit_training.cli import train
from routerkit_training.settings import CONTINUED, TrainSettings

from routerkit import artefact
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path

_NOT_GIVEN = {"report_to", "add_category", "allow_regression"}
"""Lists and switches, for which click has no default but what not being given means."""


def test_a_router_trained_by_the_command_is_routed_with_and_measured(
    tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path
) -> None:
    folder = tmp_path / "router_model"
    arguments = ["--train_data", train_file, "--output_dir", folder, "--epochs", 14, "--batch_size", 4]
    arguments += ["--base-model", tiny_distilbert_folder, "--learning-rate", 0.005, "--precision", "fp32"]
    arguments += ["--max-tokens", 32, "--patience", 14, "--name", "mine"]
    found = call("train", *arguments)
    *_, wrote, advice = found.stderr.splitlines()
    assert found.status == 0
    assert wrote.startswith(f"wrote {folder}: accuracy ")
    assert wrote.endswith("on 9 validation rows")
    assert advice == f'try it: routerkit route --model "{folder}" "What is 2+2?"'
    assert artefact.read(folder).manifest.name == "mine"

    route = json.loads(call("route", "what is the sum here", "--model", folder).stdout)
    assert set(route["probabilities"]) == {"math", "code", "general"}
    figures = json.loads(call("evaluate", "--test-file", train_file, "--json", "--model", folder).stdout)
    assert figures["accuracy"] >= 0.8


def test_the_defaults_are_those_of_the_settings() -> None:
    defaults = {option.name: option.default for option in train.params}
    for name, field in TrainSettings.model_fields.items():
        if name in CONTINUED or name in _NOT_GIVEN or name not in defaults or field.is_required():
            continue
        if field.default is not None:
            assert defaults[name] == field.default, name


def test_both_defaults_of_an_option_that_has_two_are_shown() -> None:
    shown = {option.name: option for option in train.params if isinstance(option, click.Option)}
    for name, value in CONTINUED.items():
        if name in shown:
            assert shown[name].show_default == f"{TrainSettings.model_fields[name].default}; {value} with --from"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--epochs", "0"), ("--batch-size", "-1"), ("--max-tokens", "3"), ("--learning-rate", "0"),
     ("--label-smoothing", "1")],
)  # fmt: skip
def test_a_setting_out_of_range_is_named(tmp_path: Path, train_file: Path, option: str, value: str) -> None:
    found = call("train", "--train-data", train_file, "--output-dir", tmp_path / "router", option, value)
    assert found.status == 1
    assert f"command line: key '{option.strip('-').replace('-', '_')}'" in found.error
    assert not (tmp_path / "router").exists()


def test_a_setting_of_the_wrong_type_is_named(tmp_path: Path, train_file: Path) -> None:
    found = call("train", "--train-data", train_file, "--output-dir", tmp_path / "router", "--epochs", "many")
    assert found.status == 2
    assert "'many' is not a valid integer" in found.error


def test_a_required_option_is_asked_for(tmp_path: Path) -> None:
    found = call("train", "--output-dir", tmp_path / "router")
    assert found.status == 2
    assert "Missing option '--train-data'" in found.error


def test_a_base_model_and_a_router_to_continue_exclude_each_other(tmp_path: Path, train_file: Path) -> None:
    arguments = ["--train-data", train_file, "--output-dir", tmp_path / "router", "--from", "a", "--base-model", "b"]
    found = call("train", *arguments)
    assert found.status == 1
    assert "not both" in found.error


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b'{"query": "a", "category": "x"}\n{"query": "b"\n', "line 2: is not valid JSON"),
        (b'{"query": "a", "category": "x"}\n', "a router needs at least two"),
        (b"\x89PNG\r\n\x1a\n\x00", "is not UTF-8 text"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_explained(tmp_path: Path, content: bytes, told: str) -> None:
    rows = tmp_path / "train.jsonl"
    rows.write_bytes(content)
    found = call("train", "--train-data", rows, "--output-dir", tmp_path / "router")
    assert found.status == 1
    assert str(rows) in found.error
    assert told in found.error


def test_a_missing_file_of_rows_is_named(tmp_path: Path) -> None:
    found = call("train", "--train-data", tmp_path / "nowhere.jsonl", "--output-dir", tmp_path / "router")
    assert found.status == 1
    assert "nowhere.jsonl: cannot be read (No such file or directory)" in found.error


def test_a_base_model_that_is_not_there_is_named(tmp_path: Path, train_file: Path) -> None:
    arguments = ["--train-data", train_file, "--output-dir", tmp_path / "router", "--base-model", "./nowhere"]
    found = call("train", *arguments)
    assert found.status == 1
    assert "base model './nowhere' cannot be loaded" in found.stderr
