"""The settings of one training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from routerkit.spec import Probability, Spec
from routerkit.store import STARTER
from routerkit.tokenization import MAX_TOKENS, MIN_TOKENS


class TrainSettings(Spec):
    """Everything that decides what a training run learns.

    Attributes:
        train_data: JSONL rows to learn from.
        val_data: JSONL rows for choosing the best epoch and fitting the confidence; None holds out 15 % of the
            training rows, the same share of every category.
        unseen: predictions on unseen sources, written by `routerkit cross-validate`; the confidence and the threshold
            are fitted to them as well as to the validation rows.
        output_dir: where the artefact goes; an interrupted run found there is resumed.
        base_model: `starter`, a hub id or a folder: the encoder that gets a new head.
        from_router: a trained router to continue; keeps its head. Excludes `base_model`.
        epochs: passes over the training rows.
        batch_size: rows in one optimiser step.
        learning_rate: highest rate of the schedule (linear warm-up, then linear decay).
        warmup_share: share of the steps with a rising rate, in [0, 1].
        weight_decay: of AdamW.
        max_grad_norm: gradients are clipped to this norm.
        label_smoothing: probability spread over the other labels, in [0, 1].
        ema_decay: the run keeps an exponential moving average of the weights with this decay, in [0, 1); 0 keeps the
            last weights themselves.
        augment: show every row in another outfit each epoch; see `routerkit_training.augment`.
        target_harm: largest share of queries that the automatic threshold may send to a wrong specialist, in (0, 1).
        patience: epochs without a better validation macro-F1 before training stops.
        max_tokens: most tokens read of one query.
        precision: `auto` computes in bfloat16 where the processor has instructions for it.
        seed: of every random choice.
        reference: whether the artefact keeps rows for replay and drift checks; False for private data.
        report_to: experiment trackers for the transformers `Trainer`, such as `tensorboard` or `wandb`.
        name: the router's name in the manifest; the folder's name unless given.
    """

    train_data: Path
    val_data: Path | None = None
    unseen: Path | None = None
    output_dir: Path
    base_model: str = STARTER
    from_router: str | None = None
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 16
    learning_rate: PositiveFloat = 5e-5
    warmup_share: Probability = 0.1
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    max_grad_norm: PositiveFloat = 1.0
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.998
    augment: bool = True
    target_harm: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.03
    patience: PositiveInt = 2
    max_tokens: Annotated[int, Field(ge=MIN_TOKENS)] = MAX_TOKENS
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seed: int = 0
    reference: bool = True
    report_to: list[str] = Field(default_factory=list)
    name: str | None = None

    @model_validator(mode="after")
    def _one_start(self) -> TrainSettings:
        if self.from_router is not None and self.base_model != STARTER:
            raise ValueError("give either a base model, for a new head, or a router to continue, not both")
        return self
