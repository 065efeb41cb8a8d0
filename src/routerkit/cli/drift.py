"""`routerkit drift`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from routerkit.cli.options import RouterOptions, open_router
from routerkit.cli.output import check_differs, note
from routerkit.decision import rounded
from routerkit.drift.alarm import Drift, check
from routerkit.drift.picture import draw
from routerkit.drift.sample import Sample, of_reference_rows, split_log, to_json
from routerkit.errors import DataError
from routerkit.log.reading import reading

_ALARM = 3
"""Exit status of an alarm, so that a scheduled job can tell it from an error."""

_DIGITS = 5
_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--log", type=_FILE, required=True, help="The file that decision_log names.")
@click.option("--reference", help="Compare with this router's reference rows, not with earlier decisions of the log.")
@click.option("--config", help="The YAML file that the reference router is used with.")
@click.option("--window", type=click.IntRange(min=1), default=500, show_default=True, help="Latest decisions to check.")
@click.option("--svg", type=_FILE, help="Draw a picture into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def drift(log: Path, reference: str | None, config: str | None, window: int, svg: Path | None, as_json: bool) -> int:
    """Say whether queries have changed: what is asked, how surely it is routed, how much is out of domain.

    The latest decisions are compared with the earlier ones of the same router, or with its reference rows, which hold
    the categories evenly. If nothing has changed, one check in a hundred alarms at most. An alarm has the exit status
    3.
    """
    if config is not None and reference is None:
        raise click.UsageError("--config is about the router of --reference; give that too, or leave it out")
    if svg:
        check_differs(svg, log, "--svg")
    before, latest = _samples(log, reference, config, window)
    found = check(before, latest)
    if as_json:
        content = {**found.to_dict(), "reference": to_json(before), "window": to_json(latest)}
        click.echo(json.dumps(rounded(content, _DIGITS), ensure_ascii=False))
    else:
        _show(found, to_json(before), to_json(latest))
    if svg:
        _write(svg, draw(before, latest, found))
    return _ALARM if found.alarm else 0


def _samples(log: Path, reference: str | None, config: str | None, window: int) -> tuple[Sample, Sample]:
    with reading(log) as reader:
        rows = list(reader.rows())
    if reference is None:
        earlier, latest = split_log(rows, window)
        return Sample.of(earlier), Sample.of(latest)
    options: RouterOptions = {"config": config, "model": reference, "device": None, "threshold": None}
    router = open_router(options)
    _, latest = split_log(rows, window, router.artefact.digest)
    return of_reference_rows(router), Sample.of(latest)


def _show(found: Drift, before: dict[str, Any], latest: dict[str, Any]) -> None:
    click.echo("ALARM: the queries have changed" if found.alarm else "no alarm")
    for finding in found.findings:
        sign = "!" if finding.alarm else " "
        click.echo(
            f" {sign} {finding.name:<10} change {finding.effect:.3f} (alarm from {finding.least_effect:.2f}), "
            f"p = {finding.p_value:.2g}"
        )
    click.echo(f"\n{'':<18}{'reference':>10}{'window':>10}")
    rows = {"decisions": "n", "mean confidence": "confidence_mean", "out of domain": "outside_rate"}
    for title, key in rows.items():
        click.echo(f"{title:<18}{_cell(before[key])}{_cell(latest[key])}")
    for name in sorted({*before["mix"], *latest["mix"]}):
        click.echo(f"{name:<18}{_cell(before['mix'].get(name, 0.0))}{_cell(latest['mix'].get(name, 0.0))}")


def _cell(value: float) -> str:
    return f"{value:>10,}" if isinstance(value, int) else f"{value:>10.3f}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(path, None, f"cannot be written ({error.strerror}); check --svg") from error
    note(f"drew {path}")
