"""`routerkit interactive`."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Unpack

import click

from routerkit.cli.options import RouterOptions, open_router, router_options
from routerkit.cli.output import complain, note, show_decision
from routerkit.errors import InputError

_LEAVE = {"/quit", "/exit", "/q"}


@click.command()
@router_options
def interactive(**options: Unpack[RouterOptions]) -> None:
    """Classify queries as you type them; /quit or Ctrl-D leaves."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Bytes that are no text reach the check of the query instead of ending the conversation.
        sys.stdin.reconfigure(errors="surrogateescape")
    router = open_router(options)
    note(f"{router.artefact.manifest.name}: {', '.join(router.categories)}. /quit or Ctrl-D leaves.")
    with contextlib.suppress(EOFError):
        while (query := _ask()) not in _LEAVE:
            if not query.strip():
                continue
            try:
                show_decision(router.route_query(query), as_json=False)
            except InputError as error:
                complain(str(error))


def _ask() -> str:
    with contextlib.suppress(ImportError):  # line editing and history, where the platform has them
        import readline  # noqa: F401
    # At a pipe the prompt would stand between the lines of JSON.
    return input("> " if sys.stdout.isatty() else "")
