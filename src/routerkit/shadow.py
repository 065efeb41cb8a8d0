"""A candidate router that decides silently beside the live one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from routerkit.conversation.following import Following
from routerkit.conversation.history import Conversation
from routerkit.errors import RouterkitError
from routerkit.router import Router

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.router_config import RouterConfig

logger = logging.getLogger("routerkit")

_LIVE_SETTINGS = {"confidence_threshold": "auto", "category_thresholds": {}, "ood_threshold": "auto"}
"""The live router's thresholds are not the candidate's: it decides with those chosen during its own training."""


class Shadow:
    """Decides what a candidate router would do. Called from the decision log's own thread, never from a query's.

    Whatever goes wrong is recorded in place of the decision, and said once as a warning.

    Args:
        source: the candidate: a folder or a hub id.
        live: the live router's settings; device, engine, precision and what of a conversation is routed are the
            candidate's too.
        fallback: the category of the general model.
    """

    def __init__(self, source: str | Path, live: RouterConfig, fallback: str) -> None:
        self._source = source
        self._config = live.model_copy(update=_LIVE_SETTINGS)
        self._fallback = fallback
        self._following: Following | None = None
        self._unusable: str | None = None
        self._warned = False

    def decide(self, query: str | Conversation) -> dict[str, Any]:
        """What the candidate does with a query: `digest`, `category`, `confidence`, `route`, `reason`; or `error`."""
        try:
            candidate = self._load()
            decision = candidate.route(Conversation.of(query))
        except Exception as error:  # a candidate may fail in any way, and must never be noticed by a query
            return {"error": self._explain(error)}
        found = decision.to_dict()
        kept = {key: found[key] for key in ("category", "confidence", "route", "reason")}
        return {"digest": candidate.router.artefact.digest, **kept}

    def _load(self) -> Following:
        if self._unusable is not None:
            raise RouterkitError(self._unusable)
        if self._following is None:
            try:
                router = Router.from_pretrained(self._source, config=self._config, fallback=self._fallback)
            except RouterkitError as error:
                self._unusable = str(error)
                raise
            self._following = Following(router, self._config.conversation)
        return self._following

    def _explain(self, error: Exception) -> str:
        text = str(error) if isinstance(error, RouterkitError) else f"{type(error).__name__}: {error}"
        if not self._warned:
            logger.warning("the shadow router %s does not decide: %s", self._source, text)
            self._warned = True
        return text
