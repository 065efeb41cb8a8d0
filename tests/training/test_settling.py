"""A continued router goes as far as its old categories bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from routerkit_training.encoder import load_router
from routerkit_training.extend import continue_from
from routerkit_training.interpolation import weights_of
from routerkit_training.regression import find_right
from routerkit_training.settling import SHARES, settle

from tests.training.support import obvious_rows, quick_settings, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from routerkit_training.encoder import Encoder
    from routerkit_training.extend import Continued

    from routerkit.artefact import Artefact
    from routerkit.tokenization import QueryTokenizer


@pytest.fixture
def continued(trained: Artefact, tmp_path: Path) -> Continued:
    """A run that goes on from the trained router with a few rows of its own categories."""
    data = write_rows(tmp_path / "more.jsonl", obvious_rows(3))
    settings = quick_settings(data, tmp_path / "more", "starter", from_router=str(trained.path))
    return continue_from(settings, str(trained.path))


@pytest.fixture
def encoder(continued: Continued) -> Encoder:
    """The trained router's classifier."""
    encoder = load_router(str(continued.source.path))
    encoder.model.eval()
    return encoder


@pytest.fixture
def before(encoder: Encoder, tokenizer: QueryTokenizer, continued: Continued) -> NDArray[np.bool_]:
    """Which of its old rows it has right: all."""
    found = find_right(encoder, tokenizer, continued.checked)
    assert found.all()
    return found


def test_what_costs_the_old_categories_nothing_is_kept_whole(
    encoder: Encoder, tokenizer: QueryTokenizer, continued: Continued, before: NDArray[np.bool_]
) -> None:
    start = weights_of(encoder)
    with torch.no_grad():
        encoder.model.classifier.weight *= 1.5
    learnt = weights_of(encoder)
    found = settle(encoder, start, tokenizer, continued, before)
    assert (found.lost, found.gained) == (0, 0)
    assert all(torch.equal(value, learnt[name]) for name, value in weights_of(encoder).items())


def test_what_turns_every_old_answer_round_is_gone_only_so_far_that_they_stay(
    encoder: Encoder, tokenizer: QueryTokenizer, continued: Continued, before: NDArray[np.bool_]
) -> None:
    start = weights_of(encoder)
    with torch.no_grad():
        for part in encoder.model.classifier.parameters():
            part.neg_()
    found = settle(encoder, start, tokenizer, continued, before)
    assert found.after == 1.0
    # Between w and -w the sign turns half-way, and the farthest share before that is the last one.
    left = encoder.model.classifier.weight / start["classifier.weight"]
    assert left.mean().item() == pytest.approx(1 - 2 * SHARES[-1], abs=1e-3)
