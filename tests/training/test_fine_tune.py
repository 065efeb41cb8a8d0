"""Fine-tuning learns, keeps its best epoch and stops in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from routerkit_training import fine_tune as module
from routerkit_training.dataset import QueryDataset, collate
from routerkit_training.encoder import Encoder, load_encoder
from routerkit_training.fine_tune import SoftLabelTrainer, fine_tune, uses_bf16
from routerkit_training.splits import Splits, make_splits
from transformers.trainer_utils import get_last_checkpoint

from routerkit.errors import ConfigError
from tests.training.support import obvious_rows, quick_settings

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit_training.settings import TrainSettings

    from routerkit.tokenization import QueryTokenizer


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    return make_splits(obvious_rows(), None, seed=0, path=tmp_path / "train.jsonl")


@pytest.fixture
def encoder(tiny_distilbert_folder: Path, splits: Splits) -> Encoder:
    torch.manual_seed(0)
    return load_encoder(str(tiny_distilbert_folder), splits.categories)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def _settings(tmp_path: Path, **changes: Any) -> TrainSettings:
    return quick_settings(tmp_path / "train.jsonl", tmp_path / "router", "starter", **changes)


def _validation_loss(encoder: Encoder, splits: Splits, tokenizer: QueryTokenizer) -> float:
    dataset = QueryDataset(splits.validation, splits.categories, tokenizer)
    batch = collate([dataset[n] for n in range(len(dataset))])
    with torch.inference_mode():
        logits = encoder.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return float(torch.nn.functional.cross_entropy(logits, batch["labels"]))


def _scores(monkeypatch: pytest.MonkeyPatch, *scores: float) -> None:
    """Let the validation macro-F1 of the epochs be these, whatever the model does."""
    left = iter(scores)
    monkeypatch.setattr(module, "_scorer", lambda _: lambda _: {"accuracy": 0.5, "macro_f1": next(left)})


def test_the_loss_falls_and_obvious_words_are_learnt(
    encoder: Encoder, splits: Splits, tokenizer: QueryTokenizer, tmp_path: Path, scratch: Path
) -> None:
    before = _validation_loss(encoder, splits, tokenizer)
    history = fine_tune(encoder, splits, tokenizer, _settings(tmp_path), scratch)
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["validation_loss"] < 0.7 * before
    assert max(entry["validation_accuracy"] for entry in history) >= 0.8
    assert max(entry["validation_macro_f1"] for entry in history) >= 0.8


def test_the_model_is_left_ready_for_export(
    encoder: Encoder, splits: Splits, tokenizer: QueryTokenizer, tmp_path: Path, scratch: Path
) -> None:
    fine_tune(encoder, splits, tokenizer, _settings(tmp_path, epochs=1, precision="bf16"), scratch)
    outputs = encoder.model(input_ids=torch.tensor([tokenizer.encode("sum")]))
    assert not encoder.model.training
    assert {parameter.dtype for parameter in encoder.model.parameters()} == {torch.float32}
    assert (outputs.logits.dtype, outputs.logits.device.type) == (torch.float32, "cpu")


def test_the_weights_of_the_best_epoch_are_kept(
    encoder: Encoder,
    splits: Splits,
    tokenizer: QueryTokenizer,
    tmp_path: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _scores(monkeypatch, 0.2, 0.9, 0.1, 0.3)
    history = fine_tune(encoder, splits, tokenizer, _settings(tmp_path, epochs=4), scratch)
    loss = _validation_loss(encoder.model.eval() and encoder, splits, tokenizer)
    assert loss == pytest.approx(history[1]["validation_loss"], abs=1e-5)
    assert all(abs(loss - history[n]["validation_loss"]) > 1e-3 for n in (0, 2, 3))


def test_training_stops_when_patience_ends(
    encoder: Encoder,
    splits: Splits,
    tokenizer: QueryTokenizer,
    tmp_path: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _scores(monkeypatch, 0.5, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    history = fine_tune(encoder, splits, tokenizer, _settings(tmp_path, epochs=7, patience=2), scratch)
    assert [entry["validation_macro_f1"] for entry in history] == [0.5, 0.9, 0.8, 0.7]


def test_soft_targets_and_smoothing_enter_the_loss(encoder: Encoder, tmp_path: Path) -> None:
    batch = {
        "input_ids": torch.tensor([[2, 5, 3], [2, 6, 3]]),
        "attention_mask": torch.ones(2, 3, dtype=torch.long),
        "labels": torch.tensor([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]),
    }
    smoothing = 0.3
    trainer = SoftLabelTrainer(
        model=encoder.model.eval(),
        args=module._arguments(_settings(tmp_path), tmp_path, 8),
        eval_dataset=[],
        label_smoothing=smoothing,
    )
    with torch.inference_mode():
        loss, outputs = trainer.compute_loss(encoder.model, batch, return_outputs=True)
    smooth = batch["labels"] * (1 - smoothing) + smoothing / 3
    expected = -(smooth * outputs["logits"].log_softmax(dim=1)).sum(dim=1).mean()
    assert float(loss) == pytest.approx(float(expected), abs=1e-6)


def test_the_schedule_warms_up_and_gradients_are_clipped(tmp_path: Path) -> None:
    settings = _settings(tmp_path, epochs=4, batch_size=8, warmup_share=0.25, max_grad_norm=0.7)
    arguments = module._arguments(settings, tmp_path, 41)
    assert arguments.warmup_steps == round(0.25 * 4 * math.ceil(41 / 8))
    assert arguments.max_grad_norm == 0.7
    assert arguments.lr_scheduler_type == "linear"
    assert "adamw" in arguments.optim


def test_no_experiment_tracker_is_needed(tmp_path: Path) -> None:
    assert module._arguments(_settings(tmp_path), tmp_path, 8).report_to == []


def test_an_unknown_experiment_tracker_is_refused_by_name(
    encoder: Encoder, splits: Splits, tokenizer: QueryTokenizer, tmp_path: Path, scratch: Path
) -> None:
    with pytest.raises(ConfigError, match=r"report_to: .*abacus"):
        fine_tune(encoder, splits, tokenizer, _settings(tmp_path, report_to=["abacus"]), scratch)


def test_bf16_is_chosen_only_where_it_can_be_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for able in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda able=able: able)
        assert uses_bf16(_settings(tmp_path, precision="auto")) is able
        assert uses_bf16(_settings(tmp_path, precision="fp32")) is False
        assert uses_bf16(_settings(tmp_path, precision="bf16")) is True


def test_a_gpu_without_bf16_refuses_it_and_auto_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert uses_bf16(_settings(tmp_path, precision="auto")) is False
    with pytest.raises(ConfigError, match="use precision: auto"):
        uses_bf16(_settings(tmp_path, precision="bf16"))


def test_an_epoch_that_was_saved_is_not_repeated(
    encoder: Encoder,
    splits: Splits,
    tokenizer: QueryTokenizer,
    tmp_path: Path,
    scratch: Path,
    tiny_distilbert_folder: Path,
) -> None:
    first = fine_tune(encoder, splits, tokenizer, _settings(tmp_path, epochs=2), scratch)
    assert get_last_checkpoint(str(scratch)) is not None
    other = load_encoder(str(tiny_distilbert_folder), splits.categories)
    again = fine_tune(other, splits, tokenizer, _settings(tmp_path, epochs=2), scratch)
    assert again == first
    for key, value in encoder.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[key]), key


def test_frozen_words_stay_as_the_base_model_has_them(
    encoder: Encoder, splits: Splits, tokenizer: QueryTokenizer, tmp_path: Path, scratch: Path
) -> None:
    embeddings = encoder.model.distilbert.embeddings
    words, positions = (part.weight.clone() for part in (embeddings.word_embeddings, embeddings.position_embeddings))
    fine_tune(encoder, splits, tokenizer, _settings(tmp_path, epochs=1, freeze_words=True), scratch)
    assert torch.equal(embeddings.word_embeddings.weight, words)
    assert not torch.equal(embeddings.position_embeddings.weight, positions)


def test_r_drop_counts_how_far_two_passes_disagree(encoder: Encoder, splits: Splits, tokenizer: QueryTokenizer) -> None:
    loss_of = SoftLabelTrainer.compute_loss

    def loss(weight: float) -> float:
        trainer = object.__new__(SoftLabelTrainer)
        trainer._smoothing, trainer._r_drop = 0.0, weight
        torch.manual_seed(3)
        found = loss_of(trainer, encoder.model.train(), dict(batch))
        assert isinstance(found, torch.Tensor)
        return float(found.detach())

    dataset = QueryDataset(splits.train, splits.categories, tokenizer)
    batch = collate([dataset[n] for n in range(8)])
    without, with_half, with_one = loss(1e-9), loss(0.5), loss(1.0)
    assert without < with_half < with_one
    assert with_one - without == pytest.approx(2 * (with_half - without), rel=1e-3)


def test_r_drop_leaves_the_validation_loss_alone(encoder: Encoder, splits: Splits, tokenizer: QueryTokenizer) -> None:
    trainer = object.__new__(SoftLabelTrainer)
    trainer._smoothing, trainer._r_drop = 0.0, 5.0
    dataset = QueryDataset(splits.validation, splits.categories, tokenizer)
    batch = collate([dataset[n] for n in range(len(dataset))])
    loss = trainer.compute_loss(encoder.model.eval(), batch)
    assert isinstance(loss, torch.Tensor)
    assert float(loss.detach()) == pytest.approx(_validation_loss(encoder, splits, tokenizer), rel=1e-4)
