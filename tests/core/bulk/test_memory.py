"""Memory of `routerkit batch` does not grow with the file; `tests/benchmarks/million.py` shows it on a million rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.million import tenths, watched, write

MEASURED = """
import re, sys
from routerkit.cli import main
try:
    main()
finally:
    print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
"""
"""The command line, and after it the most memory that it used, in kB."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")

ALLOWED_KB = 16_000
"""What the allocator may keep more after a longer run; to hold the further rows would take more than 32,000."""


def peak_kb(folder: Path, model: Path, kind: str, rows: int) -> int:
    source, target = folder / f"{rows}.{kind}", folder / f"{rows}.out.{kind}"
    text = "what is the sum " * 250
    with source.open("w", encoding="utf-8") as file:
        if kind == "csv":
            file.write("id,query,text\n")
        for number in range(rows):
            row = (f'{{"id": {number}, "query": "sum", "text": "{text}"}}', f"{number},sum,{text}")
            file.write(row[kind == "csv"] + "\n")
    arguments = ["batch", "--input-file", source, "--output-file", target, "--model", model]
    command = [sys.executable, "-c", MEASURED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=True)
    with target.open("rb") as file:
        assert sum(1 for _ in file) == rows + (kind == "csv")
    return int(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_three_times_the_rows_need_no_more_memory(tiny_router_folder: Path, tmp_path: Path, kind: str) -> None:
    short, long = (peak_kb(tmp_path, tiny_router_folder, kind, rows) for rows in (4_000, 12_000))
    assert long - short < ALLOWED_KB


@pytest.mark.slow
def test_memory_stays_where_it_is_over_a_hundred_thousand_rows(tiny_router_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    write(source, ["sum", "what is the atom", "hello rain", "the loop is what it is"], 100_000)
    parts = tenths(watched(source, tmp_path / "out.jsonl", str(tiny_router_folder)), 100_000)
    assert [part.rows for part in parts][-1] == 100_000
    assert parts[-1].megabytes - parts[1].megabytes < ALLOWED_KB / 1024
