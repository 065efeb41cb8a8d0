"""Specialists of any provider that LangChain's `init_chat_model` knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit.config import ChatSpecialist
from routerkit.errors import SpecialistError, require
from routerkit_graphs.backends.openai import SILENCE_S
from routerkit_graphs.failures import readable

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from routerkit.config import Specialist

_NAMES = {"max_new_tokens": "max_tokens"}


def load(category: str, spec: Specialist) -> BaseChatModel:
    """The chat model of one provider; no request is made yet. See `routerkit_graphs.backends.Backend`.

    Raises:
        SpecialistError: if the provider is unknown, its library or its key is missing, or it refuses a setting.
        MissingExtraError: if `langchain` is not installed.
    """
    if not isinstance(spec, ChatSpecialist):
        raise TypeError(f"the back end chat was given a {type(spec).__name__}")
    require("agents", "langchain")
    from langchain.chat_models import init_chat_model

    asked = spec.generation.model_dump(include=spec.generation.model_fields_set)
    # The graph tries again, and knows when that would show two beginnings.
    fixed = {"timeout": spec.timeout_s or SILENCE_S, "max_retries": 0}
    settings = fixed | {_NAMES.get(name, name): value for name, value in asked.items()} | spec.options
    try:
        return init_chat_model(spec.model, **settings)
    except Exception as error:  # the border: every provider has errors of its own for what it does not like
        problem = f"{spec.model} cannot be used: {readable(str(error))}"
        raise SpecialistError(category, problem, cause=type(error).__name__) from error
