"""The settings of one specialist: which model answers, where it runs, how it writes, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from routerkit.spec import Probability, Spec

DEFAULT_RETRIES = 2


class GenerationConfig(Spec):
    """How a specialist writes its answer.

    Attributes:
        max_new_tokens: longest answer, in tokens.
        temperature: 0 always takes the most probable token; above 0 draws tokens at random.
        top_p: smallest probability mass to draw from, in [0, 1].
        stop: texts that end the answer and are left out of it.
    """

    max_new_tokens: PositiveInt = 512
    temperature: Annotated[float, Field(ge=0.0)] = 0.0
    top_p: Probability = 1.0
    stop: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)


class AnySpecialist(Spec):
    """What every specialist has.

    Attributes:
        system_prompt: put in front of every conversation.
        generation: see `GenerationConfig`.
        retries: how often a call that may succeed the next time is tried again, with growing pauses; None takes the
            graph's `retries`.
        timeout_s: longest wait for an answer in seconds, retries and waiting for a busy model included; None takes the
            graph's `timeout_s`. The time in which a model is loaded does not count.
    """

    system_prompt: str | None = None
    generation: GenerationConfig = GenerationConfig()
    retries: NonNegativeInt | None = None
    timeout_s: PositiveFloat | None = None


class LocalSpecialist(AnySpecialist):
    """What every model that runs here has.

    Attributes:
        model: hub id (`id@revision`), folder, or `miniature:NAME` for a demonstration model of the package.
        dtype: number format of the weights; `auto` takes the checkpoint's own.
        device: `cpu`, `cuda`, `cuda:0` ..., or `auto`: a GPU if torch sees one, else the CPU.
    """

    model: str
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")


class HuggingFaceSpecialist(LocalSpecialist):
    """A model that runs here, through `HuggingFacePipeline`."""

    backend: Literal["huggingface"] = "huggingface"


class LoraSpecialist(LocalSpecialist):
    """A base model with a LoRA adapter; specialists of one base, dtype and device share its weights.

    Attributes:
        model: the base model; see `LocalSpecialist`.
        adapter: folder or hub id (`id@revision`) of a PEFT adapter made for the base; None is the base alone.
        max_batch: most requests, of any adapters of the base, that are answered in one generation.
    """

    backend: Literal["lora"]
    adapter: str | None = None
    max_batch: PositiveInt = 16


class RemoteSpecialist(AnySpecialist):
    """What every model that runs elsewhere has.

    Attributes:
        context_tokens: most tokens that the model takes for conversation and answer together. Longer conversations
            lose their oldest turns, counted as one token for three letters; None sends them as they are.
    """

    context_tokens: PositiveInt | None = None


class OpenAISpecialist(RemoteSpecialist):
    """A model behind an OpenAI-compatible endpoint: vLLM, TGI, llama.cpp, Ollama, or a hosted one.

    Attributes:
        model: the name that the endpoint knows.
        base_url: address of the endpoint, ending in `/v1`; None means the hosted service.
        api_key_env: environment variable that holds the key.
    """

    backend: Literal["openai"]
    model: str
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"


class ChatSpecialist(RemoteSpecialist):
    """Any model that LangChain's `init_chat_model` knows.

    Only the settings of `generation` that are given are passed on, because not every provider takes every one.

    Attributes:
        model: `provider:model`, for example `anthropic:` and the name of a model.
        options: further arguments for the provider's class; keys and passwords belong into the environment variables
            that it reads.
    """

    backend: Literal["chat"]
    model: str = Field(pattern=r"^[\w-]+:.+$")
    options: dict[str, Any] = Field(default_factory=dict)


def _from_shorthand(value: object) -> object:
    """A bare string is a Hugging Face model, and so is a mapping that names no back end."""
    if isinstance(value, str):
        return {"backend": "huggingface", "model": value}
    if isinstance(value, Mapping) and "backend" not in value:
        return {"backend": "huggingface", **value}
    return value


_Any = HuggingFaceSpecialist | LoraSpecialist | OpenAISpecialist | ChatSpecialist
Specialist = Annotated[
    Annotated[_Any, Field(discriminator="backend")],
    BeforeValidator(_from_shorthand, json_schema_input_type=str | _Any),
]
"""An entry of `model_mappings`."""
