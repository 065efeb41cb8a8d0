"""Format noise for training, so that a router cannot learn a category from how a source writes.

Benchmark sources give themselves away: length and punctuation alone predict the category of their rows with an accuracy
of 0.67 to 0.79, and by chance on what people type. Every epoch sees every row in another outfit: the case, punctuation,
typing errors, truncation, chatter and line breaks that real messages have. The words that carry the meaning stay.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import numpy as np

_CHATTER = (
    "hey ", "hi, ", "Hello! ", "ok ", "so ", "um ", "pls help: ", "quick question - ", "question: ", "hey there\n",
    "can you help me with this\n", "need this asap ", "help pls ", "one more: ",
)  # fmt: skip
_ENDINGS = (" thanks", " thx", " pls", " please", "??", "...", " asap", "\nthanks!", " lol")
_MIN_TYPO_CHARS = 8
_LETTERS = list(string.ascii_lowercase)
_MIN_CUT_WORDS = 24
_KEPT_WORDS = 12

TYPOS = 0.15
"""Share of the queries that get slips of the fingers. More harms a router that learns from few rows, and helps one that
learns from many."""

Change = Callable[[str, np.random.Generator], str]


def augment(query: str, generator: np.random.Generator, *, typos: float = TYPOS) -> str:
    """One query in another outfit.

    Args:
        query: the text of a row.
        generator: source of randomness; the same state gives the same outfit.
        typos: probability of slips of the fingers, in [0, 1].

    Returns:
        the changed text, never empty.
    """
    changed = query
    for probability, change in (*_CHANGES, (typos, _mistyped)):
        if generator.random() < probability:
            changed = change(changed, generator)
    return changed if changed.strip() else query


def _lower(text: str, generator: np.random.Generator) -> str:
    del generator
    return text.lower()


def _upper(text: str, generator: np.random.Generator) -> str:
    del generator
    return text.upper()


def _open_ended(text: str, generator: np.random.Generator) -> str:
    del generator
    return text.rstrip(" ?.!")


def _without_punctuation(text: str, generator: np.random.Generator) -> str:
    del generator
    return re.sub(r"[,.;:!?'\"]", "", text)


def _mistyped(text: str, generator: np.random.Generator) -> str:
    """Up to three slips of the fingers: a swapped, missing, doubled or wrong character."""
    if len(text) < _MIN_TYPO_CHARS:
        return text
    letters = list(text)
    for _ in range(generator.integers(1, 4)):
        at = int(generator.integers(1, len(letters) - 1))
        if not letters[at].isalpha():  # a slip in a number or a formula would be another question
            continue
        slip = generator.integers(4)
        if slip == 0:
            letters[at], letters[at - 1] = letters[at - 1], letters[at]
        elif slip == 1:
            del letters[at]
        elif slip == 2:
            letters.insert(at, letters[at])
        else:
            letters[at] = str(generator.choice(_LETTERS))
    return "".join(letters)


def _cut(text: str, generator: np.random.Generator) -> str:
    """The beginning or the end of a long text."""
    words = text.split(" ")
    if len(words) <= _MIN_CUT_WORDS:
        return text
    size = int(generator.integers(_KEPT_WORDS, len(words)))
    return " ".join(words[:size] if generator.random() < 0.5 else words[-size:])


def _with_opening(text: str, generator: np.random.Generator) -> str:
    return _CHATTER[generator.integers(len(_CHATTER))] + text


def _with_ending(text: str, generator: np.random.Generator) -> str:
    return text + _ENDINGS[generator.integers(len(_ENDINGS))]


def _fenced(text: str, generator: np.random.Generator) -> str:
    del generator
    return f"```\n{text}\n```"


def _broken_lines(text: str, generator: np.random.Generator) -> str:
    return text.replace(". ", ".\n") if generator.random() < 0.5 else text.replace("\n", " ")


_CHANGES: tuple[tuple[float, Change], ...] = (
    (0.35, _lower),
    (0.03, _upper),
    (0.40, _open_ended),
    (0.10, _without_punctuation),
    (0.08, _cut),
    (0.06, _with_opening),
    (0.05, _with_ending),
    (0.02, _fenced),
    (0.08, _broken_lines),
)
