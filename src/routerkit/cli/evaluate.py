"""`routerkit evaluate`."""

from __future__ import annotations

import json
from typing import Any, Unpack

import click

from routerkit.cli.options import RouterOptions, open_router, router_options
from routerkit.decision import rounded
from routerkit.evaluation import evaluate as measure
from routerkit.rows import read_outside_rows, read_rows

_DIGITS = 5


@click.command()
@click.option("--test-file", required=True, help='JSONL rows: {"query": ..., "category": ...}.')
@click.option("--ood-file", help="JSONL rows outside every category; their category is null or missing.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@router_options
def evaluate(test_file: str, ood_file: str | None, as_json: bool, **options: Unpack[RouterOptions]) -> None:
    """Measure a router on labelled queries.

    Accuracy, F1 and the confusion matrix are on the most probable category, before any threshold; harm, recall and
    coverage are on the route that is taken.
    """
    router = open_router(options)
    rows = read_rows(test_file, categories=router.categories)
    outside = read_outside_rows(ood_file) if ood_file else []
    figures = measure(router, rows, outside).to_dict()
    if as_json:
        click.echo(json.dumps(rounded(figures, _DIGITS), ensure_ascii=False))
    else:
        _show(figures)


def _show(figures: dict[str, Any]) -> None:
    click.echo(f"{figures['n']:,} labelled queries, threshold {figures['threshold']:.2f}\n")
    for name in (
        "accuracy",
        "macro_f1",
        "ece",
        "brier",
        "aurc",
        "harm",
        "recall",
        "coverage",
        "ood_auroc",
        "ood_fpr95",
    ):
        if name not in figures:
            continue
        value = figures[name]
        click.echo(f"  {name:<10} {'-' if value is None else f'{value:.4f}'}")
    matrix = figures["confusion_matrix"]
    names = matrix["categories"]
    width = max(map(len, names)) + 2
    click.echo("\n" + "true \\ found".ljust(width + 2) + "".join(name.rjust(width) for name in names) + "f1".rjust(8))
    for name, counts in zip(names, matrix["counts"], strict=True):
        f1 = figures["per_category"][name]["f1"]
        click.echo(name.ljust(width + 2) + "".join(f"{count:,}".rjust(width) for count in counts) + f"{f1:8.3f}")
