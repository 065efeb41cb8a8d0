"""Weights between those of the base model and the tuned ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from routerkit_training.encoder import load_encoder, load_router
from routerkit_training.interpolation import between, draw_back, weights_of
from routerkit_training.train import train_router

from tests.training.support import quick_settings

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.artefact import Artefact

FIRST = "distilbert.transformer.layer.0.attention.q_lin.weight"


def test_the_ends_of_the_way_are_the_weights_themselves() -> None:
    start, learnt = {"a": torch.zeros(2), "n": torch.tensor(3)}, {"a": torch.ones(2), "n": torch.tensor(4)}
    for share, expected in ((0.0, 0.0), (0.25, 0.25), (1.0, 1.0)):
        found = between(start, learnt, share)
        assert found["a"].tolist() == [expected, expected]
        assert found["n"] == 4


def test_the_encoder_goes_back_and_the_head_stays(tiny_distilbert_folder: Path) -> None:
    encoder = load_encoder(str(tiny_distilbert_folder), ["code", "math"])
    start = weights_of(encoder)
    with torch.no_grad():
        for weight in encoder.model.parameters():
            weight.add_(1.0)
    draw_back(encoder, start, 0.75)
    now = weights_of(encoder)
    assert torch.allclose(now[FIRST], start[FIRST] + 0.75)
    assert torch.equal(now["classifier.weight"], start["classifier.weight"] + 1.0)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_trained_router_keeps_the_share_that_was_asked_for(
    trained: Artefact, train_file: Path, tiny_distilbert_folder: Path, tmp_path: Path, share: float
) -> None:
    settings = quick_settings(train_file, tmp_path / "part", tiny_distilbert_folder, tuned_share=share)
    train_router(settings)
    start, whole, part = (
        weights_of(encoder)[FIRST]
        for encoder in (
            load_encoder(str(tiny_distilbert_folder), ["code", "general", "math"]),
            load_router(str(trained.path)),
            load_router(str(tmp_path / "part")),
        )
    )
    assert torch.allclose(part, start.lerp(whole, share), atol=1e-6)
    assert not torch.equal(part, whole)
