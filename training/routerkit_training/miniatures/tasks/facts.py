"""Reads the hand-written facts in `facts/CATEGORY.txt`.

A file is a list of blocks. `## kind: field, field` starts a kind of fact; a block has one answer (`=`), wordings
that are trained (`?`), wordings that are never trained (`!`), and rows (`-`) that fill the fields::

    ## capital: country, capital
    = {capital} is the capital of {country}.
    ? What is the capital of {country}?
    ! Tell me the capital of {country}.
    - France | Paris

Without rows the block is a single fact. Sentences begin with a capital letter; an answer that begins with
`==` stays as it is written (code). Blocks of one kind are parted by an empty line.
"""

from dataclasses import dataclass, field
from pathlib import Path

from routerkit_training.miniatures.tasks.base import Question

_FOLDER = Path(__file__).with_name("facts")


@dataclass(slots=True)
class _Block:
    """One answer template with its wordings and rows, while the file is read."""

    kind: str
    fields: tuple[str, ...]
    answer: str
    literal: bool
    trained: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)


def read_facts(category: str) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """The questions of one category: those to train on, and those with a held-out wording.

    Raises:
        ValueError: a line of the file is not in the format, or a row does not fill the fields.
    """
    trained: list[Question] = []
    held_out: list[Question] = []
    for block in _read_blocks(_FOLDER / f"{category}.txt"):
        for row in block.rows or [()]:
            values = dict(zip(block.fields, row, strict=True))
            answer = block.answer.format_map(values) if block.literal else _sentence(block.answer, values)
            key = f"{block.kind}: {' | '.join(row) or block.answer}"
            for wordings, questions in ((block.trained, trained), (block.held_out, held_out)):
                for wording in wordings:
                    questions.append(Question(category, block.kind, key, _sentence(wording, values), answer))
    return tuple(trained), tuple(held_out)


def _sentence(template: str, values: dict[str, str]) -> str:
    text = template.format_map(values)
    return text[:1].upper() + text[1:]


def _read_blocks(path: Path) -> list[_Block]:
    blocks: list[_Block] = []
    kind = ""
    fields: tuple[str, ...] = ()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        mark, _, text = line.partition(" ")
        if mark == "##":
            kind, _, names = text.partition(": ")
            fields = tuple(name.strip() for name in names.split(",")) if names else ()
        elif mark in ("=", "=="):
            blocks.append(_Block(kind, fields, answer=text, literal=mark == "=="))
        elif mark in ("?", "!"):
            (blocks[-1].trained if mark == "?" else blocks[-1].held_out).append(text)
        elif mark == "-":
            blocks[-1].rows.append(tuple(part.strip() for part in text.split(" | ")))
        elif mark not in ("", "#"):
            raise ValueError(f"{path.name}, line {number}: starts with {mark!r}; use one of ## = == ? ! - #")
    return blocks
