"""The documents of the repository, and the blocks of code in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    path.relative_to(ROOT).as_posix() for path in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")))
]


def read(name: str) -> str:
    """The text of a document, named as in `DOCUMENTS`."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(language: str, text: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(name: str) -> list[list[str]]:
    """The words of every line in a document's console blocks, comments left out."""
    lines = "".join(blocks("console", read(name))).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]
