from __future__ import annotations

import os
from pathlib import Path

import pytest

from routerkit.engines.cores import usable_cores

NONE = Path("there", "is", "no", "such", "file")


def test_without_a_quota_every_core_of_the_process_counts() -> None:
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert usable_cores(NONE) == expected


@pytest.mark.parametrize(
    ("content", "cores"),
    [("max 100000\n", None), ("100000 100000\n", 1), ("25000 100000\n", 1), ("6400000 100000\n", None), ("junk", None)],
)
def test_a_container_gets_its_share_and_never_more_than_there_is(
    tmp_path: Path, content: str, cores: int | None
) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(content, encoding="ascii")
    assert usable_cores(quota) == (cores or usable_cores(NONE))
