"""The folder that a training run writes into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit import artefact
from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SCRATCH = "checkpoints"
"""Under the output folder while a run trains."""

_LEFT_BEHIND = {
    SCRATCH,
    "search",
    "onnx",
    "tokenizer_config.json",
    artefact.CONFIG,
    artefact.WEIGHTS,
    artefact.TOKENIZER,
    artefact.REFERENCE,
    artefact.OUTSIDE_HEAD,
    artefact.RANGES,
}
"""What an interrupted run leaves in its folder."""


def check_output(folder: Path) -> None:
    """Check that a router may be written into a folder.

    Raises:
        ConfigError: if it is a file, or holds a router or anything that no interrupted run leaves behind: its README
            would be written over, and every other file would become a part of the router.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; give a folder as --output_dir")
    if (folder / artefact.MANIFEST).exists():
        raise ConfigError(f"{folder}: holds a router already; give another --output_dir, or delete this one")
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    others = sorted(name for name in names - _LEFT_BEHIND if not name.startswith("."))
    if others:
        raise ConfigError(f"{folder}: holds other files, {', '.join(others[:3])}; give a new folder as --output_dir")
