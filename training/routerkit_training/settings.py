"""The settings of one training run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from routerkit.spec import Probability, Spec
from routerkit.store import STARTER
from routerkit.tokenization import MAX_TOKENS, MIN_TOKENS
from routerkit_training.augment import TYPOS

CONTINUED = {"epochs": 1, "batch_size": 32, "learning_rate": 3e-4, "label_smoothing": 0.05, "ema_decay": 0.95}
"""Defaults of a run that goes on from a router with a replay of its rows; chosen by `added_categories`."""


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
        replay: whether a continued router learns its own reference rows again, so that it forgets nothing. What is not
            given is then taken from `CONTINUED`.
        add_category: labels that the continued router gets; each needs 20 training rows.
        allow_regression: write a continued router even if its old categories got worse.
        epochs: passes over the training rows.
        batch_size: rows in one optimiser step.
        learning_rate: highest rate of the schedule (linear warm-up, then linear decay).
        warmup_share: share of the steps with a rising rate, in [0, 1].
        weight_decay: of AdamW.
        max_grad_norm: gradients are clipped to this norm.
        label_smoothing: probability spread over the other labels, in [0, 1].
        r_drop: weight of the disagreement of two passes over a batch with different dropout; twice the work unless 0.
        ema_decay: the run keeps an exponential moving average of the weights with this decay, in [0, 1); 0 keeps the
            last weights themselves.
        dropout: of hidden states and attention weights, in [0, 1]; 0 nearly halves the time on a CPU.
        freeze_words: leave the word embeddings as the base model has them, so that words of no training row keep their
            place beside those that the rows moved.
        tuned_share: how much of the way from the weights that the encoder began with to the tuned ones it keeps, in
            [0, 1]; see `routerkit_training.interpolation`.
        augment: show every row in another outfit each epoch; see `routerkit_training.augment`.
        typos: share of the rows whose outfit has slips of the fingers, in [0, 1]; 0.4 suits tens of thousands of rows,
            and would leave too little of a few hundred.
        target_harm: largest share of queries that the automatic threshold may send to a wrong specialist, in (0, 1).
        per_category: whether every category also gets a threshold of its own, which keeps the target among the queries
            that look like it.
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
    replay: bool = True
    add_category: list[str] = Field(default_factory=list)
    allow_regression: bool = False
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 16
    learning_rate: PositiveFloat = 5e-5
    warmup_share: Probability = 0.1
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    max_grad_norm: PositiveFloat = 1.0
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    r_drop: Annotated[float, Field(ge=0.0)] = 0.0
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.998
    dropout: Probability = 0.1
    freeze_words: bool = False
    tuned_share: Probability = 1.0
    augment: bool = True
    typos: Probability = TYPOS
    target_harm: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.03
    per_category: bool = False
    patience: PositiveInt = 2
    max_tokens: Annotated[int, Field(ge=MIN_TOKENS)] = MAX_TOKENS
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seed: int = 0
    reference: bool = True
    report_to: list[str] = Field(default_factory=list)
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, given: object) -> object:
        """None stands for the default, which is another one for a router that is continued."""
        if not isinstance(given, Mapping):
            return given
        known = {name: value for name, value in given.items() if value is not None}
        continued = known.get("from_router") is not None and known.get("replay", True)
        return {**(CONTINUED if continued else {}), **known}

    @model_validator(mode="after")
    def _one_start(self) -> TrainSettings:
        if self.add_category and (self.from_router is None or not self.replay):
            raise ValueError("a category is added to a router that is continued with a replay of its rows: give --from")
        if len(set(self.add_category)) < len(self.add_category):
            raise ValueError("name every new category once")
        if self.from_router is not None and self.base_model != STARTER:
            raise ValueError("give either a base model, for a new head, or a router to continue, not both")
        return self
