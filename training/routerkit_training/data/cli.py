"""The commands `routerkit data ...`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from routerkit.cli.output import complain, note
from routerkit.errors import DataError, require
from routerkit.spec import parse
from routerkit_training.data import NEAR
from routerkit_training.data.files import DataRow, labelled, read_data, refuse_overwriting, write_data

_PATH = click.Path(path_type=Path)
_file = click.argument("file", type=_PATH)
_threshold = click.option(
    "--threshold", default=NEAR, show_default=True, help="Similarity of near-duplicates, in [0.5, 1]."
)
_seed = click.option("--seed", default=0, show_default=True, help="Of every random choice.")
_json = click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")


@click.group()
def data() -> None:
    """Check, clean, split, probe, report on and fetch labelled rows (JSONL)."""


@data.command()
@click.argument("files", type=_PATH, nargs=-1, required=True)
@click.option("--categories", help="The labels allowed, separated by commas; any unless given.")
def validate(files: tuple[Path, ...], categories: str | None) -> int:
    """Print every faulty row of FILES with its line number; the exit status is 1 if there is one."""
    from routerkit_training.data.validate import validate as check

    allowed = None if categories is None else [name.strip() for name in categories.split(",") if name.strip()]
    if allowed == []:
        raise click.BadParameter("names no label; leave it out to allow any", param_hint="--categories")
    faulty = 0
    for path in files:
        try:
            found = check(path, allowed)
        except DataError as error:  # the other files are checked all the same
            complain(str(error))
            faulty += 1
            continue
        for fault in found.faults:
            complain(str(fault))
        faulty += len(found.faults)
        note(f"{path}: {found.rows:,} rows, {len(found.faults):,} faulty, {found.repeated:,} repeated")
    return 1 if faulty else 0


@data.command()
@_file
@click.option("--output-file", type=_PATH, required=True, help="The rows that stay, with every field.")
@click.option("--dropped-file", type=_PATH, help="The rows dropped, each with the row kept instead.")
@click.option("--against", type=_PATH, multiple=True, help="A file whose rows must not be repeated; several allowed.")
@_threshold
def dedupe(
    file: Path, output_file: Path, dropped_file: Path | None, against: tuple[Path, ...], threshold: float
) -> None:
    """Drop the rows of FILE that repeat another one, or nearly; the first one stays.

    Near-duplicates are rows whose character 5-grams are mostly the same, digits counting as equal. Those with
    different labels both stay: they teach where the border is.
    """
    require("train", "scipy")
    from routerkit_training.data.duplicates import deduplicate

    refuse_overwriting([file, *against], [output_file, *([dropped_file] if dropped_file else [])])
    found = deduplicate(read_data(file), threshold=threshold, against=_read_all(against))
    write_data(output_file, (row.fields for row in found.kept))
    if dropped_file:
        write_data(dropped_file, (one.to_dict() for one in found.dropped))
    exact = sum(one.kind == "exact" for one in found.dropped)
    note(
        f"{len(found.kept):,} rows kept in {output_file}, {exact:,} exact and {len(found.dropped) - exact:,} near "
        f"duplicates dropped, {found.borders:,} near-duplicates with different labels kept"
    )


@data.command()
@_file
@click.option("--output-dir", type=_PATH, required=True, help="Gets train.jsonl, validation.jsonl and test.jsonl.")
@click.option("--validation-share", default=0.1, show_default=True, help="Share of each category, in (0, 1).")
@click.option("--test-share", default=0.1, show_default=True, help="Share of each category, in (0, 1).")
@click.option("--group-field", help="Rows with the same value of this field stay in one part, such as source.")
@_threshold
@_seed
def split(file: Path, output_dir: Path, **options: object) -> None:
    """Split FILE into three parts that share nothing: near-duplicates and groups stay together."""
    require("train", "scipy")
    from routerkit_training.data.leaks import PARTS, SplitPlan, split_rows

    outputs = {name: output_dir / f"{name}.jsonl" for name in PARTS}
    refuse_overwriting([file], outputs.values())
    found = split_rows(read_data(file), parse(SplitPlan, options, source="command line"))
    for name, path in outputs.items():
        write_data(path, (row.fields for row in found.parts[name]))
    sizes = ", ".join(f"{len(found.parts[name]):,} {name}" for name in PARTS)
    note(f"wrote {sizes} rows to {output_dir}; {found.groups:,} groups, the largest of {found.largest:,} rows")


@data.command()
@_file
@_seed
@_json
def probe(file: Path, seed: int, as_json: bool) -> None:
    """Measure how well length and punctuation alone predict the category: the better, the more format leaks."""
    require("train", "sklearn")
    from routerkit_training.data.probe import probe_format
    from routerkit_training.data.show import probe_lines

    found = probe_format(labelled(read_data(file)), seed=seed)
    click.echo(_as_json(asdict(found)) if as_json else "\n".join(probe_lines(found)))


@data.command("label-errors")
@_file
@click.option("--model", help="Ask this router, which must not know the rows, instead of a light classifier.")
@click.option("--output-file", type=_PATH, help="Every suspect, most suspicious first, with its fields.")
@click.option("--most", default=20, show_default=True, type=click.IntRange(min=0), help="Suspects to print.")
@_seed
@_json
def label_errors(file: Path, model: str | None, output_file: Path | None, most: int, seed: int, as_json: bool) -> None:
    """List the rows of FILE whose label is probably wrong, by confident learning; nothing is changed."""
    require("train", "sklearn")
    from routerkit_training.data.label_errors import find_label_errors, out_of_fold_probabilities, router_probabilities
    from routerkit_training.data.show import suspect_lines

    refuse_overwriting([file], [output_file] if output_file else [])
    rows = labelled(read_data(file))
    categories = sorted({row.label for row in rows})
    if model:
        probabilities = router_probabilities(rows, model, categories)
    else:
        probabilities = out_of_fold_probabilities(rows, categories, seed=seed)
    found = find_label_errors(rows, probabilities, categories)
    suspects = [one.to_dict() for one in found.suspects]
    if output_file:
        write_data(output_file, suspects)
    figures = {"n": found.n, "accuracy": found.accuracy, "noise": found.noise, "suspects": suspects}
    click.echo(_as_json(figures) if as_json else "\n".join(suspect_lines(found, most)))


@data.command()
@_file
@click.option("--against", type=_PATH, multiple=True, help="A file that FILE must not overlap with; several allowed.")
@click.option("--strict", is_flag=True, help="The exit status is 1 if a goal is missed.")
@_threshold
@_json
def report(file: Path, against: tuple[Path, ...], strict: bool, threshold: float, as_json: bool) -> int:
    """Report on FILE: counts, lengths, commonest openings and shapes, near-duplicates, format leak, overlap, goals."""
    require("train", "sklearn")
    from routerkit_training.data.report import report_on
    from routerkit_training.data.show import report_lines

    others = {str(path): read_data(path) for path in against}
    found = report_on(read_data(file), against=others, threshold=threshold)
    click.echo(_as_json(found.to_dict()) if as_json else "\n".join(report_lines(found)))
    return 1 if strict and found.missed else 0


@data.command()
@click.option("--output-file", type=_PATH, required=True, help="JSONL with query, category, source and licence.")
@click.option("--source", "names", multiple=True, help="Name of a source; several allowed, all unless given.")
@click.option("--rows-per-source", default=2_000, show_default=True, help="At most, drawn at random.")
@click.option("--source-dir", type=_PATH, help="Folder with copies, each under its hub id; else the hub is read.")
@_seed
def fetch(output_file: Path, **options: object) -> None:
    """Build labelled rows from public data sets on the Hugging Face hub, each with its source and licence."""
    require("train", "datasets", "scipy")
    from routerkit_training.data.fetch import FetchPlan
    from routerkit_training.data.fetch import fetch as build

    found = build(parse(FetchPlan, options, source="command line"))
    write_data(output_file, found.rows)
    for name, count in found.counts.items():
        note(f"  {name:<24} {count:>7,}")
    note(f"{len(found.rows):,} rows in {output_file}, {found.dropped:,} duplicates dropped")


def _read_all(paths: tuple[Path, ...]) -> list[DataRow]:
    return [row for path in paths for row in read_data(path)]


def _as_json(figures: dict[str, object]) -> str:
    return json.dumps(figures, ensure_ascii=False)
