"""`train_router`: from JSONL rows to a router, interrupted or not."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import torch
from pydantic import ValidationError
from routerkit_training.encoder import load_router
from routerkit_training.fine_tune import SoftLabelTrainer
from routerkit_training.train import train_router

from routerkit import artefact
from routerkit.config import CATEGORIES
from routerkit.errors import ArtefactError, ConfigError, DataError
from routerkit.router import Router
from routerkit.rows import Row
from tests.training.support import obvious_rows, quick_settings, write_rows

if TYPE_CHECKING:
    from pathlib import Path

_STEPS = 13  # of one epoch: 51 rows in batches of 4


class _Steps:
    """Counts training steps, and pulls the plug at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, interrupt_at: int | None = None) -> None:
        self.count = 0
        original = SoftLabelTrainer.compute_loss

        def counted(trainer: SoftLabelTrainer, model: torch.nn.Module, *rest: Any, **options: Any) -> Any:
            if model.training:
                self.count += 1
                if self.count == interrupt_at:
                    raise KeyboardInterrupt
            return original(trainer, model, *rest, **options)

        monkeypatch.setattr(SoftLabelTrainer, "compute_loss", counted)


def _interrupt(monkeypatch: pytest.MonkeyPatch, *arguments: Any, step: int = _STEPS + 3, **changes: Any) -> None:
    settings = quick_settings(*arguments, **changes)
    with monkeypatch.context() as patch:
        _Steps(patch, interrupt_at=step)
        with pytest.raises(KeyboardInterrupt):
            train_router(settings)


def test_a_trained_router_sorts_obvious_words(trained_router: Router) -> None:
    rows = obvious_rows()
    found = trained_router.route_batch([row.query for row in rows])
    assert sum(decision.category == row.category for decision, row in zip(found, rows, strict=True)) >= 54


def test_the_manifest_records_the_run(trained: artefact.Artefact, train_file: Path) -> None:
    manifest = trained.manifest
    assert manifest.categories == ["code", "general", "math"]
    assert manifest.name == "my_router"
    assert manifest.base_model.name == "tiny-distilbert"
    assert [(item.role, item.rows) for item in manifest.data] == [("train", 51), ("validation", 9)]
    assert {item.sha256 for item in manifest.data} == {artefact.file_digest(train_file)}
    assert [entry["epoch"] for entry in manifest.training["history"]] == [1, 2, 3, 4, 5, 6]
    assert (manifest.training["epochs"], manifest.training["batch_size"], manifest.training["seed"]) == (6, 4, 0)
    assert manifest.training["threshold"]["value"] == manifest.confidence_threshold
    assert manifest.metrics["validation"]["n"] == 9


def test_nothing_but_the_router_is_left_in_the_folder(trained: artefact.Artefact) -> None:
    names = {path.relative_to(trained.path).as_posix() for path in trained.path.rglob("*") if path.is_file()}
    assert names == {artefact.MANIFEST, artefact.CARD, *trained.manifest.files}


def test_no_path_of_this_machine_is_written(trained: artefact.Artefact) -> None:
    for name in (artefact.MANIFEST, artefact.CARD, artefact.CONFIG, "tokenizer_config.json"):
        text = (trained.path / name).read_text(encoding="utf-8")
        assert str(trained.path.parent) not in text
        assert "tiny-distilbert/" not in text


def test_the_same_seed_gives_the_same_router(
    trained: artefact.Artefact, tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path
) -> None:
    torch.manual_seed(99)  # what happened before in the process must not matter
    again = train_router(quick_settings(train_file, tmp_path / "my_router", tiny_distilbert_folder))
    assert again.manifest.files == trained.manifest.files
    assert again.digest == trained.digest


