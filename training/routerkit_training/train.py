"""`train_router`: the whole way from JSONL rows to an artefact."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transformers import set_seed
from transformers.trainer_utils import get_last_checkpoint

from routerkit import artefact
from routerkit.errors import ConfigError
from routerkit.manifest import DataSource
from routerkit.policy import default_fallback
from routerkit.rows import read_rows
from routerkit.tokenization import QueryTokenizer
from routerkit_training.encoder import load_encoder, load_router
from routerkit_training.fine_tune import fine_tune, uses_bf16
from routerkit_training.packing import Facts, pack
from routerkit_training.predictions import read_predictions
from routerkit_training.reference import write_reference
from routerkit_training.splits import make_splits

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit_training.calibrate import Predicted
    from routerkit_training.encoder import Encoder
    from routerkit_training.settings import TrainSettings
    from routerkit_training.splits import Splits

logger = logging.getLogger(__name__)

_SCRATCH = "checkpoints"
_RUN = "run.json"


@dataclass(frozen=True, slots=True)
class Learnt:
    """A trained classifier and all that packing it needs."""

    encoder: Encoder
    tokenizer: QueryTokenizer
    splits: Splits
    facts: Facts
    unseen: Predicted | None


def train_router(settings: TrainSettings) -> artefact.Artefact:
    """Train a router and write its artefact to `settings.output_dir`.

    A run that was interrupted is resumed from its last epoch when called again with the same settings and data.

    Raises:
        DataError: naming file and line of a row that cannot be used.
        ConfigError: if the base model cannot be used, or the folder holds a router or another run already.
    """
    learnt = learn(settings)
    if settings.reference:
        write_reference(settings.output_dir, learnt.splits.train, learnt.splits.validation, settings.seed)
    return pack(settings.output_dir, learnt.encoder, learnt.tokenizer, learnt.splits, learnt.facts, learnt.unseen)


def learn(settings: TrainSettings) -> Learnt:
    """Train a classifier without writing an artefact; see `train_router`."""
    _check_output(settings.output_dir)
    splits = _load_splits(settings)
    unseen = read_predictions(settings.unseen, splits.categories) if settings.unseen else None
    scratch = _claim(settings)
    set_seed(settings.seed)
    encoder = _load(settings, splits)
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=_max_tokens(settings, encoder))
    logger.info("training on %d rows, validating on %d", len(splits.train), len(splits.validation))
    epochs = fine_tune(encoder, splits, tokenizer, settings, scratch)
    shutil.rmtree(scratch)
    return Learnt(encoder, tokenizer, splits, _facts(settings, splits, encoder, epochs), unseen)


def restore(settings: TrainSettings) -> Learnt:
    """The classifier that `train_router` wrote with these settings, to be packed once more."""
    packed = artefact.read(settings.output_dir)
    splits = _load_splits(settings)
    encoder = load_router(str(settings.output_dir))
    encoder.model.eval()
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=packed.manifest.max_tokens)
    unseen = read_predictions(settings.unseen, splits.categories) if settings.unseen else None
    facts = _facts(settings, splits, encoder, packed.manifest.training["history"])
    return Learnt(encoder, tokenizer, splits, facts, unseen)


def _check_output(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; give a folder as --output_dir")
    if (folder / artefact.MANIFEST).exists():
        raise ConfigError(f"{folder}: holds a router already; give another --output_dir, or delete this one")


def _load_splits(settings: TrainSettings) -> Splits:
    train = read_rows(settings.train_data)
    validation = read_rows(settings.val_data) if settings.val_data else None
    order = load_router(settings.from_router).labels if settings.from_router else []
    splits = make_splits(
        train,
        validation,
        seed=settings.seed,
        path=settings.train_data,
        validation_path=settings.val_data,
        order=order,
    )
    if splits.duplicates or splits.leaked:
        logger.warning(
            "left out %d duplicate rows and %d training rows that the validation data also has",
            splits.duplicates,
            splits.leaked,
        )
    return splits


def _load(settings: TrainSettings, splits: Splits) -> Encoder:
    if settings.from_router is None:
        return load_encoder(settings.base_model, splits.categories)
    encoder = load_router(settings.from_router)
    if encoder.labels != splits.categories:
        new = sorted(set(splits.categories) - set(encoder.labels))
        raise ConfigError(
            f"--from keeps the head of a router that knows {encoder.labels}; the rows also have {new}; "
            "train a new head with --base-model instead"
        )
    return encoder


def _max_tokens(settings: TrainSettings, encoder: Encoder) -> int:
    positions: int = encoder.model.config.max_position_embeddings
    return min(settings.max_tokens, positions)


def _claim(settings: TrainSettings) -> Path:
    """The folder of checkpoints; refused if it belongs to a run with other settings or data."""
    scratch = settings.output_dir / _SCRATCH
    mark = scratch / _RUN
    identity = _identity(settings)
    # A run that failed before its first epoch ended, over a wrong name for instance, left nothing to protect.
    begun = mark.is_file() and get_last_checkpoint(str(scratch)) is not None
    if begun and json.loads(mark.read_text(encoding="utf-8")) != identity:
        raise ConfigError(
            f"{scratch}: belongs to an interrupted run with other settings or data; "
            "repeat that command to resume it, or delete the folder to start afresh"
        )
    scratch.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(identity, indent=2), encoding="utf-8")
    return scratch


def _identity(settings: TrainSettings) -> dict[str, Any]:
    paths = [path for path in (settings.train_data, settings.val_data, settings.unseen) if path]
    digests = [artefact.file_digest(path) for path in paths]
    return {"settings": settings.model_dump(mode="json"), "data": digests}


def _facts(settings: TrainSettings, splits: Splits, encoder: Encoder, epochs: list[dict[str, Any]]) -> Facts:
    data = [_source(settings.train_data, "train", len(splits.train))]
    if settings.val_data:
        data.append(_source(settings.val_data, "validation", len(splits.validation)))
    else:
        data.append(_source(settings.train_data, "validation", len(splits.validation)))
    chosen = ("epochs", "batch_size", "learning_rate", "weight_decay", "label_smoothing", "seed")
    return Facts(
        target_harm=settings.target_harm,
        seed=settings.seed,
        fallback=default_fallback(splits.categories),
        name=settings.name or settings.output_dir.resolve().name,
        categories=splits.categories,
        base_model=encoder.info,
        data=data,
        training={
            **settings.model_dump(mode="json", include=set(chosen)),
            "bf16": uses_bf16(settings),
            "history": epochs,
        },
    )


def _source(path: Path, role: Any, rows: int) -> DataSource:  # noqa: ANN401 - validated by DataSource
    return DataSource(name=path.name, role=role, rows=rows, sha256=artefact.file_digest(path))
