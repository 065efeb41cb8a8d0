"""`routerkit log review` and `routerkit log export`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from routerkit.cli.output import bar, check_differs, harmless, note
from routerkit.errors import DataError
from routerkit.log.exporting import decision_lines, training_lines
from routerkit.log.reading import LoggedDecision, LogReader, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCEPT, _OUTSIDE, _SKIP, _BACK, _QUIT = "a", "o", "s", "b", "q"
_CATEGORY_KEYS = "123456789cdefghijklmnprtuvwxyz"
"""A key for each category, as many as there are keys; none that means something else."""

_SHOWN_LINES, _SHOWN_CHARS = 12, 2_000
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
        if not reader.count_to_review():
            note("nothing to review: every query whose text the log keeps has been judged; decision_log.text says how")
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
    if output_file != "-":
        check_differs(Path(output_file), path, "--output-file")
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
    label = _label(decision, key)
    reader.judge(decision, label)
    click.echo(f"  = {label or 'none of them'}")
    return True


def _label(decision: LoggedDecision, key: str) -> str | None:
    if key == _OUTSIDE:
        return None
    if key == _ACCEPT:
        return decision.category
    return _choices(decision)[key]


def _choices(decision: LoggedDecision) -> dict[str, str]:
    return dict(zip(_CATEGORY_KEYS, decision.probabilities, strict=False))


def _show(decision: LoggedDecision, left: int) -> None:
    first, *more = _excerpt(decision.query or "")
    click.echo(f"\n({left:,} to go) " + click.style(first, bold=True))
    for line in more:
        click.echo("  " + click.style(line, bold=True))
    click.echo(f"  went to {decision.route} ({decision.reason})")
    for failure in decision.failures:
        click.echo(harmless(f"  {failure['specialist']} failed: {failure['type']}: {failure['message']}"))
    if decision.shadow:
        seen = decision.shadow
        told = seen.get("error") or f"{seen['category']} {seen['confidence']:.2f} -> {seen['route']}"
        click.echo(f"  the candidate: {harmless(told)}")
    width = max(map(len, decision.probabilities))
    for key, name in _choices(decision).items():
        probability = decision.probabilities[name]
        line = f"    {key}  {name:<{width}}  {probability:4.2f}  {bar(probability)}".rstrip()
        click.echo(click.style(line, bold=name == decision.category))
    click.echo(f"  a accept {decision.category}   o none of them   s skip   b back   q quit")


def _excerpt(query: str) -> list[str]:
    """The lines of a query that a screen has room for."""
    lines = harmless(query[:_SHOWN_CHARS]).strip().split("\n")
    cut = len(lines) > _SHOWN_LINES or len(query) > _SHOWN_CHARS
    return [*lines[:_SHOWN_LINES], "[...]"] if cut else lines


def _ask(decision: LoggedDecision) -> str:
    allowed = [*_choices(decision), _ACCEPT, _OUTSIDE, _SKIP, _BACK, _QUIT]
    while True:
        key = _key()
        if key in allowed:
            return key
        note(f"press one of: {' '.join(allowed)}")


def _key() -> str:
    """One key at a terminal; elsewhere the first character of a line. The end of the input means quit."""
    if sys.stdin.isatty():
        try:
            return click.getchar().lower()
        except EOFError:  # Ctrl-D
            return _QUIT
    line = sys.stdin.readline()
    return line.strip()[:1].lower() if line else _QUIT


@contextlib.contextmanager
def _writer(name: str) -> Iterator[IO[str]]:
    if name == "-":
        yield sys.stdout
        return
    try:
        with Path(name).open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise DataError(name, None, f"cannot be written ({error.strerror}); check --output-file") from error
