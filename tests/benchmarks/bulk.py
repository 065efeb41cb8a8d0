"""`routerkit batch` on files of growing length: time grows in step with the rows, memory does not grow.

    python tests/benchmarks/bulk.py --rows 1000000

Takes as long as the machine needs for 1.11 times the rows; a small router with random weights takes the starter's
place with `--tiny`, to look at the memory alone.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from routerkit.rows import read_rows

ROOT = Path(__file__).resolve().parents[2]

COMMAND = """
import re, sys
from routerkit.cli import main
try:
    main()
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr)
"""


def main() -> None:
    """Measure a hundredth, a tenth and all of the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the longest file")
    parser.add_argument("--format", choices=["jsonl", "csv"], default="jsonl", help="of input and output")
    parser.add_argument("--tiny", action="store_true", help="a small random router instead of the starter")
    arguments = parser.parse_args()
    queries = [row.query for row in read_rows(ROOT / "examples" / "test.jsonl")]
    print("| rows | seconds | rows/s | peak memory, MB |\n| ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = tiny(folder) if arguments.tiny else "starter"
        for rows in (arguments.rows // 100, arguments.rows // 10, arguments.rows):
            source, target = folder / f"in.{arguments.format}", folder / f"out.{arguments.format}"
            write(source, queries, rows)
            started = time.perf_counter()
            peak = route(source, target, model)
            seconds = time.perf_counter() - started
            with target.open("rb") as file:
                written = sum(1 for _ in file) - (arguments.format == "csv")
            if written != rows:
                raise SystemExit(f"{rows:,} rows went in and {written:,} came out")
            print(f"| {rows:,} | {seconds:.1f} | {rows / seconds:,.0f} | {peak / 1024:.0f} |", flush=True)


def write(path: Path, queries: list[str], rows: int) -> None:
    """Rows in a random order of the example queries, the same in every run."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".csv":
            file.write("id,query\n")
        for number in range(rows):
            query = " ".join(rng.choice(queries).split())
            text = json.dumps(query) if path.suffix == ".jsonl" else '"' + query.replace('"', '""') + '"'
            file.write(f'{{"id": {number}, "query": {text}}}\n' if path.suffix == ".jsonl" else f"{number},{text}\n")


def route(source: Path, target: Path, model: str) -> int:
    """Run the command in a process of its own; returns the most memory it used, in kB."""
    arguments = ["batch", "--input-file", source, "--output-file", target, "--model", model]
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(re.findall(r"\d+", done.stderr)[-1])


def tiny(folder: Path) -> str:
    """The small router of the tests."""
    sys.path.insert(0, str(ROOT))
    from routerkit.testing import tiny_artefact
    from tests.conftest import TINY_WORDS, _write_graphs

    return str(tiny_artefact(folder / "tiny", words=TINY_WORDS, write_graphs=_write_graphs).path)


if __name__ == "__main__":
    main()
