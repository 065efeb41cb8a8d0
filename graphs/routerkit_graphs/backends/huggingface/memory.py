"""Does a model fit? Asked before anything is downloaded or loaded."""

from __future__ import annotations

import psutil
import torch

from routerkit.errors import SpecialistError

OVERHEAD = 1.1
"""Memory for a model's cache and intermediate results, as a factor on its weights. An estimate for short answers."""


def resolve_device(category: str, wanted: str) -> str:
    """`auto` becomes a GPU if torch sees one, else the CPU.

    Raises:
        SpecialistError: if a GPU is asked for that torch does not see.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return "cuda:0" if gpus else "cpu"
    if wanted == "cpu":
        return wanted
    index = int(wanted.partition(":")[2] or 0)
    if index >= gpus:
        raise SpecialistError(
            category, f"device {wanted} is not there, torch sees {gpus} GPUs; use device: auto, or install CUDA torch"
        )
    return f"cuda:{index}"


def free_bytes(device: str) -> int:
    """Memory that is free on a device now, in bytes."""
    if device == "cpu":
        return int(psutil.virtual_memory().available)
    return int(torch.cuda.mem_get_info(device)[0])


def check_fits(category: str, model: str, weights_bytes: int, device: str) -> None:
    """Refuse a model that would exhaust the memory.

    Args:
        category: the node it is for.
        model: its name as configured.
        weights_bytes: size of the loaded weights.
        device: `cpu` or `cuda:N`.

    Raises:
        SpecialistError: with the arithmetic.
    """
    free = free_bytes(device)
    needed = int(weights_bytes * OVERHEAD)
    if needed > free:
        raise SpecialistError(
            category,
            f"{model} does not fit: weights {readable(weights_bytes)} x {OVERHEAD} = {readable(needed)} needed, "
            f"{readable(free)} free on {device}; use a smaller model or dtype: bfloat16, let categories share one "
            "model, or answer from an endpoint (backend: openai)",
        )


def readable(size: int) -> str:
    """A number of bytes for people: `14.6 GiB`, `2.0 MiB`."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
