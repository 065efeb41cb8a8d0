"""One base model in memory, and the adapters that were added to it."""

from __future__ import annotations

import itertools
import logging
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from peft import PeftConfig, PeftModelForCausalLM
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError

from routerkit.errors import SpecialistError
from routerkit_graphs.backends.huggingface import sources
from routerkit_graphs.backends.huggingface.loading import LoadedModel, load_own, loading
from routerkit_graphs.backends.huggingface.memory import check_fits, readable, resolve_device
from routerkit_graphs.backends.lora import adapters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from routerkit.config import LoraSpecialist
    from routerkit_graphs.backends.lora.generation import LoraJob

logger = logging.getLogger("routerkit_graphs")

_NO_ADAPTER = "__base__"
"""PEFT's name for the base alone, in a mixed batch."""


@dataclass(frozen=True)
class Adapter:
    """An adapter that is in memory; two specialists with one adapter have equal ones.

    Attributes:
        name: what PEFT calls it.
        mixes: whether it may stand in one batch with others.
    """

    name: str
    mixes: bool


class LoraBase(LoadedModel):
    """Base weights that are shared by all specialists that name them, with their adapters.

    Args:
        model: the base, owned by nobody else.
        device: where it is.

    Attributes:
        waiting: jobs that wait for the lock; whoever gets it may answer several.
        queue_lock: held for a look at `waiting`.
    """

    def __init__(self, model: LoadedModel, device: str) -> None:
        super().__init__(llm=model.llm, context_tokens=model.context_tokens, stop_ids=model.stop_ids)
        self.waiting: list[LoraJob] = []
        self.queue_lock = threading.Lock()
        self._device = device
        self._adapters: dict[str, Adapter] = {}
        self._numbers = itertools.count(1)

    def add(self, category: str, adapter: str) -> Adapter:
        """The adapter, put into memory unless it is there; running generations end first.

        Raises:
            SpecialistError: if it is missing, does not fit into the memory, or was made for another base.
        """
        key = sources.identity(adapter)
        if key not in self._adapters:
            source = adapters.find(category, adapter)
            check_fits(category, adapter, source.weights_bytes, self._device)
            folder = adapters.fetch(category, source)
            # A module name in torch, so without dots.
            made = Adapter(f"adapter{next(self._numbers)}", adapters.can_be_mixed(folder))
            logger.info("%s: adding the adapter %s (%s)", category, adapter, readable(source.weights_bytes))
            with self.lock:
                self._load(category, adapter, folder, made.name)
            self._adapters[key] = made
        return self._adapters[key]

    def choose(self, chosen: Sequence[Adapter | None]) -> dict[str, Any]:
        """Arguments for the model's `generate` that give each prompt its adapter; the caller holds the lock.

        Args:
            chosen: one per prompt; None is the base alone. One that does not mix stands there for all prompts.
        """
        model = self.llm.pipeline.model
        if not isinstance(model, PeftModelForCausalLM):
            return {}
        alone = next((adapter for adapter in chosen if adapter and not adapter.mixes), None)
        if alone:
            model.set_adapter(alone.name, inference_mode=True)
            return {}
        return {"adapter_names": [adapter.name if adapter else _NO_ADAPTER for adapter in chosen]}

    @contextmanager
    def unchanged_by_failures(self) -> Iterator[None]:
        """Around a generation: if it fails, PEFT leaves its hooks on the layers, and they would choose for later ones.

        The caller holds the lock.
        """
        layers = [layer for layer in self.llm.pipeline.model.modules() if isinstance(layer, BaseTunerLayer)]
        before = [set(layer._forward_pre_hooks) for layer in layers]
        try:
            yield
        except BaseException:  # raised again below; a cancelled generation leaves hooks, too
            for layer, known in zip(layers, before, strict=True):
                for number in set(layer._forward_pre_hooks) - known:
                    del layer._forward_pre_hooks[number]
                    layer._forward_pre_hooks_with_kwargs.pop(number, None)
            raise

    def _load(self, category: str, adapter: str, folder: Path, name: str) -> None:
        model, first = self.llm.pipeline.model, not isinstance(self.llm.pipeline.model, PeftModelForCausalLM)
        try:
            if first:
                settings = PeftConfig.from_pretrained(folder)
                settings.inference_mode = True
                model = _wrap(model, settings, name)
            report = model.load_adapter(
                folder, adapter_name=name, torch_device=self._device, autocast_adapter_dtype=False
            )
            odd = [*report.missing_keys, *report.unexpected_keys]
            if odd:
                raise ValueError(f"{len(odd)} of its weights are missing or too many, {odd[0]} first")
        except (OSError, RuntimeError, ValueError, TypeError, KeyError, SafetensorError) as error:
            self._undo(model, name, first=first)
            problem = str(error).strip().splitlines()[0]
            raise SpecialistError(
                category,
                f"the adapter {adapter} does not fit its base or is damaged: {problem}; use the base it was trained on",
                cause=type(error).__name__,
            ) from error
        self.llm.pipeline.model = model.eval()

    @staticmethod
    def _undo(model: Any, name: str, *, first: bool) -> None:  # noqa: ANN401 - transformers has no types
        """Take a half-loaded adapter out again, so that a repaired one can be added without a restart."""
        if not isinstance(model, PeftModelForCausalLM):
            return
        if first:
            model.unload()
        elif name in model.peft_config:
            model.delete_adapter(name)


def _wrap(model: Any, settings: PeftConfig, name: str) -> Any:  # noqa: ANN401 - transformers has no types
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5 for it by its old name.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        return PeftModelForCausalLM(model, settings, adapter_name=name, autocast_adapter_dtype=False)


_bases: WeakValueDictionary[tuple[str, str, str], LoraBase] = WeakValueDictionary()


def load_base(category: str, spec: LoraSpecialist) -> tuple[LoraBase, Adapter | None]:
    """The base of a specialist and its adapter; specialists with equal model, dtype and device share the base.

    Args:
        category: the node it is for, for messages.
        spec: its entry in the configuration.

    Raises:
        SpecialistError: if base or adapter are missing, do not fit together, or do not fit into the memory.
    """
    if spec.adapter:
        # Before the base is loaded, which takes much longer than to see that a folder is missing.
        adapters.find(category, spec.adapter)
    device = resolve_device(category, spec.device)
    key = (sources.identity(spec.model), spec.dtype, device)
    with loading:
        base = _bases.get(key)
        if base is None:
            base = _bases[key] = LoraBase(load_own(category, spec, device), device)
        return base, base.add(category, spec.adapter) if spec.adapter else None
