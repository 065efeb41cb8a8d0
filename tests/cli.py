"""Calls the command line inside this process, as the installed script would."""

from __future__ import annotations

import io
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from unittest.mock import patch

from routerkit.cli import main


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call of the command line left behind."""

    status: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The only line on stderr; fails if there is not exactly one."""
        (line,) = self.stderr.splitlines()
        assert line.startswith("error: "), line
        return line


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def call(*arguments: object, stdin: bytes = b"", terminal: bool = False) -> Outcome:
    """Run `routerkit ARGUMENTS` with `stdin` on standard input.

    Args:
        arguments: what follows the program's name.
        stdin: the bytes that another program pipes in.
        terminal: whether a person sits at standard input and output; otherwise both are pipes.
    """
    kind = _Terminal if terminal else io.TextIOWrapper
    streams = {
        "stdin": kind(io.BytesIO(stdin), encoding="utf-8"),
        "stdout": kind(io.BytesIO(), encoding="utf-8", write_through=True),
        "stderr": io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True),
    }
    status = 0
    with ExitStack() as stack:
        stack.enter_context(patch.object(sys, "argv", ["routerkit", *map(str, arguments)]))
        for name, stream in streams.items():
            stack.enter_context(patch.object(sys, name, stream))
        try:
            main()
        except SystemExit as leave:
            status = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    return Outcome(status, _text(streams["stdout"]), _text(streams["stderr"]))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode("utf-8")
