"""Training in several processes, started by `torchrun`: the first one writes, the others wait."""

from __future__ import annotations

import os

import torch


def n_processes() -> int:
    """Number of processes that train together; 1 unless started by `torchrun`."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes."""
    return int(os.environ.get("RANK", "0")) == 0


def wait() -> None:
    """Wait for the other processes."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
