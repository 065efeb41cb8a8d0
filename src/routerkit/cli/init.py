"""`routerkit init`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from routerkit.cli.output import note
from routerkit.errors import ConfigError

_TEMPLATES = {"routerkit.yaml": "routerkit.yaml", "train.jsonl": "train.jsonl"}


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Write routerkit.yaml, with every setting explained, and train.jsonl, sample rows, into FOLDER."""
    taken = [name for name in _TEMPLATES if (folder / name).exists()]
    if taken:
        raise ConfigError(f"{folder}: has {' and '.join(taken)} already; nothing was written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, template in _TEMPLATES.items():
            text = (files("routerkit") / "templates" / template).read_text(encoding="utf-8")
            (folder / name).write_text(text, encoding="utf-8")
            note(f"wrote {folder / name}")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror}); give another folder") from error
    note('next: routerkit ask --config routerkit.yaml "What is 2+2?"')
