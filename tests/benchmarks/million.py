"""`routerkit batch` on a long file: each tenth takes as long as the others, and memory stays where it is.

    python -m tests.benchmarks.million                     # a million rows: 20 to 40 minutes on two cores
    python -m tests.benchmarks.million --rows 100000
    python -m tests.benchmarks.million --output docs/million.json

A small router with random weights takes the starter's place with `--tiny`, to look at the memory alone.
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
from dataclasses import asdict, dataclass
from pathlib import Path

from routerkit.bulk.journal import SUFFIX
from routerkit.engines.cores import usable_cores
from tests.benchmarks import texts
from tests.benchmarks.results import NOTHING, Results, filled
from tests.benchmarks.texts import ROOT

EVERY_S = 0.25
PARTS = 10
PAGE, SECTION = "performance.md", "million"
COMMAND = "from routerkit.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Moment:
    """A look at a run.

    Attributes:
        seconds: since the process was started.
        rows: rows that are written and safe.
        megabytes: resident memory.
    """

    seconds: float
    rows: int
    megabytes: float


@dataclass(frozen=True, slots=True)
class Part:
    """A tenth of the rows.

    Attributes:
        rows: rows written at its end.
        seconds: that it took.
        rate: its rows in a second.
        megabytes: largest resident memory seen during it.
    """

    rows: int
    seconds: float
    rate: float
    megabytes: float


def main() -> None:
    """Make the rows, route them, and print what each tenth took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the file")
    parser.add_argument("--format", choices=["jsonl", "csv"], default="jsonl", help="of input and output")
    parser.add_argument("--model", default="starter", help="the router")
    parser.add_argument("--tiny", action="store_true", help="a small random router instead")
    parser.add_argument("--output", type=Path, help="results file (.json)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = tiny(folder) if arguments.tiny else arguments.model
        source, target = folder / f"in.{arguments.format}", folder / f"out.{arguments.format}"
        write(source, texts.examples(), arguments.rows)
        moments = watched(source, target, model)
        written = count(target) - (arguments.format == "csv")
        if written != arguments.rows:
            raise SystemExit(f"{arguments.rows:,} rows went in and {written:,} came out")
    parts = tenths(moments, arguments.rows)
    found = {"rows": arguments.rows, "cores": usable_cores(), "tenths": [asdict(part) for part in parts]}
    print(markdown(found))
    if arguments.output is not None:
        record(arguments.output, found)


def record(path: Path, found: Results) -> None:
    """Write the results file, and the table into the page on speed beside it, if there is one."""
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    page = path.with_name(PAGE)
    if page.is_file():
        page.write_text(filled(page.read_text(encoding="utf-8"), markdown(found), SECTION), encoding="utf-8")


def watched(source: Path, target: Path, model: str) -> list[Moment]:
    """Run the command in a process of its own, and look at it a few times a second."""
    arguments = ["batch", "--input-file", source, "--output-file", target, "--model", model]
    started = time.perf_counter()
    moments = [Moment(0.0, 0, 0.0)]
    journal = target.with_name(target.name + SUFFIX)
    with subprocess.Popen([sys.executable, "-c", COMMAND, *map(str, arguments)], cwd=ROOT) as process:
        while process.poll() is None:
            time.sleep(EVERY_S)
            rows, memory = _rows(journal), _resident(process.pid)
            if rows is not None and memory is not None:
                moments.append(Moment(time.perf_counter() - started, rows, memory))
        moments.append(Moment(time.perf_counter() - started, count(target), moments[-1].megabytes))
    if process.returncode:
        raise SystemExit(f"routerkit batch ended with status {process.returncode}")
    return moments


def tenths(moments: list[Moment], rows: int) -> list[Part]:
    """What each tenth of the rows took; the first one also starts the process.

    A tenth ends at the first look at which its rows were written.
    """
    parts, before = [], moments[0]
    for number in range(1, PARTS + 1):
        goal = rows * number // PARTS
        end = next((moment for moment in moments if moment.rows >= goal), moments[-1])
        within = [moment.megabytes for moment in moments if before.seconds < moment.seconds <= end.seconds]
        seconds = end.seconds - before.seconds
        rate = (end.rows - before.rows) / seconds if seconds else 0.0
        parts.append(Part(end.rows, seconds, rate, max(within, default=end.megabytes)))
        before = end
    return parts


def markdown(found: Results | None) -> str:
    """A table with a line for each tenth."""
    if found is None:
        return NOTHING
    parts = [Part(**part) for part in found["tenths"]]
    lines = [
        f"{found['rows']:,} rows on {found['cores']} cores.",
        "",
        "| rows written | seconds | rows/s | memory, MB |",
        "| ---: | ---: | ---: | ---: |",
    ]
    lines += [f"| {part.rows:,} | {part.seconds:.1f} | {part.rate:,.0f} | {part.megabytes:.0f} |" for part in parts]
    return "\n".join(lines)


def write(path: Path, queries: list[str], rows: int) -> None:
    """Rows in a random order of the queries, the same in every run."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".csv":
            file.write("id,query\n")
        for number in range(rows):
            query = " ".join(rng.choice(queries).split())
            text = json.dumps(query) if path.suffix == ".jsonl" else '"' + query.replace('"', '""') + '"'
            file.write(f'{{"id": {number}, "query": {text}}}\n' if path.suffix == ".jsonl" else f"{number},{text}\n")


def count(path: Path) -> int:
    """Lines of a file."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def tiny(folder: Path) -> str:
    """The small router of the tests."""
    from routerkit.testing import tiny_artefact
    from tests.conftest import TINY_WORDS, _write_graphs

    return str(tiny_artefact(folder / "tiny", words=TINY_WORDS, write_graphs=_write_graphs).path)


def _rows(journal: Path) -> int | None:
    """Rows that are done, None if the run has not begun or is over."""
    try:
        return int(json.loads(journal.read_text(encoding="utf-8"))["checkpoint"]["rows"])
    except (OSError, ValueError):
        return None


def _resident(process: int) -> float | None:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else None


if __name__ == "__main__":
    main()
