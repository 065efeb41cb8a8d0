"""`routerkit route`."""

from __future__ import annotations

import sys
from typing import Unpack

import click

from routerkit.cli.options import RouterOptions, open_router, router_options
from routerkit.cli.output import show_decision
from routerkit.errors import InputError


@click.command()
@click.argument("query", required=False)
@router_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON also at a terminal.")
def route(query: str | None, as_json: bool, **options: Unpack[RouterOptions]) -> None:
    """Classify QUERY and print the decision; without QUERY, or with -, standard input is one query."""
    if query in {None, "-"}:
        query = _read_stdin()
    decision = open_router(options).route_query(query or "")
    show_decision(decision, as_json=as_json)


def _read_stdin() -> str:
    if sys.stdin.isatty():
        raise click.UsageError('give a query, for example: routerkit route "What is 2+2?"')
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("standard input is not UTF-8 text; a query must be text") from error
