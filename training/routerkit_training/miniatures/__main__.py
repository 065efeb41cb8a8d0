"""`python -m routerkit_training.miniatures`: builds all five miniatures, or measures built ones."""

import logging
import time
from pathlib import Path

import click
import torch

from routerkit_training.miniatures.evaluate import report
from routerkit_training.miniatures.tasks import CATEGORIES
from routerkit_training.miniatures.tokenizer import train_tokenizer
from routerkit_training.miniatures.train import Budget, save, train


@click.command()
@click.option("--output-dir", type=click.Path(path_type=Path, file_okay=False), help="Where to build the five.")
@click.option("--seed", default=0, show_default=True, help="Seed of the weights and of the questions' order.")
@click.option("--steps", default=Budget().steps, show_default=True, help="Optimiser steps of each model.")
@click.option("--threads", default=1, show_default=True, help="Threads of torch.")
@click.option(
    "--evaluate",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Measure the five miniatures in this folder; give it once per seed.",
)
@click.option("--questions", default=400, show_default=True, help="Held-out questions per category, at most.")
def main(
    output_dir: Path | None, seed: int, steps: int, threads: int, folders: tuple[Path, ...], questions: int
) -> None:
    """Builds the miniature specialists from scratch, or prints how good built ones are."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(threads)
    if output_dir is None and not folders:
        raise click.UsageError("nothing to do; give --output-dir DIR to build, or --evaluate DIR to measure")
    if output_dir is not None:
        build(output_dir, Budget(steps=steps, seed=seed))
    if folders:
        click.echo(report(folders, questions))


def build(folder: Path, budget: Budget) -> None:
    """Trains the five miniatures into `folder`, one sub-folder each."""
    tokenizer = train_tokenizer()
    for category in CATEGORIES:
        started = time.perf_counter()
        save(train(category, tokenizer, budget), tokenizer, folder / category)
        click.echo(f"{category}: built in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
