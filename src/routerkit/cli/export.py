"""`routerkit export`."""

from __future__ import annotations

import click

from routerkit.cli.output import note
from routerkit.export.checkpoint import export_checkpoint
from routerkit.store import open_artefact


@click.command()
@click.argument("model", default="starter")
@click.option("--to", "target", required=True, help="A new folder.")
def export(model: str, target: str) -> None:
    """Write MODEL (the starter unless given) as a full Hugging Face checkpoint.

    The folder then holds float weights, an exact fp32 graph and the int8 graph, and loads with
    `transformers.pipeline("text-classification", model=FOLDER)`.
    """
    written = export_checkpoint(open_artefact(model), target)
    note(f"wrote {written.path} with the graphs {', '.join(sorted(written.manifest.graphs))}")
