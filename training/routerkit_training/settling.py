"""How far a continued router goes from the one that it began with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from routerkit_training.interpolation import between, weights_of
from routerkit_training.new_head import TAKEN, place_border
from routerkit_training.regression import Comparison, find_right

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from routerkit.tokenization import QueryTokenizer
    from routerkit_training.encoder import Encoder
    from routerkit_training.extend import Continued
    from routerkit_training.interpolation import Weights

SHARES = (1.0, 0.85, 0.7, 0.55, 0.4)
"""Shares of the way that are tried, the whole way first."""

WANTED_LOSS = 0.0075
"""Share of the old validation rows from which the rest of the way is not gone: a quarter below what is allowed, because
other rows may lose more."""

logger = logging.getLogger(__name__)


def settle(
    encoder: Encoder, start: Weights, tokenizer: QueryTokenizer, continued: Continued, before: NDArray[np.bool_]
) -> Comparison:
    """Leave the encoder where it has learnt most without losing much of what it knew.

    The farthest point of the way is taken (see `interpolation`) at which the old validation rows have lost at most
    `WANTED_LOSS`, beside what new categories are given; else the nearest.

    Args:
        encoder: after training; changed in place.
        start: its weights before.
        tokenizer: the serving tokenizer.
        continued: the rows.
        before: which of the old validation rows the router had right.

    Returns:
        the old validation rows before and at the chosen point.
    """
    learnt = weights_of(encoder)
    wanted = WANTED_LOSS + (TAKEN if continued.added else 0.0)
    for share in SHARES:
        encoder.model.load_state_dict(between(start, learnt, share))
        if continued.added:
            place_border(encoder, tokenizer, continued)
        found = Comparison.of(before, find_right(encoder, tokenizer, continued.checked))
        if found.before - found.after <= wanted:
            break
    logger.info(
        "old categories: accuracy %.3f before, %.3f now, %.0f %% of the way", found.before, found.after, 100 * share
    )
    return found
