"""What a run keeps is the average of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from routerkit_training.averaging import WeightAverage
from transformers import TrainerControl, TrainerState, TrainingArguments

if TYPE_CHECKING:
    from pathlib import Path


def _run(tmp_path: Path, values: list[float], decay: float) -> tuple[torch.nn.Linear, WeightAverage]:
    """A model whose one weight takes the given values step by step, at the end of its epoch."""
    model = torch.nn.Linear(1, 1, bias=False)
    average, state, control = WeightAverage(decay), TrainerState(), TrainerControl()
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    torch.nn.init.constant_(model.weight, values[0])
    average.on_train_begin(arguments, state, control, model=model)
    for step, value in enumerate(values[1:], start=1):
        torch.nn.init.constant_(model.weight, value)
        state.global_step = step
        average.on_step_end(arguments, state, control, model=model)
    average.on_epoch_end(arguments, state, control, model=model)
    return model, average


def test_the_epoch_ends_with_the_average(tmp_path: Path) -> None:
    model, _ = _run(tmp_path, [0.0, 1.0, 1.0], decay=0.1)
    assert model.weight.item() == pytest.approx(0.99)


def test_training_goes_on_with_the_weights_themselves(tmp_path: Path) -> None:
    model, average = _run(tmp_path, [0.0, 1.0, 3.0], decay=0.5)
    arguments = TrainingArguments(str(tmp_path), use_cpu=True)
    average.on_epoch_begin(arguments, TrainerState(), TrainerControl(), model=model)
    assert model.weight.item() == 3.0


def test_a_decay_of_zero_keeps_the_last_weights(tmp_path: Path) -> None:
    model, _ = _run(tmp_path, [0.0, 1.0, 3.0], decay=0.0)
    assert model.weight.item() == 3.0


def test_the_first_weights_of_a_short_run_do_not_outweigh_the_rest(tmp_path: Path) -> None:
    model, _ = _run(tmp_path, [0.0, *[1.0] * 60], decay=0.9999)
    assert model.weight.item() > 0.99
