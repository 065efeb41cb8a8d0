"""`routerkit batch`."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Unpack

import click

from routerkit.cli.options import RouterOptions, open_router, router_options
from routerkit.cli.output import complain, note
from routerkit.decision import rounded
from routerkit.errors import DataError, InputError
from routerkit.rows import parse_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routerkit.decision import Decision
    from routerkit.router import Router

_CHUNK = 1_024
_DIGITS = 6


@dataclass(slots=True)
class _Chunk:
    """Good rows of one stretch of the input, and how many were bad."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    bad: int = 0


@click.command()
@click.option("--input-file", required=True, help="JSONL with a field `query`; - reads standard input.")
@click.option("--output-file", default="-", show_default=True, help="JSONL; - writes standard output.")
@router_options
def batch(input_file: str, output_file: str, **options: Unpack[RouterOptions]) -> int:
    """Classify a file of queries, one JSON object a line.

    Every good row comes out once, in order: its own fields and the decision's. A field of the row that has the name of
    a decision's field is kept as `input_NAME`. Bad rows are reported with their line number, and the exit status is 1.
    """
    if output_file != "-" and Path(output_file).exists() and Path(output_file).samefile(input_file):
        raise DataError(output_file, None, "is the input file; give another --output-file")
    router = open_router(options)
    done = bad = 0
    with _reader(input_file) as source, _writer(output_file) as sink:
        for chunk in _chunks(router, input_file, source):
            done += len(chunk.rows)
            bad += chunk.bad
            sink.writelines(_answers(router, chunk.rows))
            if sys.stderr.isatty():
                click.echo(f"\r{done:,} rows", err=True, nl=False)
    if not done and not bad:
        raise DataError(input_file, None, 'is empty; it needs lines such as {"query": "What is 2+2?"}')
    note(f"{done:,} rows routed" + (f", {bad:,} bad rows left out" if bad else ""))
    return 1 if bad else 0


def _answers(router: Router, rows: list[dict[str, Any]]) -> Iterator[str]:
    for row, decision in zip(rows, router.route_batch([row["query"] for row in rows]), strict=True):
        yield json.dumps(_joined(row, decision), ensure_ascii=False) + "\n"


def _joined(row: dict[str, Any], decision: Decision) -> dict[str, Any]:
    found = rounded(decision.to_dict(), _DIGITS)
    own = {f"input_{key}" if key in found else key: value for key, value in row.items()}
    return {**own, **found}


def _chunks(router: Router, name: str, source: IO[bytes]) -> Iterator[_Chunk]:
    numbered = enumerate(source, start=1)
    while lines := list(itertools.islice(numbered, _CHUNK)):
        chunk = _Chunk()
        for number, line in lines:
            if not line.strip():
                continue
            try:
                chunk.rows.append(_checked(router, name, number, line))
            except DataError as error:
                complain(str(error))
                chunk.bad += 1
        yield chunk


def _checked(router: Router, name: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = parse_object(name, number, line.decode("utf-8"))
        router.check(row.get("query"))
    except UnicodeDecodeError as error:
        raise DataError(name, number, "is not UTF-8 text") from error
    except InputError as error:
        raise DataError(name, number, str(error)) from error
    return row


@contextlib.contextmanager
def _reader(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; only opening may fail as a wrong path
    except OSError as error:
        raise DataError(name, None, f"cannot be read ({error.strerror}); check --input-file") from error
    with file:
        yield file


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
