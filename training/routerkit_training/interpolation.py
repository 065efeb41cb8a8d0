"""Weights between those before and after fine-tuning.

Wortsman et al., "Robust fine-tuning of zero-shot models" (2022), section 3, found that they keep most of what was
learnt and lose less elsewhere; whether they do so here is measured in `training/RESULTS.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from routerkit_training.encoder import Encoder

Weights = dict[str, "torch.Tensor"]

_ENCODER = "distilbert."


def weights_of(encoder: Encoder) -> Weights:
    """A copy of the weights as they are."""
    return {name: value.clone() for name, value in encoder.model.state_dict().items()}


def between(start: Weights, learnt: Weights, share: float) -> Weights:
    """Weights a share of the way from one set to another, in [0, 1]. Whole numbers are the latter's."""
    return {
        name: start[name].lerp(value, share) if value.is_floating_point() else value for name, value in learnt.items()
    }


def draw_back(encoder: Encoder, start: Weights, share: float) -> None:
    """Leave the encoder a share of the way from `start`, in [0, 1]; the head keeps all that it learnt."""
    learnt = weights_of(encoder)
    body = {name: value for name, value in learnt.items() if name.startswith(_ENCODER)}
    encoder.model.load_state_dict(learnt | between(start, body, share))
