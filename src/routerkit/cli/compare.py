"""`routerkit compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routerkit.cli.options import RouterOptions, open_router
from routerkit.cli.output import harmless
from routerkit.compare import Comparison, Figure
from routerkit.compare import compare as measure
from routerkit.decision import rounded
from routerkit.log.exporting import training_rows
from routerkit.log.reading import reading
from routerkit.rows import read_rows

if TYPE_CHECKING:
    from routerkit.router import Router
    from routerkit.rows import Row

_DIGITS = 5
_FILE = click.Path(path_type=Path)
_SHOWN_CHARS = 72


@click.command()
@click.option("--old", required=True, help="The router in use: starter, a folder or a hub id.")
@click.option("--new", required=True, help="The other router.")
@click.option("--log", type=_FILE, help="A decision log: its queries, and what people judged of them.")
@click.option("--test-file", type=_FILE, help="Labelled rows instead of a log.")
@click.option("--config", help="A YAML file with the settings of both, apart from model_path.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def compare(old: str, new: str, log: Path | None, test_file: Path | None, config: str | None, as_json: bool) -> None:
    """Say what would change with another router: on the queries of a log, or on labelled rows.

    Harm and recall are on the judged rows; see `routerkit log review`. Intervals are 95 % ones.
    """
    if (log is None) == (test_file is None):
        raise click.UsageError("give either --log or --test-file")
    before, after = _open(old, config), _open(new, config)
    queries, judged = _of_log(log) if log else _of_rows(test_file, before)
    found = measure(before, after, queries, judged)
    if as_json:
        click.echo(json.dumps(rounded(found.to_dict(), _DIGITS), ensure_ascii=False))
    else:
        _show(found)


def _open(source: str, config: str | None) -> Router:
    options: RouterOptions = {"config": config, "model": source, "device": None, "threshold": None}
    return open_router(options)


def _of_log(path: Path) -> tuple[list[str], list[Row]]:
    with reading(path) as reader:
        queries = dict.fromkeys(row.query or "" for row in reader.with_text())
        return list(queries), training_rows(reader.reviewed())


def _of_rows(path: Path | None, router: Router) -> tuple[list[str], list[Row]]:
    rows = read_rows(str(path), categories=router.categories)
    return [row.query for row in rows], rows


def _show(found: Comparison) -> None:
    click.echo(f"same route     {found.same_route}")
    click.echo(f"same category  {found.same_category}")
    for change in found.changes:
        click.echo(f"\n{change.count:,} from {change.old} to {change.new}, for example:")
        for query in change.examples:
            click.echo("  " + harmless(" ".join(query.split()))[:_SHOWN_CHARS])
    click.echo("\non judged rows, old -> new")
    for name in ("accuracy", "harm", "recall"):
        figure: Figure = getattr(found, name)
        click.echo(f"  {name:<9} {figure.old} -> {figure.new}; difference {figure.difference}")
