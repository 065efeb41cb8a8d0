"""LoRA adapters for a miniature of the package, large enough that each says something else."""

from __future__ import annotations

import warnings
from importlib.resources import files
from pathlib import Path
from typing import Any

BASE = "miniature:general"
NAMES = ("math", "science", "code", "commonsense", "general")


def write_adapter(folder: Path, seed: int, **settings: Any) -> Path:
    """Train nothing: draw the adapter's weights at random."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    source = Path(str(files("routerkit_graphs"))) / "miniatures" / BASE.removeprefix("miniature:")
    torch.manual_seed(seed)
    config = LoraConfig(
        r=4, lora_alpha=16, init_lora_weights=False, target_modules=["q_proj", "v_proj", "down_proj"], **settings
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32), config)
    model.save_pretrained(folder)
    return folder


def entry(adapter: Path | str | None, **more: Any) -> dict[str, Any]:
    """An entry of `model_mappings`; float32 so that a batch and its parts agree."""
    given = {} if adapter is None else {"adapter": str(adapter)}
    generation = {"max_new_tokens": 12, **more.pop("generation", {})}
    fixed = {"backend": "lora", "model": BASE, "dtype": "float32", "device": "cpu"}
    return {**fixed, "generation": generation, **given, **more}
