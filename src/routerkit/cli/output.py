"""What the commands print: tables for people at a terminal, JSON for programs behind a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from routerkit.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.decision import Decision

_BAR_WIDTH = 30
_STRANGE = "\N{REPLACEMENT CHARACTER}"


def note(text: str) -> None:
    """A remark for the person, on stderr, so that it never mixes with results."""
    click.echo(text, err=True)


def complain(text: str) -> None:
    """One line about what went wrong, on stderr."""
    note("error: " + " ".join(text.split()))


def check_differs(output: Path, log: Path, option: str) -> None:
    """Refuse to write over the decision log that is read.

    Raises:
        DataError: if both are one file.
    """
    if output.resolve() == log.resolve():
        raise DataError(output, None, f"is the decision log and would be overwritten; give another {option}")


def harmless(text: str) -> str:
    """A text of strangers as a terminal may show it: what would steer the terminal is replaced, lines stay lines."""
    lines = text.replace("\r\n", "\n").expandtabs(4)
    return "".join(char if char.isprintable() or char == "\n" else _STRANGE for char in lines)


def bar(probability: float) -> str:
    """A probability as a bar."""
    return "█" * round(probability * _BAR_WIDTH)


def show_decision(decision: Decision, *, as_json: bool) -> None:
    """Print one decision: a small picture at a terminal, one line of JSON elsewhere or on request."""
    if as_json or not sys.stdout.isatty():
        click.echo(decision.to_json())
        return
    click.echo(f"{decision.category}  {decision.confidence:.2f}  ->  {decision.route}  ({decision.reason})")
    width = max(map(len, decision.probabilities))
    for name, probability in sorted(decision.probabilities.items(), key=lambda item: -item[1]):
        click.echo(f"  {name:<{width}}  {probability:5.3f}  {bar(probability)}")
