"""The command line: one command, `routerkit`, whose sub-commands are imported when they are called."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routerkit.cli.output import complain
from routerkit.errors import RouterkitError, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMANDS = {
    "route": ("routerkit.cli.route", "Classify one query and print the decision."),
    "interactive": ("routerkit.cli.interactive", "Classify queries as you type them."),
    "batch": ("routerkit.cli.batch", "Classify a file of queries."),
    "evaluate": ("routerkit.cli.evaluate", "Measure a router on labelled queries."),
    "ask": ("routerkit_graphs.cli", "Route one query and answer it."),
    "graph": ("routerkit_graphs.cli", "Draw the routing graph."),
    "train": ("routerkit_training.cli", "Train a router on labelled queries."),
    "cross-validate": ("routerkit_training.cli", "Measure a recipe on sources that it never saw."),
    "data": ("routerkit_training.data.cli", "Check, clean, split, probe, report on and fetch labelled rows."),
    "log": ("routerkit.cli.log", "Review what a router decided, and get the corrections out."),
    "compare": ("routerkit.cli.compare", "Say what would change with another router."),
    "drift": ("routerkit.cli.drift", "Say whether queries have changed."),
    "export": ("routerkit.cli.export", "Write a router as a full Hugging Face checkpoint."),
    "init": ("routerkit.cli.init", "Write a commented configuration and sample rows."),
    "doctor": ("routerkit_graphs.doctor", "Report what is installed, what would be loaded and what is missing."),
}
_EXTRAS = {
    "train": ("train", ["torch", "transformers", "sklearn", "onnx", "accelerate"]),
    "cross-validate": ("train", ["torch", "transformers", "sklearn", "onnx", "accelerate"]),
    "export": ("local", ["onnx", "safetensors"]),
}
BASELINES = "routerkit_training.baselines"
"""The module with the classifiers that `routerkit evaluate` compares a router with."""

_INTERRUPTED = 130


class _LazyGroup(click.Group):
    """Knows the names of all commands, but imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        extra, modules = _EXTRAS.get(cmd_name, ("", []))
        require(extra, *modules)
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command if isinstance(command, click.Command) else None

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:  # noqa: ANN401 - as click's own
        with _reader_may_leave():  # --help and --version are printed here
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command returns
        with _reader_may_leave():
            result = super().invoke(ctx)
            sys.stdout.flush()  # what cannot be written is to be found out while it can still be reported
            return result

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """The reader goes away, as `head` does when it has seen enough: no failure, though click would say 1."""
    try:
        yield
    except BrokenPipeError as error:
        _discard_output()
        raise click.exceptions.Exit(0) from error


def _discard_output() -> None:
    """Python would complain once more about standard output while closing it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dashes(name: str) -> str:
    """`--train_data` is the same option as `--train-data`; click gives the name without its dashes in front."""
    return name.replace("_", "-")


@click.group(cls=_LazyGroup, context_settings={"token_normalize_func": _dashes, "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="routerkit")
def cli() -> None:
    """Send each query to the model that answers it best, and know when not to decide."""


def main() -> None:
    """Run the command line; errors become one line on stderr and a non-zero exit status."""
    _open_closed_streams()
    sys.exit(_status_of(lambda: cli.main(prog_name="routerkit", standalone_mode=False)))


def _status_of(run: Callable[[], object]) -> int:
    try:
        result = run()
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except RouterkitError as error:
        complain(str(error))
        return 1
    except OSError as error:
        complain(_explained(error))
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()
        return 1
    return result if isinstance(result, int) else 0


def _open_closed_streams() -> None:
    """A stream that the caller closed, as `<&-` does, is None: it reads as empty, and what is written to it is lost."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open as long as Python runs


def _explained(error: OSError) -> str:
    """What the operating system refused, where no command says it better."""
    if error.filename is None:
        return f"standard input or output failed ({error.strerror or error}); mend that, and call again"
    return f"{error.filename}: {error.strerror}; check the path, the rights to it and the room on the disk"


def _show(error: click.ClickException) -> None:
    """Say what was wrong with the call, and which command shows what is right."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()  # the whole help
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    text = error.format_message()
    text = text if text.endswith((".", "?")) else f"{text}."
    complain(text + _dash_hint(error) + (f" See: {context.command_path} --help" if context else ""))


def _dash_hint(error: click.ClickException) -> str:
    """A query such as "-5 + 3" looks like an option."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    takes_text = any(isinstance(param, click.Argument) for param in error.ctx.command.params)
    return " Text that begins with a dash goes behind --." if takes_text else ""
