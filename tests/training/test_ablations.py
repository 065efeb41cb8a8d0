"""Ablations: paired runs on the same rows, kept so that they are not repeated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from routerkit_training import ablations as module
from routerkit_training.ablations import compare

from tests.training.support import obvious_rows, write_rows

if TYPE_CHECKING:
    from pathlib import Path


def test_a_difference_is_paired_row_by_row() -> None:
    base = [{"unseen": [True, True, False, False]}]
    changed = [{"unseen": [True, True, True, False]}]
    figures = compare(base, changed)
    assert figures["unseen"] == 0.75
    assert figures["unseen, difference"][0] == 0.25
    low, high = figures["unseen, difference"][1:]
    assert low < 0.25 < high


def test_the_base_does_not_differ_from_itself() -> None:
    base = [{"unseen": [True, False]}, {"unseen": [True]}]
    assert compare(base, base)["unseen, difference"][0] == 0.0


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_distilbert_folder: Path) -> Any:
    """The command on rows that one word gives away."""
    rows = obvious_rows(25)
    sourced = [
        {"query": row.query, "category": row.category, "source": f"{row.category}-{number % 2}"}
        for number, row in enumerate(rows[0::3])
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, sourced)), encoding="utf-8")
    corpus = {"train": write_rows(tmp_path / "corpus.jsonl", rows[1::3])}
    corpus["dev"] = write_rows(tmp_path / "dev.jsonl", rows[2::3])
    small = {"batch_size": 4, "learning_rate": 5e-3, "max_tokens": 32, "precision": "fp32"}
    monkeypatch.setattr(module, "part_path", corpus.__getitem__)
    monkeypatch.setattr(module, "RECIPE", small)
    monkeypatch.setattr(module, "ROWS", 40)
    monkeypatch.setattr(module, "FOLDS", 2)
    arguments = ["--data", tmp_path, "--encoder", tiny_distilbert_folder, "--output-dir", tmp_path / "runs"]

    def run(*more: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(module.ablations, [*map(str, arguments), *more], catch_exceptions=False)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"variant"')]

    return run


def test_every_variant_is_compared_with_the_base_on_unseen_sources_and_writers(command: Any) -> None:
    base, other = command("--variant", "dropout and R-Drop")
    assert (base["variant"], other["variant"]) == ("base", "dropout and R-Drop")
    assert base["unseen sources, difference"][0] == 0.0
    for kind in ("unseen sources", "unseen writers"):
        assert 0.0 <= other[kind] <= 1.0
        assert -1.0 <= other[f"{kind}, difference"][1] <= other[f"{kind}, difference"][2] <= 1.0


def test_finished_runs_are_not_repeated(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = command("--variant", "base")
    assert len(list((tmp_path / "runs").glob("base-*-0.json"))) == 2
    monkeypatch.setattr(module, "fine_tune", None)
    assert command("--variant", "base") == first
