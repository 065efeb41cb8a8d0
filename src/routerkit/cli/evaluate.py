"""`routerkit evaluate`."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from routerkit.cli import BASELINES
from routerkit.cli.options import RouterOptions, open_router, router_options
from routerkit.cli.output import note
from routerkit.decision import rounded
from routerkit.errors import DataError, InputError, MissingExtraError, require
from routerkit.evaluation import evaluate as measure
from routerkit.report.breakdown import read_groups
from routerkit.report.page import Report, write_page
from routerkit.report.summary import Baselines, summarise
from routerkit.robustness import measure_robustness
from routerkit.rows import read_outside_rows, read_rows

if TYPE_CHECKING:
    from routerkit.artefact import Artefact
    from routerkit.evaluation import Evaluation

_DIGITS = 5
_SHOWN = {
    "accuracy": "accuracy",
    "macro_f1": "macro_f1",
    "ece": "ece",
    "brier": "brier",
    "aurc": "aurc",
    "confidence_auroc": "conf_auroc",
    "harm": "harm",
    "recall": "recall",
    "coverage": "coverage",
    "ood_auroc": "ood_auroc",
    "ood_fpr95": "ood_fpr95",
}


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Whether baselines are wanted (None: if they can be had) and what they learn from."""

    wanted: bool | None
    train_file: str | None
    base_encoder: str | None


@click.command()
@click.option("--test-file", required=True, help='JSONL rows: {"query": ..., "category": ...}.')
@click.option("--ood-file", help="JSONL rows outside every category; their category is null or missing.")
@click.option("--robustness", is_flag=True, help="Also route every query with typos, in other case, unpunctuated.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option("--report", help="Write an HTML page with plots, baselines and the most confident mistakes.")
@click.option(
    "--baselines/--no-baselines",
    default=None,
    help="Train simple classifiers to compare with; in a report unless they cannot be had.",
)
@click.option("--train-file", help="JSONL rows the baselines learn from; the router's reference rows unless given.")
@click.option("--base-encoder", help="Folder or hub id of the encoder the router started from, for the baseline kNN.")
@router_options
def evaluate(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    test_file: str,
    ood_file: str | None,
    robustness: bool,
    as_json: bool,
    report: str | None,
    baselines: bool | None,
    train_file: str | None,
    base_encoder: str | None,
    **options: Unpack[RouterOptions],
) -> None:
    """Measure a router on labelled queries.

    Accuracy, F1 and the confusion matrix are on the most probable category, before any threshold; harm, recall and
    coverage are on the route that is taken. Brackets hold intervals of 95 %, from 1,000 resamples of the rows.
    """
    if report is not None:
        _check_report(report, [test_file, *(name for name in (ood_file, train_file) if name)])
    router = open_router(options)
    rows = read_rows(test_file, categories=router.categories)
    evaluation = measure(router, rows, read_outside_rows(ood_file) if ood_file else [])
    wanted = baselines
    if baselines is None and report is None:
        wanted = train_file is not None or base_encoder is not None  # said for nothing else
    comparison = _Comparison(wanted, train_file, base_encoder)
    compared, missing = _compare(router.artefact, evaluation, comparison)
    figures = rounded(summarise(evaluation, read_groups(test_file), compared), _DIGITS)
    if robustness:
        figures["robustness"] = rounded(measure_robustness(router, evaluation), _DIGITS)
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
    else:
        _show(figures)
    if report is not None:
        files = {"test rows": Path(test_file)} | ({"out-of-domain rows": Path(ood_file)} if ood_file else {})
        date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        page = Report(
            evaluation=evaluation, figures=figures, router=router.artefact, rows=files, date=date, no_baselines=missing
        )
        write_page(page, report)
        note(f"wrote {report}")


def _check_report(report: str, inputs: list[str]) -> None:
    """Refuse a place for the page before the work is done that would go into it."""
    path = Path(report)
    if not path.absolute().parent.is_dir():
        raise DataError(
            report, None, "cannot be written, its folder does not exist; create it or give another --report"
        )
    if path.is_dir():
        raise DataError(report, None, "is a folder; give the name of a file as --report")
    if path.resolve() in {Path(name).resolve() for name in inputs}:
        raise DataError(report, None, "is a file of rows and would be overwritten; give another --report")


def _compare(router: Artefact, evaluation: Evaluation, how: _Comparison) -> tuple[Baselines | None, str]:
    """The baselines; or None, and why a report goes without them."""
    if how.wanted is False:
        return None, ""
    try:
        require("train", "sklearn", "torch", "transformers", "onnx")
        run = import_module(BASELINES).run_baselines
        found: Baselines = run(router, evaluation, train_file=how.train_file, base_encoder=how.base_encoder)
    except (MissingExtraError, InputError) as error:
        if how.wanted or how.train_file or how.base_encoder:
            raise
        note(f"without baselines: {error}")
        return None, str(error)
    return found, ""


def _show(figures: dict[str, Any]) -> None:
    click.echo(f"{figures['n']:,} labelled queries, threshold {figures['threshold']:.2f}\n")
    for name, label in _SHOWN.items():
        if name in figures:
            click.echo(f"  {label:<10} {_with_interval(figures[name], figures['intervals'].get(name))}")
    matrix = figures["confusion_matrix"]
    names = matrix["categories"]
    width = max(map(len, names)) + 2
    click.echo("\n" + "true \\ found".ljust(width + 2) + "".join(name.rjust(width) for name in names) + "f1".rjust(8))
    for name, counts in zip(names, matrix["counts"], strict=True):
        f1 = figures["per_category"][name]["f1"]
        click.echo(name.ljust(width + 2) + "".join(f"{count:,}".rjust(width) for count in counts) + f"{f1:8.3f}")
    if "robustness" in figures:
        _show_robustness(figures["robustness"])


def _show_robustness(found: dict[str, dict[str, Any]]) -> None:
    click.echo("\nstill at the same node, of the queries that were routed right")
    for name, figures in found.items():
        kept = _with_interval(figures["kept"], figures["interval"])
        click.echo(f"  {name:<14} {kept}  fallback {figures['fallback_change']:+.1f} points")


def _with_interval(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" + (f"  [{interval[0]:.4f}, {interval[1]:.4f}]" if interval else "")
