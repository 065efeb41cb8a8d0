"""The source files that the conventions are about."""

from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conventions.source import ROOT, SOURCES, Module

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def modules() -> dict[str, Module]:
    """Every module of the three packages by name."""
    found = {}
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *(part for part in parts if part != "__init__")])
            text = path.read_text(encoding="utf-8")
            found[name] = Module(name=name, path=path.relative_to(ROOT), text=text, tree=ast.parse(text))
    assert len(found) > 40
    return found


@pytest.fixture(scope="session")
def repository_files() -> list[Path]:
    """Files that belong to the repository: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a git checkout, to know which files belong to the repository")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
