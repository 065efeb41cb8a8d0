"""`routerkit cross-validate`, and a confidence fitted to what it found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from routerkit_training.predictions import read_predictions
from routerkit_training.train import train_router

from routerkit import artefact
from routerkit.errors import DataError
from tests.cli import call
from tests.training.support import obvious_rows, quick_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def sourced_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The obvious rows, each category from two sources."""
    path = tmp_path_factory.mktemp("sourced") / "rows.jsonl"
    lines = [
        json.dumps({"query": row.query, "category": row.category, "source": f"{row.category}-{number % 2}"})
        for number, row in enumerate(obvious_rows(20))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def folds(sourced_file: Path, tiny_distilbert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command printed, and where it wrote."""
    folder = tmp_path_factory.mktemp("folds")
    arguments = ["--train-data", sourced_file, "--output-dir", folder, "--folds", 2, "--epochs", 12, "--batch-size", 4]
    arguments += ["--base-model", tiny_distilbert_folder, "--learning-rate", 0.005, "--precision", "fp32"]
    arguments += ["--max-tokens", 32, "--patience", 12, "--json"]
    found = call("cross-validate", *arguments)
    assert found.status == 0, found.stderr
    return {"report": json.loads(found.stdout), "folder": folder, "arguments": arguments}


def test_every_fold_is_measured_on_rows_it_did_not_learn_from(folds: dict[str, Any]) -> None:
    report = folds["report"]
    assert [found["n"] for found in report["folds"]] == [30, 30]
    assert sorted(name for found in report["folds"] for name in found["sources"]) == [
        "code-0", "code-1", "general-0", "general-1", "math-0", "math-1"
    ]  # fmt: skip
    low, high = report["accuracy_interval"]
    assert low < report["mean"]["accuracy"] < high
    assert report["mean"]["accuracy"] > 0.6


def test_a_finished_fold_is_not_trained_again(folds: dict[str, Any]) -> None:
    manifest = folds["folder"] / "fold-0" / artefact.MANIFEST
    before = manifest.stat().st_mtime_ns
    again = call("cross-validate", *folds["arguments"])
    assert json.loads(again.stdout) == folds["report"]
    assert manifest.stat().st_mtime_ns == before


def test_the_table_names_the_folds_and_the_next_step(folds: dict[str, Any]) -> None:
    found = call("cross-validate", *folds["arguments"][:-1])
    first, second, mean = found.stdout.splitlines()
    assert first.startswith("fold 0: accuracy ")
    assert "unseen: " in second
    assert "95 % interval" in mean
    assert "routerkit train --unseen" in found.stderr


def test_the_predictions_hold_no_text_and_give_back_the_confidence(folds: dict[str, Any]) -> None:
    path = folds["folder"] / "unseen.jsonl"
    assert "query" not in path.read_text(encoding="utf-8")
    predicted = read_predictions(path, ["math", "general", "code"])
    assert predicted.logits.shape == (60, 3)
    right = predicted.logits.argmax(axis=1) == predicted.truth
    total = sum(found["n"] * found["accuracy"] for found in folds["report"]["folds"])
    assert right.sum() == pytest.approx(total)


def test_the_confidence_of_a_router_is_fitted_to_unseen_sources_as_well(
    folds: dict[str, Any], sourced_file: Path, tiny_distilbert_folder: Path, tmp_path: Path
) -> None:
    def temperature(name: str, **changes: Any) -> float:
        settings = quick_settings(sourced_file, tmp_path / name, tiny_distilbert_folder, epochs=1, **changes)
        return train_router(settings).manifest.temperature

    assert temperature("alone") != temperature("fitted", unseen=folds["folder"] / "unseen.jsonl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"category": "math", "logits": {"math": 1.0}}', "line 1: expected logits of"),
        ('{"category": "math"}', "line 1: expected logits of"),
        ("\n", "holds no predictions"),
    ],
)
def test_a_file_that_holds_other_things_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "unseen.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_predictions(path, ["math", "code"])