def test_an_interrupted_run_continues_where_it_was(
    trained: artefact.Artefact,
    tmp_path: Path,
    train_file: Path,
    tiny_distilbert_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = (train_file, tmp_path / "my_router", tiny_distilbert_folder)
    _interrupt(monkeypatch, *arguments)
    steps = _Steps(monkeypatch)
    resumed = train_router(quick_settings(*arguments))
    assert steps.count == 5 * _STEPS
    assert [entry["epoch"] for entry in resumed.manifest.training["history"]] == [1, 2, 3, 4, 5, 6]
    assert resumed.manifest.files == trained.manifest.files
    assert not (resumed.path / "checkpoints").exists()


def test_a_run_interrupted_before_its_first_epoch_ended_begins_again(
    trained: artefact.Artefact,
    tmp_path: Path,
    train_file: Path,
    tiny_distilbert_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = (train_file, tmp_path / "my_router", tiny_distilbert_folder)
    _interrupt(monkeypatch, *arguments, step=3)
    assert train_router(quick_settings(*arguments)).manifest.files == trained.manifest.files


@pytest.mark.parametrize("change", ["setting", "data"])
def test_an_interrupted_run_with_other_settings_or_data_is_not_touched(
    change: str, tmp_path: Path, tiny_distilbert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_rows(tmp_path / "train.jsonl", obvious_rows())
    arguments = (rows, tmp_path / "router", tiny_distilbert_folder)
    _interrupt(monkeypatch, *arguments)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "router").rglob("*")}
    if change == "data":
        write_rows(rows, obvious_rows(25))
    with pytest.raises(ConfigError, match="interrupted run with other settings or data; repeat that command"):
        train_router(quick_settings(*arguments, learning_rate=1e-3 if change == "setting" else 5e-3))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "router").rglob("*")} == before


def test_after_a_wrong_name_the_corrected_command_works(
    tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path
) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        train_router(quick_settings(train_file, tmp_path / "router", "./nowhere", epochs=1))
    with pytest.raises(ConfigError, match=r"report_to: .*abacus"):
        train_router(quick_settings(train_file, tmp_path / "router", tiny_distilbert_folder, report_to=["abacus"]))
    made = train_router(quick_settings(train_file, tmp_path / "router", tiny_distilbert_folder, epochs=1))
    assert made.manifest.training["epochs"] == 1


def test_a_folder_that_holds_a_router_is_refused_before_anything_is_read(
    trained: artefact.Artefact, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="holds a router already; give another --output_dir"):
        train_router(quick_settings(tmp_path / "nowhere.jsonl", trained.path, "./nowhere"))


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path, train_file: Path) -> None:
    (tmp_path / "router").write_text("mine")
    with pytest.raises(ConfigError, match="is a file"):
        train_router(quick_settings(train_file, tmp_path / "router", "./nowhere"))


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path, train_file: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files, README\.md; give a new folder as --output_dir"):
        train_router(quick_settings(train_file, folder, "./nowhere"))
    assert [path.name for path in folder.iterdir()] == ["README.md"]


def test_an_output_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"cannot be written \(Not a directory\); give another --output_dir"):
        train_router(quick_settings(train_file, tmp_path / "file" / "router", tiny_distilbert_folder))


def test_a_validation_file_that_takes_every_row_is_named_as_the_cause(tmp_path: Path, train_file: Path) -> None:
    with pytest.raises(DataError, match="every query of it is in the validation file too"):
        train_router(quick_settings(train_file, tmp_path / "router", "./nowhere", val_data=train_file))


def test_private_rows_stay_out_of_the_router(tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path) -> None:
    settings = quick_settings(train_file, tmp_path / "router", tiny_distilbert_folder, epochs=1, reference=False)
    made = train_router(settings)
    assert artefact.REFERENCE not in made.manifest.files
    assert not (made.path / artefact.REFERENCE).exists()
    assert "pointer now" not in "".join(
        path.read_text() for path in made.path.glob("*.json") if "tokenizer" not in path.name
    )


def test_a_validation_file_is_used_whole_and_recorded(
    tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path
) -> None:
    held_out = write_rows(tmp_path / "val.jsonl", [Row(query=f"the {w} of {n}", category=c)
                          for n in range(4) for c, w in (("math", "sum"), ("code", "loop"))])  # fmt: skip
    settings = quick_settings(train_file, tmp_path / "router", tiny_distilbert_folder, val_data=held_out, epochs=1)
    data = train_router(settings).manifest.data
    assert [(item.name, item.role, item.rows) for item in data] == [
        ("train.jsonl", "train", 60),
        ("val.jsonl", "validation", 8),
    ]


def test_a_bert_base_is_trained_and_served(tmp_path: Path, train_file: Path, tiny_bert_folder: Path) -> None:
    settings = quick_settings(train_file, tmp_path / "router", tiny_bert_folder, name="from bert", augment=True)
    made = train_router(settings)
    assert made.manifest.name == "from bert"
    assert json.loads((made.path / artefact.CONFIG).read_text())["model_type"] == "distilbert"
    assert Router.from_pretrained(made.path).route_query("what is the sum here").category in made.manifest.categories


