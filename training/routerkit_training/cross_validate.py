"""Train and measure one router a fold, each on sources that it never saw."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from routerkit.artefact import MANIFEST
from routerkit.evaluation import Evaluation, evaluate
from routerkit.intervals import proportion
from routerkit.router import Router
from routerkit.rows import read_rows
from routerkit_training.folds import leave_sources_out
from routerkit_training.predictions import write_predictions
from routerkit_training.train import train_router

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from routerkit.rows import Row
    from routerkit_training.folds import Fold
    from routerkit_training.settings import TrainSettings

REPORT = "report.json"
"""Every figure of every fold."""

UNSEEN = "unseen.jsonl"
"""What the routers said of the sources that they never saw; `train --unseen` fits its confidence to it."""

MOST_PER_SOURCE = 120
"""Most unseen rows of one source and category that are scored."""

logger = logging.getLogger(__name__)


def cross_validate(settings: TrainSettings, n_folds: int, *, most_per_source: int = MOST_PER_SOURCE) -> dict[str, Any]:
    """Train one router a fold and measure it on the sources that were left out.

    Every figure is at the threshold that the fold's own validation part chose; the unseen rows choose nothing. Folds
    whose router is finished already are not trained again, so an interrupted run goes on where it was.

    Args:
        settings: of every run; `output_dir` gets one folder a fold, `report.json` and `unseen.jsonl`.
        n_folds: from 2 on.
        most_per_source: most unseen rows of one source and category that are scored.

    Returns:
        `folds` (figures of each), `mean` (of the figures over the folds) and `accuracy_interval` (95 %, over all rows).

    Raises:
        ConfigError: if the rows have too few sources.
    """
    folds = leave_sources_out(
        read_rows(settings.train_data), n_folds, most_per_source=most_per_source, seed=settings.seed
    )
    routers = [_train(settings, number, fold) for number, fold in enumerate(folds)]
    evaluations = [evaluate(router, fold.unseen) for router, fold in zip(routers, folds, strict=True)]
    report = _report(folds, evaluations)
    (settings.output_dir / REPORT).write_text(json.dumps(report, indent=1), encoding="utf-8")
    temperatures = [router.artefact.manifest.temperature for router in routers]
    write_predictions(settings.output_dir / UNSEEN, evaluations, temperatures)
    return report


def _train(settings: TrainSettings, number: int, fold: Fold) -> Router:
    folder = settings.output_dir / f"fold-{number}"
    train_data = settings.output_dir / f"fold-{number}.jsonl"
    if not (folder / MANIFEST).is_file():
        logger.info("fold %d leaves out %s", number, ", ".join(fold.sources))
        settings.output_dir.mkdir(parents=True, exist_ok=True)
        write_rows(train_data, fold.train)
        train_router(settings.model_copy(update={"train_data": train_data, "output_dir": folder, "reference": False}))
    return Router.from_pretrained(folder)


def _report(folds: Sequence[Fold], evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    figures = [evaluation.to_dict() for evaluation in evaluations]
    for fold, found in zip(folds, figures, strict=True):
        found["sources"] = fold.sources
    names = ("accuracy", "macro_f1", "ece", "aurc", "harm", "recall", "coverage")
    means = {name: float(np.mean([found[name] for found in figures if found[name] is not None])) for name in names}
    right = [good for evaluation in evaluations for good in evaluation.right]
    accuracy = proportion(sum(right), len(right))
    return {"folds": figures, "mean": means, "accuracy_interval": [accuracy.low, accuracy.high]}


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write labelled rows as the JSONL that training reads."""
    lines = [
        json.dumps({"query": row.query, "category": row.category, "also": row.also, "source": row.source})
        for row in rows
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
