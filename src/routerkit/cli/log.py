"""`routerkit log review` and `routerkit log export`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from routerkit.cli.output import note
from routerkit.errors import DataError
from routerkit.log.exporting import decision_lines, training_lines
from routerkit.log.reading import LoggedDecision, LogReader, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCEPT, _OUTSIDE, _SKIP, _BACK, _QUIT = "a", "o", "s", "b", "q"
_FILE = click.Path(path_type=Path)
_log_option = click.option("--log", "path", type=_FILE, required=True, help="The file that decision_log names.")


@click.group()
def log() -> None:
    """Review what a router decided, and get the corrections out."""


@log.command()
@_log_option
def review(path: Path) -> None:
    """Judge decisions with one key each: those a candidate disagrees with first, then the uncertain ones.

    Every answer is kept at once, so you can stop at any time and go on later. What you say of a query holds for all
    decisions on the same text. Without a terminal, standard input gives one answer a line.
    """
    with reading(path) as reader:
        judged = _review_all(reader)
        note(f"{judged:,} judged, {reader.count_to_review():,} to go")


@log.command()
@_log_option
@click.option("--corrected", is_flag=True, help="Only what people judged, as rows for `routerkit train`.")
@click.option("--format", "shape", type=click.Choice(["jsonl"]), default="jsonl", show_default=True)
@click.option("--output-file", default="-", show_default=True, help="- writes standard output.")
def export(path: Path, corrected: bool, shape: str, output_file: str) -> None:
    """Print the log, one JSON object a line.

    With --corrected a line is {"query": ..., "category": ...}: the category that a person accepted or named, null for
    a query outside every category; each query once.
    """
    del shape  # there is one so far
    with reading(path) as reader, _writer(output_file) as sink:
        count = 0
        for line in training_lines(reader.reviewed()) if corrected else decision_lines(reader.rows()):
            sink.write(line + "\n")
            count += 1
    note(f"{count:,} rows")


def _review_all(reader: LogReader) -> int:
    """Ask until everything has been shown once or the person leaves; returns how many decisions were judged."""
    done: list[tuple[LoggedDecision, bool]] = []
    waiting = reader.count_to_review()  # counted once: in a long log counting takes longer than a key should
    while (decision := reader.next_to_review()) is not None:
        if any(decision.query == earlier.query for earlier, _ in done):
            break  # only skipped queries are left
        _show(decision, waiting - sum(judged for _, judged in done))
        key = _ask(decision)
        if key == _QUIT:
            break
        if key != _BACK:
            done.append((decision, _take(reader, decision, key)))
        elif done:
            reader.withdraw(done.pop()[0])
    return sum(judged for _, judged in done)


def _take(reader: LogReader, decision: LoggedDecision, key: str) -> bool:
    """Keep one answer; returns whether it was a judgement."""
    if key == _SKIP:
        reader.skip(decision)
        return False
    reader.judge(decision, _label(decision, key))
    return True


def _label(decision: LoggedDecision, key: str) -> str | None:
    if key == _OUTSIDE:
        return None
    if key == _ACCEPT:
        return decision.category
    return list(decision.probabilities)[int(key) - 1]


def _show(decision: LoggedDecision, left: int) -> None:
    click.echo(f"\n({left:,} to go) {decision.query}")
    click.echo(f"  {decision.category} {decision.confidence:.2f} -> {decision.route} ({decision.reason})")
    if decision.shadow:
        seen = decision.shadow
        click.echo("  the candidate: " + (seen.get("error") or f"{seen['category']} {seen['confidence']:.2f}"))
    names = "  ".join(f"{number} {name}" for number, name in enumerate(decision.probabilities, start=1))
    click.echo(f"  a accept {decision.category}   {names}   o none of them   s skip   b back   q quit")


def _ask(decision: LoggedDecision) -> str:
    numbers = [str(number) for number in range(1, min(len(decision.probabilities), 9) + 1)]
    allowed = {_ACCEPT, _OUTSIDE, _SKIP, _BACK, _QUIT, *numbers}
    while True:
        key = _key()
        if key in allowed:
            return key
        note(f"press one of: {' '.join(sorted(allowed))}")


def _key() -> str:
    """One key at a terminal; elsewhere the first character of a line, and the end of the input means quit."""
    if sys.stdin.isatty():
        return click.getchar().lower()
    line = sys.stdin.readline()
    return line.strip()[:1].lower() if line else _QUIT


@contextlib.contextmanager
def _writer(name: str) -> Iterator[IO[str]]:
    if name == "-":
        yield sys.stdout
        return
    try:
        file = Path(name).open("w", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise DataError(name, None, f"cannot be written ({error.strerror}); check --output-file") from error
    with file:
        yield file
