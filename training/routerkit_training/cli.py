"""The command `routerkit train`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from routerkit.cli.output import note
from routerkit.spec import parse
from routerkit.store import STARTER
from routerkit_training.settings import TrainSettings
from routerkit_training.train import train_router

_FILE = click.Path(path_type=Path)
_DEFAULT = {name: field.default for name, field in TrainSettings.model_fields.items()}


@click.command()
@click.option("--train-data", type=_FILE, required=True, help="JSONL rows to learn from.")
@click.option("--val-data", type=_FILE, help="JSONL rows to choose by; 15 % of the training rows unless given.")
@click.option("--output-dir", type=_FILE, required=True, help="Where the router goes; an interrupted run is resumed.")
@click.option("--base-model", default=STARTER, show_default=True, help="Encoder: starter, a hub id or a folder.")
@click.option("--from", "from_router", help="Continue this trained router and keep its head.")
@click.option("--epochs", default=_DEFAULT["epochs"], show_default=True, help="Passes over the rows.")
@click.option("--batch-size", default=_DEFAULT["batch_size"], show_default=True, help="Rows in one optimiser step.")
@click.option("--learning-rate", default=_DEFAULT["learning_rate"], show_default=True, help="Highest learning rate.")
@click.option("--weight-decay", default=_DEFAULT["weight_decay"], show_default=True, help="Of AdamW.")
@click.option("--label-smoothing", default=_DEFAULT["label_smoothing"], show_default=True, help="In [0, 1).")
@click.option(
    "--target-harm", default=_DEFAULT["target_harm"], show_default=True, help="Most queries sent to a wrong specialist."
)
@click.option(
    "--patience", default=_DEFAULT["patience"], show_default=True, help="Epochs without gain before stopping."
)
@click.option("--max-tokens", default=_DEFAULT["max_tokens"], show_default=True, help="Most tokens read of a query.")
@click.option("--precision", type=click.Choice(["auto", "bf16", "fp32"]), default="auto", show_default=True)
@click.option("--seed", default=_DEFAULT["seed"], show_default=True, help="Of every random choice.")
@click.option("--reference/--no-reference", default=True, help="Keep rows in the router for replay and drift checks.")
@click.option("--report-to", multiple=True, help="Experiment tracker, such as tensorboard or wandb.")
@click.option("--name", help="The router's name; the folder's name unless given.")
def train(**options: object) -> None:
    """Train a router on labelled queries.

    Rows are JSON objects, one a line: {"query": "What is 2+2?", "category": "math"}
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = parse(TrainSettings, options, source="command line")
    packed = train_router(settings)
    figures = packed.manifest.metrics["validation"]
    note(
        f"wrote {settings.output_dir}: accuracy {figures['accuracy']:.3f}, macro-F1 {figures['macro_f1']:.3f} "
        f"on {figures['n']} validation rows"
    )
    note(f'try it: routerkit route --model "{settings.output_dir}" "What is 2+2?"')
