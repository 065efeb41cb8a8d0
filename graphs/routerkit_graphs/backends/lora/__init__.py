"""Specialists that share one base model, each with a LoRA adapter of its own (Hu et al. 2021, arXiv 2106.09685).

adapters finds them, base loads and keeps them, generation answers requests to several of them at once. The chat model
is the one of the back end huggingface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit.config import LoraSpecialist
from routerkit.errors import require

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from routerkit.config import Specialist


def load(category: str, spec: Specialist) -> BaseChatModel:
    """The chat model of one adapter, its base loaded or shared. See `routerkit_graphs.backends.Backend`.

    Raises:
        SpecialistError: if base or adapter are missing, do not fit together, or do not fit into the memory.
        MissingExtraError: if torch, transformers, peft or langchain-huggingface are not installed.
    """
    if not isinstance(spec, LoraSpecialist):
        raise TypeError(f"the back end lora was given a {type(spec).__name__}")
    require("local", "torch", "transformers", "peft", "langchain_huggingface", "accelerate", "psutil")
    from routerkit_graphs.backends.lora.base import load_base
    from routerkit_graphs.backends.lora.chat import ChatLoraModel

    base, adapter = load_base(category, spec)
    name = f"{spec.model}+{spec.adapter}" if spec.adapter else spec.model
    return ChatLoraModel(
        loaded=base,
        base=base,
        adapter=adapter,
        max_batch=spec.max_batch,
        category=category,
        model_name=name,
        generation=spec.generation,
    )
