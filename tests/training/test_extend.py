"""Going on from a router: nothing is forgotten, and categories come in."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError
from routerkit_training.encoder import load_router, with_labels
from routerkit_training.extend import MIN_NEW_ROWS, continue_from
from routerkit_training.fine_tune import SoftLabelTrainer
from routerkit_training.new_head import imprint, place_border
from routerkit_training.regression import Comparison, predict
from routerkit_training.settings import CONTINUED, TrainSettings
from routerkit_training.train import train_router

from routerkit import artefact
from routerkit.errors import ConfigError, DataError
from routerkit.export.checkpoint import read_outside_head
from routerkit.router import Router
from routerkit.rows import Row
from routerkit.tokenization import QueryTokenizer
from tests.cli import call
from tests.training.support import obvious_rows, quick_settings, write_rows

if TYPE_CHECKING:
    from pathlib import Path

_FRAMES = ("the {} of it", "is a {} here", "my {} now", "{} please", "which {} is it")
_LEGAL = [Row(query=frame.format(word), category="legal") for word in ("judge", "jury", "bail", "sue", "jail")
          for frame in _FRAMES]  # fmt: skip


@pytest.fixture
def legal_file(tmp_path: Path) -> Path:
    """25 rows of a category that the trained router does not know."""
    return write_rows(tmp_path / "legal.jsonl", _LEGAL)


def _settings(data: Path, output_dir: Path, source: Path, **changes: Any) -> TrainSettings:
    usual = {"from_router": str(source), "epochs": 1, "learning_rate": 3e-3}
    return quick_settings(data, output_dir, "starter", **(usual | changes))


def test_a_category_is_added_and_the_old_ones_are_kept(
    trained: artefact.Artefact, tmp_path: Path, legal_file: Path
) -> None:
    made = train_router(_settings(legal_file, tmp_path / "more", trained.path, add_category=["legal"]))
    router = Router.from_pretrained(made.path)
    assert router.categories == ["code", "general", "math", "legal"]
    found = router.route_batch([row.query for row in _LEGAL])
    assert sum(decision.category == "legal" for decision in found) >= 22
    old = router.route_batch([row.query for row in obvious_rows()])
    assert sum(d.category == row.category for d, row in zip(old, obvious_rows(), strict=True)) >= 54
    training = made.manifest.training
    assert training["added"] == ["legal"]
    assert training["old_categories"]["n"] == 9
    assert training["old_categories"]["after"] >= training["old_categories"]["before"] - 0.12
    names = [(item.name, item.role, item.rows) for item in made.manifest.data]
    assert names[:2] == [("train.jsonl", "train", 51), ("train.jsonl", "validation", 9)]
    assert names[2:] == [("legal.jsonl", "train", 21), ("legal.jsonl", "validation", 4)]


def test_the_new_router_keeps_old_and_new_rows_to_go_on_from(
    trained: artefact.Artefact, tmp_path: Path, legal_file: Path
) -> None:
    settings = _settings(legal_file, tmp_path / "more", trained.path, add_category=["legal"], epochs=1)
    made = train_router(settings.model_copy(update={"allow_regression": True}))
    lines = (made.path / artefact.REFERENCE).read_text(encoding="utf-8").splitlines()
    counts = Counter((row["role"], row["category"]) for row in map(json.loads, lines))
    assert counts[("train", "legal")] == 21
    assert counts[("validation", "legal")] == 4
    assert sum(counts.values()) == 60 + 25
    settings = _settings(legal_file, tmp_path / "again", made.path, epochs=1, allow_regression=True)
    assert train_router(settings).manifest.categories == ["code", "general", "math", "legal"]


@pytest.mark.parametrize(
    ("rows", "added", "told"),
    [
        ([*_LEGAL, Row(query="rose", category="garden")], ["legal"], r"has rows of \['garden'\], which the router"),
        (_LEGAL, [], r"Name a new category with --add-category"),
        (_LEGAL[: MIN_NEW_ROWS - 1], ["legal"], r"too few different rows of new categories, {'legal': 19}.* least 20"),
        ([_LEGAL[0]] * 30, ["legal"], r"{'legal': 1}"),
        (_LEGAL, ["legal", "garden"], r"{'garden': 0}"),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_anything_is_written(
    trained: artefact.Artefact, tmp_path: Path, rows: list[Row], added: list[str], told: str
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", rows)
    with pytest.raises(DataError, match=told):
        train_router(_settings(data, tmp_path / "more", trained.path, add_category=added))
    assert not (tmp_path / "more").exists()


def test_a_category_that_is_there_already_is_not_added(trained: artefact.Artefact, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", obvious_rows())
    with pytest.raises(ConfigError, match=r"the router knows \['math'\] already.*learnt as corrections"):
        train_router(_settings(data, tmp_path / "more", trained.path, add_category=["math"]))


def test_a_router_without_reference_rows_says_so(tiny_router_folder: Path, tmp_path: Path, legal_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"keeps no reference rows .*--no-replay"):
        train_router(_settings(legal_file, tmp_path / "more", tiny_router_folder, add_category=["legal"]))


@pytest.mark.parametrize("changes", [{"from_router": None}, {"replay": False}, {"add_category": ["a", "a"]}])
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    usual = {"train_data": tmp_path, "output_dir": tmp_path, "from_router": "starter", "add_category": ["a"]}
    with pytest.raises(ValidationError, match=r"--from|once"):
        TrainSettings.model_validate(usual | changes)


def test_a_continued_router_has_defaults_of_its_own(tmp_path: Path) -> None:
    usual = {"train_data": tmp_path, "output_dir": tmp_path, "epochs": None}
    fresh = TrainSettings.model_validate(usual)
    assert fresh.epochs == TrainSettings.model_fields["epochs"].default
    continued = TrainSettings.model_validate(usual | {"from_router": "starter", "learning_rate": 1e-5})
    assert (continued.epochs, continued.learning_rate) == (CONTINUED["epochs"], 1e-5)
    alone = TrainSettings.model_validate(usual | {"from_router": "starter", "replay": False})
    assert alone.epochs == fresh.epochs


def test_a_correction_replaces_the_reference_row_and_is_never_held_out(
    trained: artefact.Artefact, tmp_path: Path
) -> None:
    wrong = obvious_rows()[0]
    corrected = Row(query=f"{wrong.query.upper()}?", category="math")
    data = write_rows(tmp_path / "corrections.jsonl", [corrected])
    found = continue_from(_settings(data, tmp_path / "more", trained.path), str(trained.path))
    labels = [row.category for row in found.splits.train + found.splits.validation
              if row.query.casefold().rstrip("?") == wrong.query]  # fmt: skip
    assert labels == ["math"]
    assert corrected in found.splits.train
    assert found.n_new == (1, 0)
    assert (
        len(
            [
                row
                for row in found.fresh
                if row.category == "math" and set(row.query.split()) <= {*corrected.query.split()}
            ]
        )
        == 15
    )
    assert len(found.splits.train) + len(found.splits.validation) == 60
    assert all(row.category in {"code", "general", "math"} for row in found.checked)


def test_every_category_is_shown_about_as_often(trained: artefact.Artefact, tmp_path: Path, legal_file: Path) -> None:
    settings = _settings(legal_file, tmp_path / "more", trained.path, add_category=["legal"])
    found = continue_from(settings, str(trained.path))
    assert {row.category for row in found.fresh} == {"legal"}
    counts = Counter(row.category for row in found.replayed + found.fresh)
    assert counts["code"] == counts["general"] == counts["math"] == 17 * 5  # five rounds of all there are
    assert counts["legal"] == 21 * 11 * 5  # as near to twice 120 a round as whole repeats come


def test_a_new_row_of_the_head_prefers_its_own_examples(
    trained: artefact.Artefact, tmp_path: Path, legal_file: Path
) -> None:
    found = continue_from(
        _settings(legal_file, tmp_path / "more", trained.path, add_category=["legal"]), str(trained.path)
    )
    encoder = found.start()
    before = encoder.model.classifier.weight.detach().clone()
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=32)
    imprint(encoder, tokenizer, found)
    after = encoder.model.classifier.weight.detach()
    assert torch.equal(after[:3], before[:3])
    assert float(after[3].norm()) == pytest.approx(float(before[:3].norm(dim=1).mean()), rel=1e-5)

    def score(query: str) -> float:
        with torch.inference_mode():
            return float(encoder.model(input_ids=torch.tensor([tokenizer.encode(query)])).logits[0, 3])

    own = sum(score(row.query) for row in _LEGAL) / len(_LEGAL)
    others = sum(score(row.query) for row in obvious_rows()) / len(obvious_rows())
    assert own > others


def test_labels_keep_their_rows_of_the_head(trained: artefact.Artefact) -> None:
    encoder = load_router(str(trained.path))
    changed = with_labels(encoder, ["math", "new", "code"])
    assert changed.labels == ["math", "new", "code"]
    old, new = encoder.model.classifier, changed.model.classifier
    assert torch.equal(new.weight, torch.stack([old.weight[2], torch.zeros(32), old.weight[0]]))
    assert torch.equal(new.bias, torch.stack([old.bias[2], torch.zeros(()), old.bias[0]]))


def test_a_router_that_got_worse_is_not_written_until_that_is_allowed(
    trained: artefact.Artefact, tmp_path: Path, legal_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Comparison, "is_worse", property(lambda _: True))
    settings = _settings(legal_file, tmp_path / "more", trained.path, add_category=["legal"], epochs=1)
    with pytest.raises(ConfigError, match=r"accuracy \d.\d{3} before, .* --allow-regression"):
        train_router(settings)
    assert not (tmp_path / "more" / artefact.MANIFEST).exists()

    def no_step(*_: object, **__: object) -> torch.Tensor:
        raise AssertionError("the finished run is trained again")

    monkeypatch.setattr(SoftLabelTrainer, "training_step", no_step)
    made = train_router(settings.model_copy(update={"allow_regression": True}))
    assert "legal" in made.manifest.categories
    assert not (made.path / "checkpoints").exists()


def test_the_out_of_domain_head_is_kept_and_its_threshold_fitted_again(
    tiny_outside_folder: Path, tmp_path: Path, legal_file: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(tiny_outside_folder, source)
    manifest = artefact.read(source).manifest
    names = manifest.categories
    lines = [{"query": f"{name} {role} {n}", "category": name, "also": [], "role": role}
             for name in names for role in ("train", "validation") for n in range(6)]  # fmt: skip
    (source / artefact.REFERENCE).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    artefact.write_manifest(source, manifest)
    settings = _settings(legal_file, tmp_path / "more", source, add_category=["legal"], epochs=1)
    made = train_router(settings.model_copy(update={"allow_regression": True}))
    old, new = read_outside_head(source), read_outside_head(made.path)
    assert old is not None
    assert new is not None
    assert (new.weight == old.weight).all()
    assert made.manifest.ood_threshold is not None
    assert made.manifest.ood_threshold != manifest.ood_threshold


def test_rows_outside_every_category_are_replayed_too(trained: artefact.Artefact, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(trained.path, source)
    with (source / artefact.REFERENCE).open("a", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"query": f"set an alarm for {n}", "category": None, "role": "outside"}) + "\n"
            for n in range(60)
        )
    artefact.write_manifest(source, trained.manifest)
    data = write_rows(tmp_path / "rows.jsonl", [Row(query="loop of python", category="code")])
    made = train_router(_settings(data, tmp_path / "more", source, epochs=1, allow_regression=True))
    assert read_outside_head(made.path) is not None
    rows = [json.loads(line) for line in (made.path / artefact.REFERENCE).read_text().splitlines()]
    assert Counter(row["role"] for row in rows)["outside"] == 60


def test_the_command_adds_a_category(trained: artefact.Artefact, tmp_path: Path, legal_file: Path) -> None:
    arguments = ["--from", trained.path, "--add-category", "legal", "--data", legal_file]
    arguments += ["--output-dir", tmp_path / "more", "--epochs", 1, "--learning-rate", 0.001, "--precision", "fp32"]
    found = call("train", *arguments, "--allow-regression")
    assert found.status == 0
    assert "old categories on 9 of their rows: accuracy " in found.stderr
    assert artefact.read(tmp_path / "more").manifest.categories == ["code", "general", "math", "legal"]


def test_a_loss_within_chance_or_within_a_point_is_no_regression() -> None:
    even = Comparison(n=1000, before=0.9, after=0.9, lost=20, gained=20)
    assert not even.is_worse
    assert not replace(even, lost=30, gained=20).is_worse  # one point
    assert not replace(even, lost=38, gained=20).is_worse  # 1.8 points, but chance explains them
    assert replace(even, lost=60, gained=20).is_worse
    assert replace(even, lost=25, gained=0).is_worse
    assert not Comparison(n=9, before=1.0, after=0.9, lost=1, gained=0).is_worse
    assert Comparison(n=9, before=1.0, after=0.0, lost=9, gained=0).is_worse
    assert not Comparison(n=50, before=1.0, after=1.0, lost=0, gained=0).is_worse


def test_new_categories_take_few_of_the_old_rows(trained: artefact.Artefact, tmp_path: Path, legal_file: Path) -> None:
    found = continue_from(
        _settings(legal_file, tmp_path / "more", trained.path, add_category=["legal"]), str(trained.path)
    )
    encoder = found.start()
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=32)
    with torch.no_grad():
        encoder.model.classifier.bias[3] += 100.0
    assert (predict(encoder, tokenizer, found.checked).argmax(axis=1) == 3).all()
    old = encoder.model.classifier.bias[:3].detach().clone()
    place_border(encoder, tokenizer, found)
    logits = predict(encoder, tokenizer, found.checked)
    assert (logits.argmax(axis=1) != 3).all()
    assert torch.equal(encoder.model.classifier.bias[:3].detach(), old)
    # It stands as near as that allows: one old row lies at the border.
    assert float((logits[:, 3] - logits[:, :3].max(axis=1)).max()) == pytest.approx(0.0, abs=1e-3)
    offset = float(encoder.model.classifier.bias[3].detach())
    place_border(encoder, tokenizer, found)
    assert float(encoder.model.classifier.bias[3].detach()) == offset


def test_the_border_of_a_new_category_gives_it_its_share_of_many_rows(
    trained: artefact.Artefact, tmp_path: Path, legal_file: Path
) -> None:
    settings = _settings(legal_file, tmp_path / "more", trained.path, add_category=["legal"])
    found = continue_from(settings, str(trained.path))
    openings = ("hello", "what", "now", "city", "root", "end", "please")
    rows = [replace(row, query=f"{word} {row.query}") for word in openings for row in obvious_rows()]
    found = replace(found, checked=rows)
    encoder = found.start()
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=32)
    imprint(encoder, tokenizer, found)
    place_border(encoder, tokenizer, found)
    taken = (predict(encoder, tokenizer, rows).argmax(axis=1) == 3).sum()
    assert 1 <= taken <= 4  # one in a hundred of 420
