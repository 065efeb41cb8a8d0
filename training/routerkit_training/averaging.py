"""An exponential moving average of the weights, which is what a run keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, get_last_checkpoint

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

_RAW = "raw_weights.safetensors"


class WeightAverage(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    """Evaluates and saves the average of the weights, and trains on with the weights themselves.

    Polyak averaging (Polyak and Juditsky, 1992) with an exponential window, as in Tarvainen and Valpola, "Mean teachers
    are better role models" (2017). The window grows with the steps taken, so that a short run is not held back by its
    first weights.

    Args:
        decay: largest share of the average that a step keeps, in [0, 1).
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._average: list[torch.Tensor] = []
        self._raw: list[torch.Tensor] = []

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: torch.nn.Module,
        **context: object,
    ) -> None:
        """Begin with the present weights; a resumed run finds the average in the checkpoint's model."""
        del control, context
        weights = _weights(model)
        self._average = [weight.detach().clone() for weight in weights]
        if state.global_step:
            raw = load_file(Path(str(get_last_checkpoint(args.output_dir))) / _RAW)
            _copy([raw[str(number)] for number in range(len(weights))], weights)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: torch.nn.Module,
        **context: object,
    ) -> None:
        """Move the average towards the weights."""
        del args, control, context
        decay = min(self._decay, (1 + state.global_step) / (10 + state.global_step))
        torch._foreach_lerp_(self._average, [weight.detach() for weight in _weights(model)], 1 - decay)

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: torch.nn.Module,
        **context: object,
    ) -> None:
        """Put the average into the model: what is evaluated and saved next."""
        del args, state, control, context
        weights = _weights(model)
        self._raw = [weight.detach().clone() for weight in weights]
        _copy(self._average, weights)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **context: object) -> None:
        """Keep the weights beside the average, for a run that is resumed."""
        del control, context
        if not state.is_world_process_zero:  # every process has the same weights
            return
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        save_file({str(number): weight for number, weight in enumerate(self._raw)}, folder / _RAW)

    def on_epoch_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: torch.nn.Module,
        **context: object,
    ) -> None:
        """Go on with the weights themselves."""
        del args, state, control, context
        if self._raw:
            _copy(self._raw, _weights(model))
            self._raw = []


def _weights(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def _copy(source: list[torch.Tensor], target: list[torch.nn.Parameter]) -> None:
    with torch.no_grad():
        for new, weight in zip(source, target, strict=True):
            weight.copy_(new)
