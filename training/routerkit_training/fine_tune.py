"""Fine-tuning with the transformers `Trainer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments
from transformers.integrations import get_reporting_integration_callbacks
from transformers.trainer_utils import get_last_checkpoint

from routerkit import metrics
from routerkit.errors import ConfigError
from routerkit_training.averaging import WeightAverage
from routerkit_training.dataset import QueryDataset, collate
from routerkit_training.distributed import n_processes, wait
from routerkit_training.interpolation import draw_back, weights_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import DistilBertForSequenceClassification, EvalPrediction

    from routerkit.tokenization import QueryTokenizer
    from routerkit_training.encoder import Encoder
    from routerkit_training.settings import TrainSettings
    from routerkit_training.splits import Splits


class SoftLabelTrainer(Trainer):  # type: ignore[misc]  # transformers is not typed
    """The transformers `Trainer` with cross-entropy against a distribution instead of a single label.

    Args:
        label_smoothing: probability spread evenly over all labels, in [0, 1).
        r_drop: weight of the disagreement of two passes with different dropout, at least 0. Liang et al., "R-Drop"
            (2021), section 2.1.
    """

    def __init__(self, *args: Any, label_smoothing: float, r_drop: float = 0.0, **options: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(*args, **options)
        self._smoothing = label_smoothing
        self._r_drop = r_drop

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Mean cross-entropy of a batch, in nats, and how far two passes over it disagree."""
        del num_items_in_batch
        copies = 2 if self._r_drop and model.training else 1
        ids, mask, targets = (inputs[name].repeat(copies, 1) for name in ("input_ids", "attention_mask", "labels"))
        logits = model(input_ids=ids, attention_mask=mask).logits.float()
        loss = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=self._smoothing)
        if copies > 1:
            loss = loss + self._r_drop * _disagreement(*logits.chunk(2))
        return (loss, {"logits": logits}) if return_outputs else loss


def _disagreement(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Half the sum of both Kullback-Leibler divergences, mean over the batch, in nats."""
    one, other = first.log_softmax(dim=-1), second.log_softmax(dim=-1)
    return ((one.exp() - other.exp()) * (one - other)).sum(dim=-1).mean() / 2


def fine_tune(
    encoder: Encoder,
    splits: Splits,
    tokenizer: QueryTokenizer,
    settings: TrainSettings,
    scratch: Path,
    beliefs: NDArray[np.floating] | None = None,
) -> list[dict[str, Any]]:
    """Train the encoder's model in place and leave it with the weights of its best epoch, or short of them.

    How far short is `settings.tuned_share`; the figures of the epochs are those of the whole way.

    Args:
        encoder: the model to train.
        splits: rows to learn from and to choose by.
        tokenizer: the serving tokenizer.
        settings: see `TrainSettings`.
        scratch: folder of checkpoints; one found there is resumed.
        beliefs: of an earlier router about the first training rows; see `QueryDataset`.

    Returns:
        for each epoch its validation loss, accuracy and macro-F1.

    Raises:
        ConfigError: if an experiment tracker is unknown or not installed.
    """
    _check_trackers(settings.report_to)
    start = weights_of(encoder)
    _prepare(encoder.model, settings)
    seed = settings.seed if settings.augment else None
    trainer = SoftLabelTrainer(
        model=encoder.model,
        args=_arguments(settings, scratch, len(splits.train)),
        train_dataset=QueryDataset(
            splits.train,
            splits.categories,
            tokenizer,
            augmentation_seed=seed,
            beliefs=beliefs,
            typos=settings.typos,
        ),
        eval_dataset=QueryDataset(splits.validation, splits.categories, tokenizer),
        data_collator=collate,
        compute_metrics=_scorer(splits.categories),
        callbacks=[
            EarlyStoppingCallback(early_stopping_patience=settings.patience),
            WeightAverage(settings.ema_decay),
        ],
        label_smoothing=settings.label_smoothing,
        r_drop=settings.r_drop,
    )
    wait()  # so that every process sees the same checkpoints
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(scratch)) if scratch.is_dir() else None)
    # Mixed precision wraps the model's forward; what is exported and compared must compute in float32 again.
    trainer.accelerator.unwrap_model(encoder.model, keep_fp32_wrapper=False)
    encoder.model.to("cpu").eval()
    draw_back(encoder, start, settings.tuned_share)
    return [_epoch(entry) for entry in trainer.state.log_history if "eval_loss" in entry]


def _prepare(model: DistilBertForSequenceClassification, settings: TrainSettings) -> None:
    """Make a classifier ready to learn as the settings say."""
    model.distilbert.embeddings.word_embeddings.requires_grad_(not settings.freeze_words)
    for part in model.distilbert.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = settings.dropout
    if not torch.cuda.is_available():
        # A fifth faster: on a CPU the fused kernel is slow backwards, and with dropout it is not used at all.
        model.set_attn_implementation("eager")


def _check_trackers(names: list[str]) -> None:
    try:
        for tracker in get_reporting_integration_callbacks(names):
            tracker()
    except (ImportError, RuntimeError, ValueError) as error:
        raise ConfigError(f"report_to: {error}") from error


def uses_bf16(settings: TrainSettings) -> bool:
    """Whether this machine computes the run in bfloat16.

    Raises:
        ConfigError: if bfloat16 is asked for and a GPU is there that cannot compute it.
    """
    if torch.cuda.is_available():
        able = torch.cuda.is_bf16_supported()
        if settings.precision == "bf16" and not able:
            raise ConfigError("precision: bf16 needs a newer GPU than this one; use precision: auto")
    else:
        able = bool(torch.cpu._is_avx512_bf16_supported())
    return able if settings.precision == "auto" else settings.precision == "bf16"


def _backend() -> str | None:
    """How processes that train together exchange gradients; on GPUs torch knows best."""
    return "gloo" if n_processes() > 1 and not torch.cuda.is_available() else None


def _arguments(settings: TrainSettings, scratch: Path, n_rows: int) -> TrainingArguments:
    steps = settings.epochs * -(-n_rows // settings.batch_size)
    return TrainingArguments(
        output_dir=str(scratch),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=max(1, settings.batch_size // n_processes()),
        per_device_eval_batch_size=64,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(settings.warmup_share * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_torch_fused",
        bf16=uses_bf16(settings),
        use_cpu=not torch.cuda.is_available(),
        ddp_backend=_backend(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        logging_strategy="epoch",
        report_to=settings.report_to or "none",
        seed=settings.seed,
        data_seed=settings.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["labels"],
        train_sampling_strategy="group_by_length",
    )


def _scorer(categories: list[str]) -> Any:  # noqa: ANN401 - the callback type of an untyped library
    def score(prediction: EvalPrediction) -> dict[str, float]:
        found = np.asarray(prediction.predictions).argmax(axis=1)
        truth = np.asarray(prediction.label_ids).argmax(axis=1)
        matrix = metrics.confusion_matrix([categories[i] for i in truth], [categories[i] for i in found], categories)
        f1 = metrics.precision_recall_f1(matrix)[matrix.sum(axis=1) > 0, 2]
        return {"accuracy": float((found == truth).mean()), "macro_f1": float(f1.mean())}

    return score


def _epoch(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "epoch": entry["epoch"],
        "validation_loss": entry["eval_loss"],
        "validation_accuracy": entry["eval_accuracy"],
        "validation_macro_f1": entry["eval_macro_f1"],
    }
