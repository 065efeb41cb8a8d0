"""`train_router`: the whole way from JSONL rows to an artefact."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from transformers import set_seed
from transformers.trainer_utils import get_last_checkpoint

from routerkit import artefact
from routerkit.errors import ConfigError
from routerkit.export.checkpoint import outside_head, write_outside_head
from routerkit.rows import read_rows
from routerkit.tokenization import QueryTokenizer
from routerkit_training.distributed import is_first, wait
from routerkit_training.encoder import load_encoder, load_router
from routerkit_training.extend import continue_from
from routerkit_training.fine_tune import fine_tune
from routerkit_training.interpolation import weights_of
from routerkit_training.new_head import believe, imprint
from routerkit_training.output import SCRATCH, check_output
from routerkit_training.packing import pack
from routerkit_training.predictions import read_predictions
from routerkit_training.recording import record_data, record_facts
from routerkit_training.reference import write_reference
from routerkit_training.regression import find_right
from routerkit_training.settling import settle
from routerkit_training.splits import make_splits

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.export.graph import OutsideHead
    from routerkit_training.calibrate import Predicted
    from routerkit_training.encoder import Encoder
    from routerkit_training.extend import Continued
    from routerkit_training.packing import Facts
    from routerkit_training.settings import TrainSettings
    from routerkit_training.splits import Splits

logger = logging.getLogger(__name__)

_RUN = "run.json"


@dataclass(frozen=True, slots=True)
class Learnt:
    """A trained classifier and all that packing it needs; `outside` is kept unless there are rows for a new one."""

    encoder: Encoder
    tokenizer: QueryTokenizer
    splits: Splits
    facts: Facts
    unseen: Predicted | None
    outside: OutsideHead | None = None


def train_router(settings: TrainSettings) -> artefact.Artefact:
    """Train a router and write its artefact to `settings.output_dir`.

    A run that was interrupted is resumed from its last epoch when called again with the same settings and data.

    Raises:
        DataError: naming file and line of a row that cannot be used.
        ConfigError: if the base model cannot be used, the folder holds a router or another run already, or a router
            that was continued got worse on its old categories.
    """
    return write_router(learn(settings), settings)


def write_router(learnt: Learnt, settings: TrainSettings) -> artefact.Artefact:
    """Write the artefact of a trained classifier; of several processes only the first writes."""
    folder, splits = settings.output_dir, learnt.splits
    if is_first():
        if settings.reference:
            write_reference(folder, splits.train, splits.validation, settings.seed, splits.outside_train)
        if learnt.outside is not None:
            write_outside_head(folder, learnt.outside)
        pack(folder, learnt.encoder, learnt.tokenizer, splits, learnt.facts, learnt.unseen)
    wait()
    return artefact.read(folder)


def learn(settings: TrainSettings) -> Learnt:
    """Train a classifier without writing an artefact; see `train_router`."""
    check_output(settings.output_dir)
    if settings.from_router is not None and settings.replay:
        return _learn_more(settings, continue_from(settings, settings.from_router))
    splits = _load_splits(settings)
    unseen = read_predictions(settings.unseen, splits.categories) if settings.unseen else None
    scratch = _claim(settings)
    set_seed(settings.seed)
    encoder = _load(settings, splits)
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=_max_tokens(settings, encoder))
    logger.info("training on %d rows, validating on %d", len(splits.train), len(splits.validation))
    epochs = fine_tune(encoder, splits, tokenizer, settings, scratch)
    _release(scratch)
    facts = _facts(settings, splits, encoder, epochs)
    return Learnt(encoder, tokenizer, splits, facts, unseen)


def _learn_more(settings: TrainSettings, continued: Continued) -> Learnt:
    splits = continued.splits
    _report(splits)
    unseen = read_predictions(settings.unseen, splits.categories) if settings.unseen else None
    scratch = _claim(settings)
    set_seed(settings.seed)
    tokenizer = QueryTokenizer.from_file(
        continued.source.path / artefact.TOKENIZER, max_tokens=continued.source.manifest.max_tokens
    )
    old = load_router(str(continued.source.path))
    before = find_right(old, tokenizer, continued.checked)
    encoder = continued.start()
    if continued.added:
        imprint(encoder, tokenizer, continued)
    shown = replace(splits, train=continued.replayed + continued.fresh)
    logger.info("training on %d rows, validating on %d", len(shown.train), len(splits.validation))
    beliefs = believe(old, tokenizer, continued.replayed, len(splits.categories))
    start = weights_of(encoder)
    epochs = fine_tune(encoder, shown, tokenizer, settings, scratch, beliefs)
    comparison = settle(encoder, start, tokenizer, continued, before)
    if not settings.allow_regression:
        comparison.check()
    _release(scratch)
    data = [*continued.source.manifest.data, *record_data(settings, *continued.n_new)]
    facts = record_facts(settings, splits.categories, encoder.info, data, epochs)
    more = {"added": continued.added, "old_categories": asdict(comparison)}
    facts = replace(facts, training={**facts.training, **more})
    return Learnt(encoder, tokenizer, splits, facts, unseen, outside_head(continued.source))


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
    _report(splits)
    return splits


def _report(splits: Splits) -> None:
    if splits.duplicates or splits.leaked:
        logger.warning(
            "left out %d duplicate rows and %d training rows that the validation data also has",
            splits.duplicates,
            splits.leaked,
        )


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
    scratch = settings.output_dir / SCRATCH
    mark = scratch / _RUN
    identity = describe_run(settings)
    # A run that failed before its first epoch ended, over a wrong name for instance, left nothing to protect.
    begun = mark.is_file() and get_last_checkpoint(str(scratch)) is not None
    if begun and json.loads(mark.read_text(encoding="utf-8")) != identity:
        raise ConfigError(
            f"{scratch}: belongs to an interrupted run with other settings or data; "
            "repeat that command to resume it, or delete the folder to start afresh"
        )
    if is_first():
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            mark.write_text(json.dumps(identity, indent=2), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{scratch}: cannot be written ({error.strerror}); give another --output_dir") from error
    return scratch


def _release(scratch: Path) -> None:
    wait()
    if is_first():
        shutil.rmtree(scratch)


def _facts(settings: TrainSettings, splits: Splits, encoder: Encoder, epochs: list[dict[str, Any]]) -> Facts:
    data = record_data(settings, len(splits.train), len(splits.validation))
    return record_facts(settings, splits.categories, encoder.info, data, epochs)


def describe_run(settings: TrainSettings) -> dict[str, Any]:
    """Settings and digests of the data: what an interrupted run must share with the one that resumes it."""
    paths = [path for path in (settings.train_data, settings.val_data, settings.unseen) if path]
    digests = [artefact.file_digest(path) for path in paths]
    # Somebody who allows a regression after it was found goes on from the finished run.
    return {"settings": settings.model_dump(mode="json", exclude={"allow_regression"}), "data": digests}
