"""`train --search N`: try settings, and train with those whose validation macro-F1 is best."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from routerkit.errors import ConfigError, require
from routerkit_training.distributed import n_processes
from routerkit_training.train import describe_run, learn, write_router

if TYPE_CHECKING:
    from pathlib import Path

    from optuna import Study, Trial

    from routerkit.artefact import Artefact
    from routerkit_training.settings import TrainSettings

FOLDER = "search"
"""Under the output folder while a search runs; it goes when the router is written."""

logger = logging.getLogger(__name__)

_STUDY = "study.jsonl"
_RUN = "run.json"
_RATE_RANGE = (0.25, 4.0)  # times the learning rate of the settings
_MOST_SMOOTHING = 0.2


def search_router(settings: TrainSettings, n_trials: int) -> Artefact:
    """Try settings, train with the best of them, and write the router.

    Learning rate (a quarter to four times that of the settings), epochs (one to twice theirs) and label smoothing (0
    to 0.2) are drawn by a tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter
    Optimization", 2011, section 4), as optuna implements it; the first trial is the settings themselves. A search that
    was interrupted goes on with its next trial.

    Args:
        settings: of every trial but for what is searched.
        n_trials: from 1 on.

    Raises:
        ConfigError: if a search with other settings or data was begun in the folder, or several processes train.
        MissingExtraError: if optuna is not installed.
    """
    require("train", "optuna")
    if n_processes() > 1:
        raise ConfigError("--search runs in one process; search first, then train with the best settings by torchrun")
    folder = settings.output_dir / FOLDER
    study = _open(folder, settings)
    while len(_finished(study)) < n_trials:
        study.optimize(lambda trial: _try(trial, settings, folder), n_trials=1)
    best = study.best_trial
    logger.info("best of %d trials: macro-F1 %.3f with %s", len(_finished(study)), study.best_value, best.params)
    learnt = learn(settings.model_copy(update=best.params))
    found = {"trials": len(_finished(study)), "macro_f1": study.best_value, **best.params}
    shutil.rmtree(folder)
    facts = replace(learnt.facts, training={**learnt.facts.training, "search": found})
    return write_router(replace(learnt, facts=facts), settings)


def _open(folder: Path, settings: TrainSettings) -> Study:
    from optuna import create_study
    from optuna import logging as optuna_logging
    from optuna.samplers import TPESampler
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna_logging.set_verbosity(optuna_logging.WARNING)
    _claim(folder, settings)
    study = create_study(
        study_name=FOLDER,
        storage=JournalStorage(JournalFileBackend(str(folder / _STUDY))),
        direction="maximize",
        load_if_exists=True,
    )
    # Without its own seed a search that goes on would draw the numbers of its first trials again.
    study.sampler = TPESampler(seed=settings.seed + len(_finished(study)))
    if not study.trials:
        study.enqueue_trial({name: getattr(settings, name) for name in ("learning_rate", "epochs", "label_smoothing")})
    return study


def _claim(folder: Path, settings: TrainSettings) -> None:
    mark = folder / _RUN
    identity = describe_run(settings)
    if mark.is_file() and json.loads(mark.read_text(encoding="utf-8")) != identity:
        raise ConfigError(
            f"{folder}: belongs to a search with other settings or data; repeat that command to go on with it, "
            "or delete the folder to start afresh"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(identity, indent=2), encoding="utf-8")


def _finished(study: Study) -> list[Any]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def _try(trial: Trial, settings: TrainSettings, folder: Path) -> float:
    low, high = (factor * settings.learning_rate for factor in _RATE_RANGE)
    drawn = {
        "learning_rate": trial.suggest_float("learning_rate", low, high, log=True),
        "epochs": trial.suggest_int("epochs", 1, 2 * settings.epochs),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, max(_MOST_SMOOTHING, settings.label_smoothing)),
    }
    place = folder / f"trial-{trial.number}"
    shutil.rmtree(place, ignore_errors=True)
    changes = {**drawn, "output_dir": place, "allow_regression": True}
    history = learn(settings.model_copy(update=changes)).facts.training["history"]
    shutil.rmtree(place, ignore_errors=True)
    found = float(max(epoch["validation_macro_f1"] for epoch in history))
    logger.info("trial %d: macro-F1 %.3f with %s", trial.number, found, drawn)
    return found
