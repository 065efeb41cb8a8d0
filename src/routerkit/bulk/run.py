"""From a file of queries to a file of decisions, in memory that does not grow with either."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerkit.bulk.journal import Checkpoint, Journal
from routerkit.bulk.outputs import Output, is_regular
from routerkit.bulk.sinks import CsvSink, JsonlSink, Sink, json_line
from routerkit.bulk.sources import QUERY, Format, Item, Source, open_source
from routerkit.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from routerkit.router import Router

WINDOW_ROWS = 4_096
"""Rows in memory at a time. More would only help queries of rare lengths to find companions."""

WINDOW_BYTES = 8 << 20
"""Input bytes in memory at a time, about; long rows make windows short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to route and where to.

    Attributes:
        input_file: a path, or `-` for standard input.
        output_file: a path, or `-` for standard output.
        errors_file: where bad rows go; None writes none.
        input_format: of the input file.
        output_format: of the output file.
        resume: go on where an interrupted run stopped.
    """

    input_file: str
    output_file: str
    errors_file: str | None
    input_format: Format
    output_format: Format
    resume: bool = False

    @property
    def is_resumable(self) -> bool:
        """Whether the output can be appended to later."""
        return is_regular(self.output_file) and self.output_format != "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is, earlier runs that it goes on from included.

    Attributes:
        rows: rows routed and written.
        bad: bad rows left out.
        errors: the bad rows since the last progress.
        offset: how much of the input is done, out of `total`.
        total: None if it is not known, as for pipes.
    """

    rows: int
    bad: int
    errors: list[DataError]
    offset: int
    total: int | None


def route_file(router: Router, job: Job) -> Generator[Progress]:
    """Route every row once; results stand in the order of the input.

    Yields:
        the progress: at the start, and whenever a window of rows is written.

    Raises:
        ConfigError: if an interrupted run cannot be resumed with these settings.
        DataError: if a file cannot be read or written.
        MissingExtraError: if Parquet is wanted and pyarrow is not installed.
    """
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_source(job.input_file, job.input_format))
        journal = _journal(router, job)
        start = Checkpoint() if journal is None else journal.resume() if job.resume else journal.begin()
        source.skip_to(start.mark)
        if journal is not None:
            journal.save(start)
        output = stack.enter_context(Output(job.output_file, keep=start.output_bytes, option="--output-file"))
        errors = stack.enter_context(Output(job.errors_file or "-", keep=start.errors_bytes, option="--errors-file"))
        if job.errors_file and not start.errors_bytes and Path(job.errors_file).is_file():
            Path(job.errors_file).unlink()
        sink = _sink(router, job, source, output, start)
        run = _Run(router=router, job=job, sink=sink, output=output, errors=errors, state=start)
        yield run.progress(source, [])
        for window in _windows(source, job):
            try:
                found = run.route(window)
                run.commit(source, journal)
            except BrokenPipeError:
                raise
            except OSError as error:
                raise DataError(job.output_file, None, _stopped("writing", error, job)) from error
            yield run.progress(source, found)
        sink.close()
        if journal is not None:
            journal.finish()


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run's outputs, and the last state in which they agree with its input."""

    router: Router
    job: Job
    sink: Sink
    output: Output
    errors: Output
    state: Checkpoint

    def route(self, window: list[Item]) -> list[DataError]:
        """Write the decisions of the good rows; returns what is wrong with the others."""
        checked = [(item, item.error or self._fault(item)) for item in window]
        good = [item for item, error in checked if error is None]
        unfit = self.sink.unfit([item.row for item in good])
        late = {id(good[at]): DataError(self.job.input_file, good[at].line, problem) for at, problem in unfit.items()}
        bad = [(item, fault) for item, error in checked if (fault := error or late.get(id(item)))]
        rows = [item.row for item in good if id(item) not in late]
        if rows:
            self.sink.write(rows, self.router.route_batch([row[QUERY] for row in rows]))
        if self.job.errors_file and bad:
            self.errors.file.writelines(_report(item, error) for item, error in bad)
        self.state = Checkpoint(
            rows=self.state.rows + len(rows), bad=self.state.bad + len(bad), columns=self.sink.columns
        )
        return [error for _, error in bad]

    def commit(self, source: Source, journal: Journal | None) -> None:
        """Make everything written so far durable, then say so in the journal."""
        self.state = Checkpoint(
            mark=source.mark,
            output_bytes=self.output.commit(),
            errors_bytes=self.errors.commit(),
            rows=self.state.rows,
            bad=self.state.bad,
            columns=self.state.columns,
        )
        if journal is not None:
            journal.save(self.state)

    def progress(self, source: Source, errors: list[DataError]) -> Progress:
        state = self.state
        return Progress(rows=state.rows, bad=state.bad, errors=errors, offset=source.mark.offset, total=source.total)

    def _fault(self, item: Item) -> DataError | None:
        if QUERY not in item.row:
            return DataError(self.job.input_file, item.line, f"has no {QUERY!r}; found the fields {sorted(item.row)}")
        try:
            self.router.check(item.row[QUERY])
        except InputError as error:
            return DataError(self.job.input_file, item.line, str(error))
        return None


def _stopped(what: str, error: OSError, job: Job) -> str:
    remedy = "once that is mended, --resume goes on" if job.is_resumable else "mend that, and start anew"
    return f"{what} stopped ({error.strerror}); {remedy}"


def _windows(source: Source, job: Job) -> Iterator[list[Item]]:
    window: list[Item] = []
    size = 0
    for item in _readable(source, job):
        window.append(item)
        size += item.size
        if len(window) == WINDOW_ROWS or size >= WINDOW_BYTES:
            yield window
            window, size = [], 0
    if window:
        yield window


def _readable(source: Source, job: Job) -> Iterator[Item]:
    try:
        yield from source
    except OSError as error:
        raise DataError(job.input_file, None, _stopped("reading", error, job)) from error


def _journal(router: Router, job: Job) -> Journal | None:
    if not job.is_resumable:
        if job.resume:
            raise DataError(
                job.output_file,
                None,
                "cannot be resumed: only JSONL and CSV files can, pipes and Parquet files cannot; leave out --resume",
            )
        return None
    settings: dict[str, Any] = {
        "router": router.artefact.digest,
        "engine": router.engine_name,
        "policy": router.policy.model_dump(mode="json"),
        "input format": job.input_format,
        "output format": job.output_format,
        "errors file": job.errors_file,
    }
    return Journal(Path(job.output_file), settings)


def _sink(router: Router, job: Job, source: Source, output: Output, start: Checkpoint) -> Sink:
    if job.output_format == "parquet":
        from routerkit.bulk.parquet import ParquetSink

        if job.output_file == "-":
            raise DataError(job.output_file, None, "Parquet cannot be written to a pipe; give a file, or pipe JSONL")
        return ParquetSink(Path(job.output_file), router.categories, getattr(source, "schema", None))
    if job.output_format == "csv":
        return CsvSink(output.file, router.categories, start.columns)
    return JsonlSink(output.file)


def _report(item: Item, error: DataError) -> bytes:
    text = item.raw.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
    return json_line({"line": error.line, "error": str(error), "row": text})