def test_a_continued_router_keeps_its_head_and_the_order_of_its_labels(
    tiny_router_folder: Path, tmp_path: Path
) -> None:
    rows = [Row(query=f"what is the {word} {n}", category=category)
            for n in range(8) for word, category in (("sum", "math"), ("loop", "code"))]  # fmt: skip
    train = write_rows(tmp_path / "train.jsonl", rows)
    settings = quick_settings(
        train,
        tmp_path / "router",
        "starter",
        from_router=str(tiny_router_folder),
        replay=False,
        epochs=1,
        learning_rate=1e-12,
    )
    made = train_router(settings)
    assert made.manifest.categories == CATEGORIES
    assert made.manifest.base_model.name == "tiny (continued)"
    before = load_router(str(tiny_router_folder)).model.state_dict()
    after = load_router(str(made.path)).model.state_dict()
    for key, value in before.items():
        torch.testing.assert_close(after[key], value, atol=1e-6, rtol=0)


def test_a_category_that_the_continued_router_does_not_know_is_refused(
    tiny_router_folder: Path, tmp_path: Path
) -> None:
    rows = [Row(query=f"{category} {n}", category=category) for n in range(8) for category in ("math", "law")]
    train = write_rows(tmp_path / "train.jsonl", rows)
    settings = quick_settings(train, tmp_path / "router", "starter", from_router=str(tiny_router_folder), replay=False)
    with pytest.raises(ConfigError, match=r"the rows also have \['law'\]; train a new head with --base-model"):
        train_router(settings)


def test_a_router_as_base_model_gets_a_new_head(trained: artefact.Artefact, tmp_path: Path) -> None:
    rows = [Row(query=f"the {w} of {n}", category=c) for n in range(8) for w, c in (("sum", "x"), ("loop", "y"))]
    train = write_rows(tmp_path / "train.jsonl", rows)
    made = train_router(quick_settings(train, tmp_path / "router", trained.path, epochs=1))
    assert made.manifest.categories == ["x", "y"]
    assert made.manifest.base_model.name == "my_router"
    assert made.manifest.base_model.sha256 == trained.digest


def test_a_damaged_router_is_not_continued(trained: artefact.Artefact, tmp_path: Path, train_file: Path) -> None:
    copy = tmp_path / "damaged"
    shutil.copytree(trained.path, copy)
    (copy / artefact.WEIGHTS).write_bytes(b"")
    with pytest.raises(ArtefactError, match="damaged or was changed"):
        train_router(quick_settings(train_file, tmp_path / "router", "starter", from_router=str(copy)))


def test_both_a_base_model_and_a_router_to_continue_is_a_contradiction(tmp_path: Path, train_file: Path) -> None:
    with pytest.raises(ValidationError, match="not both"):
        quick_settings(train_file, tmp_path, "some-model", from_router="./router")


def test_rows_that_cannot_be_used_are_named_before_a_model_is_loaded(tmp_path: Path) -> None:
    rows = tmp_path / "train.jsonl"
    rows.write_text('{"query": "a", "category": "x"}\n{"query": 7, "category": "x"}\n')
    with pytest.raises(DataError, match=r"train\.jsonl, line 2: a query must be a string"):
        train_router(quick_settings(rows, tmp_path / "router", "./nowhere"))
    assert not (tmp_path / "router").exists()


def test_a_conflict_in_the_validation_file_names_that_file(tmp_path: Path, train_file: Path) -> None:
    conflict = [Row(query="same", category="math"), Row(query="Same?", category="code")]
    val = write_rows(tmp_path / "val.jsonl", conflict)
    with pytest.raises(DataError, match=r"val\.jsonl: the query 'Same\?' is labelled both"):
        train_router(quick_settings(train_file, tmp_path / "router", "./nowhere", val_data=val))


def test_left_out_rows_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    rows = obvious_rows()
    train = write_rows(tmp_path / "train.jsonl", [*rows, rows[0], rows[1]])
    val = write_rows(tmp_path / "val.jsonl", rows[:3])
    monkeypatch.setattr("routerkit_training.train.load_encoder", stop)
    with pytest.raises(KeyboardInterrupt):
        train_router(quick_settings(train, tmp_path / "router", "./nowhere", val_data=val))
    assert "left out 2 duplicate rows and 3 training rows that the validation data also has" in caplog.text
