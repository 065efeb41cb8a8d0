"""The model card states recorded facts, all of them, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml
from routerkit_training.card import render_card

from routerkit.artefact import CARD
from routerkit.manifest import BaseModelInfo

if TYPE_CHECKING:
    from routerkit.artefact import Artefact


def test_the_card_in_the_folder_is_the_one_of_its_manifest(trained: Artefact) -> None:
    assert (trained.path / CARD).read_text(encoding="utf-8") == render_card(trained.manifest)


def test_every_fact_is_there(trained: Artefact) -> None:
    manifest, card = trained.manifest, render_card(trained.manifest)
    figures = manifest.metrics["validation"]
    facts = [
        f"# {manifest.name}: a query router",
        ", ".join(manifest.categories),
        manifest.base_model.name,
        str(manifest.base_model.sha256),
        manifest.base_model.licence,
        manifest.created,
        manifest.routerkit_version,
        f"Temperature {manifest.temperature:.3f}",
        f"threshold {manifest.confidence_threshold:.2f}",
        f"at most {manifest.max_tokens} tokens",
        *(f"{key} {manifest.training[key]}" for key in ("epochs", "batch_size", "learning_rate", "seed", "bf16")),
        *(f"| {item.name} | {item.role} | {item.rows} | {item.licence} |" for item in manifest.data),
        *(item.sha256[:16] for item in manifest.data),
        f"| validation | {figures['n']} | {figures['accuracy']:.4f} | {figures['macro_f1']:.4f} |",
        *(f"`{graph.path}` ({precision})" for precision, graph in manifest.graphs.items()),
    ]
    assert [fact for fact in facts if fact not in card] == []


def test_no_missing_fact_is_printed_as_python(trained: Artefact) -> None:
    without = BaseModelInfo(name="somewhere/some-model")
    figures = {**trained.manifest.metrics["validation"], "recall": None}
    bare = trained.manifest.model_copy(update={"base_model": without, "metrics": {"validation": figures}})
    for card in (render_card(trained.manifest), render_card(bare)):
        assert not re.search(r"\b(None|nan|NaN|inf|null)\b", card)
        assert "{" not in card
    assert "| - |" in render_card(bare)


def test_the_front_matter_is_what_the_hub_reads(trained: Artefact) -> None:
    _, front, body = render_card(trained.manifest).split("---\n", 2)
    assert yaml.safe_load(front)["pipeline_tag"] == "text-classification"
    assert body.lstrip().startswith("# my_router")


def test_the_tables_are_whole(trained: Artefact) -> None:
    tables = [line for line in render_card(trained.manifest).splitlines() if line.startswith("|")]
    widths = [line.count("|") for line in tables]
    assert set(widths) == {6, 11}
    assert len(tables) == 2 + len(trained.manifest.data) + 2 + 1


def test_the_limits_name_the_categories(trained: Artefact) -> None:
    assert "belongs to none of code, general, math" in render_card(trained.manifest)
