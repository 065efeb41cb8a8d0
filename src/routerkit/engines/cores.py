"""How many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota_file: Path = _QUOTA) -> int:
    """Cores that this process may run on, at least 1; a container's share of processor time counts too.

    Args:
        quota_file: `cpu.max` of Linux control groups, version 2: microseconds allowed in each period, and its length.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota_file.read_text(encoding="ascii").split()
        share = int(allowed) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or no limit: "max 100000"
        return cores
    return max(1, min(cores, round(share)))
