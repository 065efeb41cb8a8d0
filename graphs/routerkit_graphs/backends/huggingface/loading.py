"""Load a model once per process, however many specialists use it."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from langchain_huggingface import HuggingFacePipeline
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
from transformers.utils import logging as transformers_logging

from routerkit.errors import SpecialistError
from routerkit_graphs.backends.huggingface import sources
from routerkit_graphs.backends.huggingface.memory import check_fits, readable, resolve_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from routerkit.specialists import LocalSpecialist
    from routerkit_graphs.backends.fitting import Turn

logger = logging.getLogger("routerkit_graphs")

_QUICK_BYTES = 2**27
"""Weights below this load in a blink; a progress bar would only flicker."""


class LoadedModel:
    """Weights in memory, shared by all specialists that name them.

    Args:
        llm: the LangChain pipeline around model and tokenizer.
        context_tokens: most tokens that prompt and answer may have together.
        stop_ids: ids of the tokens that end an answer.

    Attributes:
        lock: held for a whole generation; neither the tokenizer nor hooks in a model bear concurrent callers.
    """

    def __init__(self, *, llm: HuggingFacePipeline, context_tokens: int, stop_ids: frozenset[int]) -> None:
        self.llm = llm
        self.context_tokens = context_tokens
        self.stop_ids = stop_ids
        self.lock = threading.Lock()

    @property
    def tokenizer(self) -> Any:  # noqa: ANN401 - transformers has no types
        """The model's tokenizer."""
        return self.llm.pipeline.tokenizer

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The text that the model continues: the turns in its chat template, and the beginning of an answer."""
        return str(self.tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=True))


_loaded: WeakValueDictionary[tuple[str, str, str], LoadedModel] = WeakValueDictionary()
loading = threading.Lock()
"""Held for a load: one at a time, so that the memory that is checked is still free when it is used."""


def load_shared(category: str, spec: LocalSpecialist) -> LoadedModel:
    """The model of a specialist; specialists with equal model, dtype and device get the same object.

    Args:
        category: the node it is for, for messages.
        spec: its entry in the configuration.

    Raises:
        SpecialistError: if the model is missing, may not be used, does not fit, or is no chat model.
    """
    device = resolve_device(category, spec.device)
    key = (sources.identity(spec.model), spec.dtype, device)
    with loading:
        model = _loaded.get(key)
        if model is None:
            model = _loaded[key] = load_own(category, spec, device)
        return model


def load_own(category: str, spec: LocalSpecialist, device: str) -> LoadedModel:
    """A copy of the weights that nobody shares, on a device that `resolve_device` named; errors as `load_shared`."""
    source = sources.find(category, spec.model, spec.dtype)
    check_fits(category, spec.model, source.weights_bytes, device)
    return _load(category, spec, source, device)


def _load(category: str, spec: LocalSpecialist, source: sources.Source, device: str) -> LoadedModel:
    size = readable(source.weights_bytes)
    logger.info("%s: loading %s (%s, dtype %s) on %s", category, spec.model, size, spec.dtype, device)
    started = time.monotonic()
    try:
        with _progress(shown=source.weights_bytes > _QUICK_BYTES):
            tokenizer = AutoTokenizer.from_pretrained(source.location, revision=source.revision)
            _check_tokenizer(category, spec.model, tokenizer)
            model, report = AutoModelForCausalLM.from_pretrained(
                source.location,
                revision=source.revision,
                dtype=spec.dtype,
                use_safetensors=True,
                trust_remote_code=False,
                # Straight to the GPU, without a second copy in main memory.
                device_map=None if device == "cpu" else {"": device},
                output_loading_info=True,
            )
    except (OSError, ValueError, SafetensorError) as error:
        first = str(error).strip().splitlines()[0]
        raise SpecialistError(category, f"{spec.model} cannot be loaded: {first}", retryable=True) from error
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers fills the gaps with random numbers and goes on.
        problem = f"{spec.model} lacks {len(missing)} of its weights, {missing[0]} first; fetch it again"
        raise SpecialistError(category, problem)
    logger.info("%s: %s is ready after %.1f s", category, spec.model, time.monotonic() - started)
    return _wrap(spec.model, model, tokenizer)


def _wrap(name: str, model: Any, tokenizer: Any) -> LoadedModel:  # noqa: ANN401 - transformers has no types
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    settings = model.generation_config
    ends = settings.eos_token_id if settings.eos_token_id is not None else tokenizer.eos_token_id
    # The checkpoint's own sampling settings would silently mix with the configured ones.
    settings.update(do_sample=False, temperature=None, top_p=None, top_k=None, max_length=None)
    return LoadedModel(
        llm=HuggingFacePipeline(pipeline=pipeline("text-generation", model=model, tokenizer=tokenizer), model_id=name),
        context_tokens=int(getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length),
        stop_ids=frozenset(ends if isinstance(ends, list) else [ends]),
    )


def _check_tokenizer(category: str, model: str, tokenizer: Any) -> None:  # noqa: ANN401 - transformers has no types
    if not tokenizer.chat_template:
        raise SpecialistError(
            category, f"{model} has no chat template, so it is no chat model; choose an instruct model"
        )


@contextmanager
def _progress(*, shown: bool) -> Iterator[None]:
    if shown or not transformers_logging.is_progress_bar_enabled():
        yield
        return
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()
