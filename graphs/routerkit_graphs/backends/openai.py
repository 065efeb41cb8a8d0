"""Specialists behind an OpenAI-compatible endpoint: vLLM, TGI, llama.cpp, Ollama, or a hosted one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from routerkit.config import OpenAISpecialist
from routerkit.errors import SpecialistError, require

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from routerkit.config import Specialist

SILENCE_S = 120.0
"""An endpoint without `timeout_s` that sends nothing for so long counts as gone."""


def load(category: str, spec: Specialist) -> BaseChatModel:
    """The chat model of one endpoint; no request is made yet. See `routerkit_graphs.backends.Backend`.

    Raises:
        SpecialistError: if the hosted service is meant and its key is not set.
        MissingExtraError: if `langchain-openai` is not installed.
    """
    if not isinstance(spec, OpenAISpecialist):
        raise TypeError(f"the back end openai was given a {type(spec).__name__}")
    require("openai", "langchain_openai")
    from routerkit_graphs.backends.openai_chat import ChatEndpoint, ChatHosted

    generation = spec.generation
    settings: dict[str, Any] = {
        "model": spec.model,
        "api_key": _key(category, spec),
        "timeout": spec.timeout_s or SILENCE_S,
        # The graph tries again, and knows when that would show two beginnings.
        "max_retries": 0,
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "stop_sequences": generation.stop or None,
        "stream_usage": True,
    }
    # The hosted service wants `max_completion_tokens`, which `ChatOpenAI` writes; other servers know the older name.
    if spec.base_url is None:
        return ChatHosted(**settings, max_completion_tokens=generation.max_new_tokens)
    length = {"max_tokens": generation.max_new_tokens}
    return ChatEndpoint(**settings, category=category, base_url=spec.base_url, extra_body=length)


def _key(category: str, spec: OpenAISpecialist) -> Any:  # noqa: ANN401 - a SecretStr, converted by pydantic
    key = os.environ.get(spec.api_key_env)
    if key:
        return key
    if spec.base_url is None:
        raise SpecialistError(
            category,
            f"the hosted service needs a key, and the environment variable {spec.api_key_env} is not set; set it, "
            "name another one in api_key_env, or set base_url to a server of your own",
        )
    return "not-needed"
