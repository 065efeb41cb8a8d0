"""Categories are taken out of a router without training."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from routerkit_training.remove import remove_categories

from routerkit import artefact
from routerkit.config import RouterConfig
from routerkit.errors import ConfigError
from routerkit.export.checkpoint import write_outside_head
from routerkit.export.graph import OutsideHead
from routerkit.router import Router
from tests.cli import call
from tests.training.support import obvious_rows

if TYPE_CHECKING:
    from pathlib import Path

_EXACT = RouterConfig(precision="fp32")


def test_the_other_categories_are_judged_as_before(trained: artefact.Artefact, tmp_path: Path) -> None:
    made = remove_categories(str(trained.path), ["code"], tmp_path / "fewer")
    assert made.manifest.categories == ["general", "math"]
    assert made.manifest.name == "fewer"
    before, after = (Router.from_pretrained(folder, config=_EXACT) for folder in (trained.path, made.path))
    for row in obvious_rows()[::4]:
        old, new = before.classify(row.query).probabilities, after.classify(row.query).probabilities
        # A difference of logits is what the head says; the temperature was fitted again.
        expected = np.log(old["math"] / old["general"]) * trained.manifest.temperature
        assert np.log(new["math"] / new["general"]) * made.manifest.temperature == pytest.approx(expected, abs=1e-3)


def test_its_reference_rows_go_and_the_figures_are_measured_again(trained: artefact.Artefact, tmp_path: Path) -> None:
    made = remove_categories(str(trained.path), ["code"], tmp_path / "fewer")
    lines = (made.path / artefact.REFERENCE).read_text(encoding="utf-8").splitlines()
    assert Counter(json.loads(line)["category"] for line in lines) == {"general": 20, "math": 20}
    assert made.manifest.metrics["validation"]["n"] == 6
    assert made.manifest.training["removed"] == ["code"]
    assert made.manifest.data == trained.manifest.data
    assert "**general, math**" in (made.path / artefact.CARD).read_text(encoding="utf-8")


def test_the_out_of_domain_score_stays(trained: artefact.Artefact, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(trained.path, source)
    head = OutsideHead(weight=np.linspace(-1, 1, 64, dtype=np.float32), bias=-0.5)
    write_outside_head(source, head)
    artefact.write_manifest(source, trained.manifest)
    made = remove_categories(str(source), ["math"], tmp_path / "fewer")
    assert artefact.file_digest(made.path / artefact.OUTSIDE_HEAD) == artefact.file_digest(
        source / artefact.OUTSIDE_HEAD
    )
    assert made.manifest.ood_threshold is not None


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["law"], r"does not know \['law'\]; it knows \['code', 'general', 'math'\]"),
        (["code", "math"], r"\['general'\] would be left .* at least two"),
    ],
)
def test_what_cannot_be_removed_is_explained(
    trained: artefact.Artefact, tmp_path: Path, names: list[str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        remove_categories(str(trained.path), names, tmp_path / "fewer")
    assert not (tmp_path / "fewer").exists()


def test_a_router_without_reference_rows_is_refused(tiny_router_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keeps no reference rows"):
        remove_categories(str(tiny_router_folder), ["code"], tmp_path / "fewer")


def test_the_command_removes_and_needs_no_rows(trained: artefact.Artefact, tmp_path: Path) -> None:
    arguments = ("train", "--from", trained.path, "--remove-category", "code", "--output-dir")
    found = call(*arguments, tmp_path / "fewer", "--target-harm", 0.2)
    assert found.status == 0
    manifest = artefact.read(tmp_path / "fewer").manifest
    assert manifest.categories == ["general", "math"]
    assert manifest.training["threshold"]["target_harm"] == 0.2
    again = call(*arguments, tmp_path / "fewer")
    assert again.status == 1
    assert "holds a router already" in again.error


def test_the_command_does_not_remove_and_train_at_once(trained: artefact.Artefact, tmp_path: Path) -> None:
    found = call("train", "--from", trained.path, "--remove-category", "code", "--output-dir", tmp_path / "fewer",
                 "--data", "rows.jsonl")  # fmt: skip
    assert found.status == 2
    assert "remove first, then add" in found.error
    assert call("train", "--remove-category", "code", "--output-dir", tmp_path / "fewer").status == 2
