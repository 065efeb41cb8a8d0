"""How long a specialist is waited for, and the pauses between the tries."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenacity import (
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    stop_never,
    wait_exponential,
    wait_random,
)

from routerkit.specialists import DEFAULT_RETRIES

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("routerkit_graphs")

BACKOFF = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)
"""Pauses between tries: 0.5, 1, 2 ... seconds, at most 8, and up to 0.5 more, so that clients do not come at once."""
MAX_PAUSE_S = 30.0
"""An endpoint that asks for a longer pause than this is not waited for."""


@dataclass(frozen=True)
class Patience:
    """How long a specialist is waited for.

    Attributes:
        retries: tries after the first one, for failures that may pass.
        timeout_s: longest wait for an answer, all tries and pauses included, in seconds; None waits for ever.
    """

    retries: int = DEFAULT_RETRIES
    timeout_s: float | None = None


def retry_rules(patience: Patience, helps: Callable[[BaseException], bool]) -> dict[str, Any]:
    """Arguments for tenacity.

    Args:
        patience: the limits.
        helps: whether another try after this error may help.
    """
    limit = patience.timeout_s
    return {
        "retry": retry_if_exception(helps),
        "stop": stop_after_attempt(patience.retries + 1) | (stop_before_delay(limit) if limit else stop_never),
        "wait": _pause,
        "before_sleep": _say,
        "reraise": True,
    }


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(BACKOFF(state), getattr(error, "retry_after_s", None) or 0.0)


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.info("%s; trying again in %.1f s", error, state.upcoming_sleep)
