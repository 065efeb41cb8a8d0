"""The torch engine: the float checkpoint on any device torch knows. Needs the extra `local`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from routerkit.artefact import CONFIG
from routerkit.engines import Scores
from routerkit.errors import ConfigError
from routerkit.export.checkpoint import float_weights, outside_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.artefact import Artefact


class TorchEngine:
    """Runs the float weights of an artefact with torch.

    An artefact that ships int8 only, such as the starter, is run with the float weights its integers stand for.

    Args:
        artefact: the router.
        device: a torch device such as `cpu`, `cuda` or `cuda:0`.

    Raises:
        ConfigError: if torch has no such device.
    """

    def __init__(self, artefact: Artefact, *, device: str = "cpu") -> None:
        self._device = _checked_device(device)
        self._model = load_model(artefact).to(self._device).eval()
        self._outside = outside_head(artefact)
        self.name = f"torch {self._device}"

    def run(self, batch: Sequence[Sequence[int]]) -> Scores:
        """Compute scores; see `Engine.run`."""
        ids = torch.tensor(np.array(batch, dtype=np.int64), device=self._device)
        with torch.inference_mode():
            found = self._model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
            logits = found.logits.float().cpu().numpy()
            if self._outside is None:
                return Scores(logits)
            features = outside_features(found.hidden_states).float().cpu().numpy()
        return Scores(logits, features @ self._outside.weight + self._outside.bias)


def outside_features(hidden_states: Sequence[torch.Tensor], mask: torch.Tensor | None = None) -> torch.Tensor:
    """What the out-of-domain score looks at: the last layer's first token beside the mean of the layer before.

    Args:
        hidden_states: output of the embeddings and of every layer, each (batch, tokens, dim).
        mask: int64 (batch, tokens), 0 at padding; None if there is none.

    Returns:
        float, shape (batch, 2 * dim).
    """
    before, last = hidden_states[-2], hidden_states[-1]
    weight = torch.ones_like(before[..., :1]) if mask is None else mask[..., None].to(before.dtype)
    mean = (before * weight).sum(dim=1) / weight.sum(dim=1)
    return torch.cat([last[:, 0], mean], dim=1)


def load_model(artefact: Artefact) -> DistilBertForSequenceClassification:
    """The artefact's classifier with float weights, on the CPU.

    Raises:
        ArtefactError: if it has neither float weights nor a graph they can be read from.
    """
    settings = json.loads((artefact.path / CONFIG).read_text(encoding="utf-8"))
    model = DistilBertForSequenceClassification(DistilBertConfig(**settings))
    model.load_state_dict({key: torch.from_numpy(value) for key, value in float_weights(artefact).items()})
    return model


def _checked_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA raises AssertionError
        raise ConfigError(
            f"router_config.device: torch cannot use {name!r} here ({str(error).splitlines()[0]}); "
            "use 'cpu', or 'auto' to take a GPU only if there is one"
        ) from error
    return device
