"""`routerkit batch`."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Unpack

import click

from routerkit.bulk.outputs import is_regular
from routerkit.bulk.run import Job, route_file
from routerkit.bulk.sources import Format, format_of
from routerkit.cli.options import RouterOptions, open_router, router_options
from routerkit.cli.output import complain, note
from routerkit.errors import DataError

if TYPE_CHECKING:
    from routerkit.bulk.run import Progress

_FORMATS: dict[str, Format] = {"jsonl": "jsonl", "csv": "csv", "parquet": "parquet"}
_FORMAT = click.Choice(["auto", *_FORMATS])
_OTHER_SUFFIXES = {".tsv", ".xlsx", ".xls", ".ods", ".gz", ".bz2", ".xz", ".zst", ".zip", ".arrow", ".feather"}
_COMPLAINTS = 20
"""Bad rows shown on stderr where a file holds them all."""


@click.command()
@click.option("--input-file", required=True, help="Rows with a field `query`; - reads standard input.")
@click.option("--output-file", default="-", show_default=True, help="Rows and decisions; - writes standard output.")
@click.option("--input-format", type=_FORMAT, default="auto", help="auto goes by the file's name; pipes are JSONL.")
@click.option("--output-format", type=_FORMAT, default="auto", help="As --input-format.")
@click.option("--errors-file", help="JSONL of bad rows.  [default: OUTPUT.errors.jsonl, if there are any]")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run to the same output file stopped.")
@router_options
def batch(
    input_file: str,
    output_file: str,
    input_format: str,
    output_format: str,
    errors_file: str | None,
    resume: bool,
    **options: Unpack[RouterOptions],
) -> int:
    """Classify a file of queries: JSONL, CSV with a header, or Parquet.

    Every good row comes out once, in order: its own fields and the decision's. A field of the row that has the name of
    a decision's field is kept as `input_NAME`. Bad rows are reported with their line number, and the exit status is 1.

    Memory does not grow with the file. An interrupted run to a JSONL or CSV file goes on with --resume, without losing
    or repeating a row; until then OUTPUT.progress.json says where it stopped.
    """
    job = Job(
        input_file=input_file,
        output_file=output_file,
        errors_file=errors_file or (f"{output_file}.errors.jsonl" if is_regular(output_file) else None),
        input_format=_format(input_format, input_file, "--input-format"),
        output_format=_format(output_format, output_file, "--output-format"),
        resume=resume,
    )
    _check_files(job)
    rows, bad = _run(job, options)
    if not rows and not bad:
        raise DataError(input_file, None, 'is empty; it needs lines such as {"query": "What is 2+2?"}')
    note(f"{rows:,} rows routed" + (f", {bad:,} bad rows left out" if bad else "") + _where(job, bad))
    return 1 if bad else 0


def _run(job: Job, options: RouterOptions) -> tuple[int, int]:
    router = open_router(options)
    rows = bad = complaints = 0
    try:
        with ExitStack() as stack:
            windows = stack.enter_context(closing(route_file(router, job)))
            show = stack.enter_context(_Bar()).show if sys.stderr.isatty() else _show_nothing
            for progress in windows:
                rows, bad = progress.rows, progress.bad
                for error in progress.errors:
                    complaints += 1
                    if complaints <= _COMPLAINTS or job.errors_file is None:
                        complain(str(error))
                show(progress)
    except KeyboardInterrupt:
        if job.is_resumable:
            note(f"interrupted after {rows:,} rows; the same command with --resume goes on")
        raise
    if complaints > _COMPLAINTS and job.errors_file is not None:
        note(f"... and {complaints - _COMPLAINTS:,} more bad rows")
    return rows, bad


class _Bar:
    """A progress bar on stderr: share, rows, rows a second, time left."""

    def __init__(self) -> None:
        # Only a person at a terminal pays for this import.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
            redirect_stdout=False,
        )
        self._task = self._bar.add_task("", rows=0, rate=0.0, total=None)
        self._begun = monotonic()
        self._before: int | None = None

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Draw the present state; rows of an earlier run do not count for the rate."""
        done = progress.rows + progress.bad
        if self._before is None:
            self._before = done
        rate = (done - self._before) / max(monotonic() - self._begun, 1e-9)
        self._bar.update(self._task, completed=progress.offset, total=progress.total, rows=done, rate=rate)


def _show_nothing(progress: Progress) -> None:
    del progress


def _format(given: str, name: str, option: str) -> Format:
    """The format of a file. A name that promises one which is not spoken here would be read or written as JSONL."""
    if given != "auto":
        return _FORMATS[given]
    suffix = Path(name).suffix.lower()
    if suffix in _OTHER_SUFFIXES:
        raise DataError(
            name, None, f"{suffix} is not read or written here; use JSONL, CSV or Parquet, or give {option}"
        )
    return format_of(name)


def _check_files(job: Job) -> None:
    """Refuse to write over the input, two files into one, or bad rows where there is no folder."""
    # Bad rows may come after hours, and then it is late to learn that they have no place.
    # Beside the output they have none if the output has none, which is said about the output.
    folder = Path(job.errors_file or job.output_file).parent
    if folder != Path(job.output_file).parent and not folder.is_dir():
        raise DataError(str(job.errors_file), None, "cannot be written (there is no such folder); check --errors-file")
    names = {"--input-file": job.input_file, "--output-file": job.output_file, "--errors-file": job.errors_file}
    files = {option: Path(name).resolve() for option, name in names.items() if name not in {None, "-"}}
    for option, other in (("--output-file", "--input-file"), ("--errors-file", "--input-file")):
        _check_differs(files, option, other)
    _check_differs(files, "--errors-file", "--output-file")


def _check_differs(files: dict[str, Path], option: str, other: str) -> None:
    if option in files and files[option] == files.get(other):
        raise DataError(files[option], None, f"is the {other} too; give another {option}")


def _where(job: Job, bad: int) -> str:
    return f"; see {job.errors_file}" if bad and job.errors_file else ""
