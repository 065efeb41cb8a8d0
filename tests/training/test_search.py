"""`train --search`: settings are tried, remembered, and the best ones train the router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from routerkit_training import search as module
from routerkit_training.search import search_router
from routerkit_training.train import learn

from routerkit import artefact
from routerkit.errors import ConfigError
from tests.cli import call
from tests.training.support import quick_settings

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit_training.settings import TrainSettings
    from routerkit_training.train import Learnt


class _Trials:
    """Counts the runs and remembers their settings; pulls the plug at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, interrupt_at: int | None = None) -> None:
        self.settings: list[TrainSettings] = []

        def counted(settings: TrainSettings) -> Learnt:
            self.settings.append(settings)
            if len(self.settings) == interrupt_at:
                raise KeyboardInterrupt
            return learn(settings)

        monkeypatch.setattr(module, "learn", counted)


@pytest.fixture
def settings(tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path) -> TrainSettings:
    return quick_settings(train_file, tmp_path / "router", tiny_distilbert_folder, epochs=1)


def _drawn(settings: TrainSettings) -> tuple[Any, ...]:
    return settings.learning_rate, settings.epochs, settings.label_smoothing


def test_the_best_of_several_settings_trains_the_router(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = _Trials(monkeypatch)
    made = search_router(settings, 3)
    *tried, final = trials.settings
    assert _drawn(tried[0]) == _drawn(settings)
    assert len({_drawn(one) for one in tried}) == 3
    assert _drawn(final) in {_drawn(one) for one in tried}
    assert final.output_dir == made.path
    found = made.manifest.training["search"]
    assert found["trials"] == 3
    assert (found["learning_rate"], found["epochs"], found["label_smoothing"]) == _drawn(final)
    assert found["macro_f1"] == max(entry["validation_macro_f1"] for entry in made.manifest.training["history"])
    assert not (made.path / module.FOLDER).exists()


def test_an_interrupted_search_goes_on_with_its_next_trial(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _Trials(patch, interrupt_at=2)
        with pytest.raises(KeyboardInterrupt):
            search_router(settings, 2)
    assert not (settings.output_dir / artefact.MANIFEST).exists()
    trials = _Trials(monkeypatch)
    made = search_router(settings, 2)
    assert len(trials.settings) == 2  # one trial was left, then the run itself
    assert made.manifest.training["search"]["trials"] == 2


def test_a_search_with_other_settings_is_not_mixed_with_one_begun(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _Trials(patch, interrupt_at=1)
        with pytest.raises(KeyboardInterrupt):
            search_router(settings, 2)
    with pytest.raises(ConfigError, match="belongs to a search with other settings or data"):
        search_router(settings.model_copy(update={"seed": 5}), 2)


def test_a_search_in_several_processes_is_refused(settings: TrainSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="--search runs in one process"):
        search_router(settings, 2)


def test_the_command_searches(tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path) -> None:
    arguments = ["--train-data", train_file, "--output-dir", tmp_path / "router", "--epochs", 1, "--batch-size", 16]
    arguments += ["--base-model", tiny_distilbert_folder, "--precision", "fp32", "--max-tokens", 32, "--search", 1]
    assert call("train", *arguments).status == 0
    assert artefact.read(tmp_path / "router").manifest.training["search"]["trials"] == 1
