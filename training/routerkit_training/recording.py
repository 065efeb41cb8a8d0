"""What a run records about itself for the manifest and the model card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from routerkit import artefact
from routerkit.manifest import DataSource
from routerkit.policy import default_fallback
from routerkit_training.fine_tune import uses_bf16
from routerkit_training.packing import Facts

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.manifest import BaseModelInfo
    from routerkit_training.settings import TrainSettings

_CHOSEN = ("epochs", "batch_size", "learning_rate", "weight_decay", "label_smoothing", "seed")


def record_facts(
    settings: TrainSettings,
    categories: list[str],
    base_model: BaseModelInfo,
    data: list[DataSource],
    epochs: list[dict[str, Any]],
) -> Facts:
    """The facts of a finished run.

    Args:
        settings: of the run.
        categories: the labels in the order of the logits.
        base_model: where the run began.
        data: what was learnt from; see `record_data`.
        epochs: figures of each, as `fine_tune` returns them.
    """
    return Facts(
        target_harm=settings.target_harm,
        per_category=settings.per_category,
        seed=settings.seed,
        fallback=default_fallback(categories),
        name=settings.name or settings.output_dir.resolve().name,
        categories=categories,
        base_model=base_model,
        data=data,
        training={
            **settings.model_dump(mode="json", include=set(_CHOSEN)),
            "bf16": uses_bf16(settings),
            "history": epochs,
        },
    )


def record_data(settings: TrainSettings, n_train: int, n_validation: int) -> list[DataSource]:
    """The files of a run, each with the number of its rows that were used and its digest."""
    used: list[tuple[Path, Literal["train", "validation"], int]] = [
        (settings.train_data, "train", n_train),
        (settings.val_data or settings.train_data, "validation", n_validation),
    ]
    return [
        DataSource(name=path.name, role=role, rows=rows, sha256=artefact.file_digest(path))
        for path, role, rows in used
        if rows
    ]
