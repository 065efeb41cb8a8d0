"""Back ends: from the description of a specialist to a chat model.

A back end is a module with `load(category, spec) -> BaseChatModel`, named in `BACKENDS` under the value of the
configuration key `backend`. It is imported when its first specialist is used.
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from routerkit.config import Specialist

BACKENDS = {
    "huggingface": "routerkit_graphs.backends.huggingface",
    "lora": "routerkit_graphs.backends.lora",
    "openai": "routerkit_graphs.backends.openai",
    "chat": "routerkit_graphs.backends.chat",
}


class Backend(Protocol):
    """What a back end module offers."""

    def load(self, category: str, spec: Specialist) -> BaseChatModel:
        """Make the chat model ready to answer; may take minutes.

        Args:
            category: the node it answers for, for messages.
            spec: the specialist's entry in the configuration.

        Raises:
            SpecialistError: if the model is missing, may not be used, or does not fit.
            MissingExtraError: if the libraries it needs are not installed.
        """
        ...


class LazyModel:
    """A configured specialist that is loaded when it is first used. Safe to share between threads.

    Args:
        category: the node it answers for.
        spec: its entry in the configuration.
    """

    def __init__(self, category: str, spec: Specialist) -> None:
        self._category = category
        self._spec = spec
        self._model: BaseChatModel | None = None
        self._lock = threading.Lock()

    def get(self) -> BaseChatModel:
        """The chat model. A failed load is tried again at the next call, so that a repaired cause needs no restart.

        Raises:
            SpecialistError: see `Backend.load`.
            MissingExtraError: see `Backend.load`.
        """
        with self._lock:
            if self._model is None:
                backend = cast("Backend", import_module(BACKENDS[self._spec.backend]))
                self._model = backend.load(self._category, self._spec)
            return self._model
