"""The chat model of one adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from routerkit_graphs.backends.huggingface.chat import ChatLocalModel
from routerkit_graphs.backends.lora.base import Adapter, LoraBase  # noqa: TC001 - pydantic reads the annotations
from routerkit_graphs.backends.lora.generation import LoraJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.config import GenerationConfig
    from routerkit_graphs.backends.fitting import Turn


class ChatLoraModel(ChatLocalModel):
    """An adapter on a shared base. Requests that come at once, to whichever adapters, are answered together.

    Attributes:
        base: base and adapters.
        adapter: the adapter that writes; None is the base alone.
        max_batch: most prompts in one generation.
    """

    base: LoraBase = Field(exclude=True, repr=False)
    adapter: Adapter | None
    max_batch: int

    def _new_job(self, conversations: Sequence[Sequence[Turn]], settings: GenerationConfig) -> LoraJob:
        return LoraJob(self.base, self.category, conversations, settings, self.adapter, self.max_batch)
