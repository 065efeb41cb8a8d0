"""Which choices of the recipe earn their place: paired runs on one small, fixed setting.

    python -m routerkit_training.ablations --data DATA --encoder ENCODER --output-dir router_model/ablations

Every run learns from 8,000 rows in one epoch; three folds leave whole public sources out. Each variant changes one
thing. It is compared with the base run of the same fold and seed on the same rows: those of the sources left out, and
the development part of the corpus, whose writers no run has seen.
"""

from __future__ import annotations

import json
import logging
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from transformers import set_seed

from routerkit.intervals import paired_difference, proportion
from routerkit.rows import read_rows
from routerkit.tokenization import QueryTokenizer
from routerkit_training.corpus import part_path
from routerkit_training.encoder import load_encoder
from routerkit_training.fine_tune import fine_tune
from routerkit_training.folds import leave_sources_out
from routerkit_training.recipe import RECIPE, even_sample, trusted
from routerkit_training.regression import find_right
from routerkit_training.settings import TrainSettings
from routerkit_training.splits import make_splits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.rows import Row
    from routerkit_training.splits import Splits

ROWS = 8_000
FOLDS = 3
MOST_UNSEEN = 120
"""Most scored rows of one source and category."""

BASE = "base"
CORPUS_SHARE = "corpus_share"

VARIANTS: dict[str, dict[str, Any]] = {
    BASE: {},
    "no corpus": {CORPUS_SHARE: 0.0},
    "no augmentation": {"augment": False},
    "the whole way from the base model": {"tuned_share": 1.0},
    "no label smoothing": {"label_smoothing": 0.0},
    "last weights, no average": {"ema_decay": 0.0},
    "word embeddings learnt, too": {"freeze_words": False},
    "dropout": {"dropout": 0.1},
    "dropout and R-Drop": {"dropout": 0.1, "r_drop": 0.5},
    "batch of 64, learning rate 1.5e-4": {"batch_size": 64, "learning_rate": 1.5e-4},
    "learning rate 5e-5": {"learning_rate": 5e-5},
    "learning rate 2e-4": {"learning_rate": 2e-4},
}
"""What each variant changes in the settings of the base run; `corpus_share` is the part of its rows from the corpus."""

Marks = dict[str, list[bool]]
"""Whether each scored row was right, by kind of rows."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Setting:
    """What all runs share.

    Attributes:
        public: rows of public sources that are trusted.
        corpus: rows written for the project.
        unseen_writers: rows to score, of other writers.
        encoder: folder of the base encoder.
        scratch: folder of finished runs.
    """

    public: Sequence[Row]
    corpus: Sequence[Row]
    unseen_writers: Sequence[Row]
    encoder: Path
    scratch: Path


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the public query data.")
@click.option("--encoder", type=click.Path(path_type=Path), required=True, help="Folder of all-MiniLM-L6-v2.")
@click.option("--output-dir", type=click.Path(path_type=Path), required=True, help="Finished runs are kept here.")
@click.option("--variant", "names", multiple=True, type=click.Choice(list(VARIANTS)), help="Only these, and the base.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True)
def ablations(data: Path, encoder: Path, output_dir: Path, names: tuple[str, ...], seeds: tuple[int, ...]) -> None:
    """Run the variants and print how each differs from the base; finished runs are not repeated."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    output_dir.mkdir(parents=True, exist_ok=True)
    setting = Setting(
        public=trusted(read_rows(data / "train.jsonl")),
        corpus=[row for row in read_rows(part_path("train")) if row.category is not None],
        unseen_writers=[row for row in read_rows(part_path("dev")) if row.category is not None],
        encoder=encoder,
        scratch=output_dir,
    )
    chosen = [BASE, *(name for name in (names or VARIANTS) if name != BASE)]
    base: list[Marks] = []
    for name in chosen:
        runs = [run_once(setting, name, fold, seed) for seed in seeds for fold in range(FOLDS)]
        base = base or runs
        click.echo(json.dumps({"variant": name, "seeds": len(seeds), **compare(base, runs)}))


def compare(base: Sequence[Marks], runs: Sequence[Marks]) -> dict[str, Any]:
    """Share right of each kind of rows, and its difference from the base on the same rows, with 95 % intervals."""
    figures: dict[str, Any] = {}
    for kind in runs[0]:
        before = np.concatenate([marks[kind] for marks in base])
        after = np.concatenate([marks[kind] for marks in runs])
        share = proportion(int(after.sum()), len(after))
        change = paired_difference(int((after & ~before).sum()), int((before & ~after).sum()), len(after))
        figures[kind] = round(share.value or 0.0, 4)
        figures[f"{kind}, difference"] = [round(end, 4) for end in (change.value or 0.0, change.low, change.high)]
    return figures


def run_once(setting: Setting, name: str, fold: int, seed: int) -> Marks:
    """Train one variant on one fold, and mark every scored row."""
    path = setting.scratch / f"{name.replace(' ', '-')}-{fold}-{seed}.json"
    if not path.is_file():
        path.write_text(json.dumps(_train_and_mark(setting, name, fold, seed)), encoding="utf-8")
        logger.info("finished %s", path.stem)
    marks: Marks = json.loads(path.read_text(encoding="utf-8"))
    return marks


def _train_and_mark(setting: Setting, name: str, fold: int, seed: int) -> Marks:
    changes = dict(VARIANTS[name])
    share = changes.pop(CORPUS_SHARE, 0.5)
    divided = leave_sources_out(setting.public, FOLDS, most_per_source=MOST_UNSEEN)[fold]
    n_corpus = round(ROWS * share)
    train = _sample(even_sample(divided.train, 0), ROWS - n_corpus) + _sample(setting.corpus, n_corpus)
    splits = make_splits(train, list(setting.unseen_writers), seed=seed, path=Path("ablation"))
    settings = TrainSettings(
        train_data=Path("ablation"),
        output_dir=setting.scratch,
        seed=seed,
        **{**RECIPE, "epochs": 1, **changes},
    )
    return _train(setting, settings, splits, {"unseen sources": divided.unseen, "unseen writers": splits.validation})


def _train(setting: Setting, settings: TrainSettings, splits: Splits, scored: dict[str, list[Row]]) -> Marks:
    set_seed(settings.seed)
    encoder = load_encoder(str(setting.encoder), splits.categories)
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=settings.max_tokens)
    # One epoch has nothing to choose between, so its validation may be short.
    with tempfile.TemporaryDirectory() as scratch:
        fine_tune(encoder, replace(splits, validation=splits.validation[:64]), tokenizer, settings, Path(scratch))
    return {kind: find_right(encoder, tokenizer, rows).tolist() for kind, rows in scored.items()}


def _sample(rows: Sequence[Row], n: int) -> list[Row]:
    return random.Random(0).sample(list(rows), min(n, len(rows)))


if __name__ == "__main__":
    ablations()
