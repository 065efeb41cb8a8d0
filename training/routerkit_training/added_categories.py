"""How well categories are learnt from twenty examples, and what that costs the others.

    python -m routerkit_training.added_categories --data tests/training/data_new_categories --draws 5

Every file NAME.jsonl of the folder is one new category. Each draw takes 20 rows of it at random, adds the category
with `routerkit train --add-category` as it comes, and measures the router that this writes on the rows that were not
taken and on rows of the old categories.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from routerkit.router import Router
from routerkit.rows import Row, read_rows
from routerkit.store import STARTER, open_artefact
from routerkit_training.cross_validate import write_rows
from routerkit_training.extend import MIN_NEW_ROWS
from routerkit_training.reference import read_reference
from routerkit_training.settings import TrainSettings
from routerkit_training.train import train_router

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of one JSONL file a category.")
@click.option("--from", "source", default=STARTER, show_default=True, help="The router that gets the categories.")
@click.option("--old-file", type=click.Path(path_type=Path), help="Rows of old categories; else its validation rows.")
@click.option("--draws", default=5, show_default=True, help="Times that examples are drawn.")
@click.option("--together", is_flag=True, help="Add all categories at once instead of one at a time.")
def added_categories(data: Path, source: str, old_file: Path | None, draws: int, together: bool) -> None:
    """Add categories from 20 examples and measure; prints a line of JSON a category and draw, then the means."""
    new = {path.stem: read_rows(path) for path in sorted(data.glob("*.jsonl"))}
    found = open_artefact(source)
    old = read_rows(old_file) if old_file else read_reference(found).validation
    old = [row for row in old if row.category in found.manifest.categories]
    groups = [list(new)] if together else [[name] for name in new]
    lines = []
    for draw in range(draws):
        for names in groups:
            for line in measure(source, {name: new[name] for name in names}, old, draw):
                lines.append(line)
                click.echo(json.dumps(line))
    figures = [name for name, value in lines[0].items() if isinstance(value, float)]
    means = {name: round(float(np.mean([line[name] for line in lines])), 4) for name in figures}
    click.echo(json.dumps({"category": "mean", "draws": draws, **means}))


def measure(source: str, new: dict[str, list[Row]], old: Sequence[Row], draw: int) -> list[dict[str, Any]]:
    """Add categories from one draw of examples.

    Args:
        source: the router that gets them.
        new: rows of each.
        old: rows of the old categories to measure on.
        draw: seed of the draw and of the training.

    Returns:
        for each category `recall`; `precision` among its held-out rows and `old` as they are; `precision_even`, if
        every category were equally frequent; `old_loss`, the accuracy lost on `old`; and `reference_loss`, the same on
        the reference rows that the router was checked by.
    """
    generator = random.Random(draw)
    taken = {name: generator.sample(rows, MIN_NEW_ROWS) for name, rows in new.items()}
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainSettings(
            train_data=write_rows(Path(folder) / "new.jsonl", [row for rows in taken.values() for row in rows]),
            output_dir=Path(folder) / "router",
            from_router=source,
            add_category=list(new),
            allow_regression=True,
            seed=draw,
        )
        made = train_router(settings)
        after = Router.from_pretrained(made.path)
        before = Router.from_pretrained(source)
        left = {name: [row for row in rows if row not in taken[name]] for name, rows in new.items()}
        found = {name: _categories(after, rows) for name, rows in left.items()}
        on_old, on_old_before = _categories(after, old), _categories(before, old)
    checked = made.manifest.training["old_categories"]
    losses = {
        "old_loss": _accuracy(on_old_before, old) - _accuracy(on_old, old),
        "reference_loss": checked["before"] - checked["after"],
    }
    return [
        {"category": name, "draw": draw, **_figures(name, found, on_old, old), **losses, "old_rows": len(old)}
        for name in new
    ]


def _figures(name: str, found: dict[str, list[str]], on_old: list[str], old: Sequence[Row]) -> dict[str, float]:
    hits = found[name].count(name)
    wrong = on_old.count(name) + sum(labels.count(name) for other, labels in found.items() if other != name)
    recall = hits / len(found[name])
    shares = [labels.count(name) / len(labels) for other, labels in found.items() if other != name]
    for category in sorted({str(row.category) for row in old}):
        labels = [label for label, row in zip(on_old, old, strict=True) if row.category == category]
        shares.append(labels.count(name) / len(labels))
    return {
        "recall": recall,
        "precision": hits / max(1, hits + wrong),
        "precision_even": recall / max(1e-9, recall + sum(shares)),
    }


def _categories(router: Router, rows: Sequence[Row]) -> list[str]:
    return [decision.category for decision in router.route_batch([row.query for row in rows])]


def _accuracy(found: list[str], rows: Sequence[Row]) -> float:
    return float(np.mean([label in {row.category, *row.also} for label, row in zip(found, rows, strict=True)]))


if __name__ == "__main__":
    added_categories()
