"""The command `routerkit train`."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from routerkit.cli.output import note
from routerkit.spec import parse
from routerkit.store import STARTER
from routerkit_training.cross_validate import MOST_PER_SOURCE, UNSEEN
from routerkit_training.cross_validate import cross_validate as run_folds
from routerkit_training.distributed import is_first
from routerkit_training.remove import remove_categories
from routerkit_training.search import search_router
from routerkit_training.settings import CONTINUED, TrainSettings
from routerkit_training.train import train_router

if TYPE_CHECKING:
    from collections.abc import Callable

    from routerkit.artefact import Artefact

_FILE = click.Path(path_type=Path)
_DEFAULT = {name: field.default for name, field in TrainSettings.model_fields.items()}


def _usual(name: str) -> str:
    """The defaults of an option that has another one for a router that is continued."""
    return f"{_DEFAULT[name]}; {CONTINUED[name]} with --from"


_TRAINING_OPTIONS = (
    click.option("--val-data", type=_FILE, help="JSONL rows to choose by; 15 % of the training rows unless given."),
    click.option("--output-dir", type=_FILE, required=True, help="Where it goes; an interrupted run is resumed."),
    click.option("--base-model", default=STARTER, show_default=True, help="Encoder: starter, a hub id or a folder."),
    click.option("--from", "from_router", help="Continue this trained router and keep its head."),
    click.option("--replay/--no-replay", default=True, help="With --from, learn its own rows again, forget nothing."),
    click.option("--epochs", type=int, show_default=_usual("epochs"), help="Passes over the rows."),
    click.option("--batch-size", type=int, show_default=_usual("batch_size"), help="Rows in one step."),
    click.option("--learning-rate", type=float, show_default=_usual("learning_rate"), help="Highest rate."),
    click.option("--weight-decay", default=_DEFAULT["weight_decay"], show_default=True, help="Of AdamW."),
    click.option("--label-smoothing", type=float, show_default=_usual("label_smoothing"), help="In [0, 1)."),
    click.option("--target-harm", default=_DEFAULT["target_harm"], show_default=True, help="Most queries misrouted."),
    click.option("--per-category", is_flag=True, default=False, help="The same for every single specialist."),
    click.option("--patience", default=_DEFAULT["patience"], show_default=True, help="Epochs to wait for a gain."),
    click.option("--max-tokens", default=_DEFAULT["max_tokens"], show_default=True, help="Most tokens of a query."),
    click.option("--precision", type=click.Choice(["auto", "bf16", "fp32"]), default="auto", show_default=True),
    click.option("--seed", default=_DEFAULT["seed"], show_default=True, help="Of every random choice."),
    click.option("--report-to", multiple=True, help="Experiment tracker, such as tensorboard or wandb."),
)


def _training_options(command: Callable[..., None]) -> Callable[..., None]:
    """What every command that trains can be told."""
    for option in reversed(_TRAINING_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.option("--train-data", "--data", "train_data", type=_FILE, help="JSONL rows to learn from.")
@_training_options
@click.option("--add-category", multiple=True, help="Give the router of --from this category as well; repeatable.")
@click.option("--remove-category", multiple=True, help="Take this category out of the router of --from; repeatable.")
@click.option("--allow-regression", is_flag=True, help="Write a router whose old categories got worse all the same.")
@click.option("--search", type=click.IntRange(min=1), help="Try this many settings first, and train with the best.")
@click.option("--unseen", type=_FILE, help="unseen.jsonl of `cross-validate`; the confidence is fitted to it as well.")
@click.option("--reference/--no-reference", default=True, help="Keep rows in the router for replay and drift checks.")
@click.option("--name", help="The router's name; the folder's name unless given.")
@click.pass_context
def train(context: click.Context, /, remove_category: tuple[str, ...], search: int | None, **options: Any) -> None:  # noqa: ANN401 - parsed below
    """Train a router on labelled queries, or go on from a trained one.

    Rows are JSON objects, one a line: {"query": "What is 2+2?", "category": "math"}
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if remove_category:
        packed = _remove(context, remove_category, options)
    else:
        _require(context, "train_data")
        settings = parse(TrainSettings, options, source="command line")
        packed = search_router(settings, search) if search else train_router(settings)
    if is_first():
        _announce(packed)


def _remove(context: click.Context, names: tuple[str, ...], options: dict[str, Any]) -> Artefact:
    _require(context, "from_router")
    if options["train_data"] or options["add_category"]:
        raise click.UsageError("--remove-category trains nothing; remove first, then add to the router it writes")
    given = context.get_parameter_source("target_harm") is not ParameterSource.DEFAULT
    return remove_categories(
        options["from_router"],
        names,
        options["output_dir"],
        name=options["name"],
        target_harm=options["target_harm"] if given else None,
    )


def _require(context: click.Context, name: str) -> None:
    """Ask for an option that only some uses of the command need."""
    if context.params[name] is None:
        raise click.MissingParameter(
            ctx=context, param=next(option for option in context.command.params if option.name == name)
        )


def _announce(packed: Artefact) -> None:
    figures = packed.manifest.metrics["validation"]
    note(
        f"wrote {packed.path}: accuracy {figures['accuracy']:.3f}, macro-F1 {figures['macro_f1']:.3f} "
        f"on {figures['n']} validation rows"
    )
    old = packed.manifest.training.get("old_categories")
    if old:
        note(f"old categories on {old['n']} of their rows: accuracy {old['before']:.3f} before, {old['after']:.3f} now")
    note(f'try it: routerkit route --model "{packed.path}" "What is 2+2?"')


@click.command()
@click.option("--train-data", type=_FILE, required=True, help="JSONL rows to learn from.")
@_training_options
@click.option("--folds", default=3, show_default=True, help="Routers to train, each on other sources.")
@click.option(
    "--most-per-source",
    type=click.IntRange(min=1),
    default=MOST_PER_SOURCE,
    show_default=True,
    help="Most rows scored of one source.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def cross_validate(folds: int, most_per_source: int, as_json: bool, **options: object) -> None:
    """Measure a recipe on sources that it never saw.

    Each fold leaves whole sources out (the field `source` of the rows), trains a router on the others, and scores it on
    those left out.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = parse(TrainSettings, options, source="command line")
    with contextlib.redirect_stdout(sys.stderr):  # where the Trainer prints its log
        report = run_folds(settings, folds, most_per_source=most_per_source)
    if as_json:
        click.echo(json.dumps(report))
        return
    for number, found in enumerate(report["folds"]):
        click.echo(f"fold {number}: {_line(found)}, n {found['n']}, unseen: {', '.join(found['sources'])}")
    low, high = report["accuracy_interval"]
    click.echo(f"mean: {_line(report['mean'])}; 95 % interval of the accuracy over all rows {low:.3f} to {high:.3f}")
    note(f"fit a router's confidence to these predictions: routerkit train --unseen {settings.output_dir / UNSEEN}")


def _line(found: dict[str, Any]) -> str:
    names = ("accuracy", "macro_f1", "ece", "harm", "recall")
    return ", ".join(f"{name} {found[name]:.3f}" for name in names if found[name] is not None)
