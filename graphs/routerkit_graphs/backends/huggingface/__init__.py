"""Specialists that run here: a Llama model in a `HuggingFacePipeline`, behind a chat model that really streams.

sources -> memory -> loading gives the model; prompts -> generation -> chat gives its answers. torch and transformers
are imported when the first specialist is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit.config import HuggingFaceSpecialist
from routerkit.errors import require

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from routerkit.config import Specialist


def load(category: str, spec: Specialist) -> BaseChatModel:
    """The chat model of one specialist, its weights loaded or shared. See `routerkit_graphs.backends.Backend`.

    Raises:
        SpecialistError: if the model is missing, may not be used, does not fit, or is no chat model.
        MissingExtraError: if torch, transformers or langchain-huggingface are not installed.
    """
    if not isinstance(spec, HuggingFaceSpecialist):
        raise TypeError(f"the back end huggingface was given a {type(spec).__name__}")
    require("local", "torch", "transformers", "langchain_huggingface", "accelerate", "psutil")
    from routerkit_graphs.backends.huggingface.chat import ChatLocalModel
    from routerkit_graphs.backends.huggingface.loading import load_shared

    return ChatLocalModel(
        loaded=load_shared(category, spec), category=category, model_name=spec.model, generation=spec.generation
    )
