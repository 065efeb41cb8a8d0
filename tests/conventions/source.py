"""Where the source is, and what is known about one file of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

ROOT = Path(__file__).parents[2]
SOURCES = {
    "routerkit": ROOT / "src" / "routerkit",
    "routerkit_graphs": ROOT / "graphs" / "routerkit_graphs",
    "routerkit_training": ROOT / "training" / "routerkit_training",
}


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file of the distribution.

    Attributes:
        name: dotted, as it is imported.
        path: relative to the repository.
        text: its content.
        tree: its syntax tree.
    """

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether the file is an `__init__.py`."""
        return self.path.name == "__init__.py"
