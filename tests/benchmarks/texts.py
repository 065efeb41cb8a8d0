"""The queries: short ones, and ones of mixed lengths, within what the router reads whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routerkit.rows import read_rows

if TYPE_CHECKING:
    from routerkit.tokenization import QueryTokenizer

ROOT = Path(__file__).resolve().parents[2]
SHORT_TOKENS = 24
MEDIAN_TOKENS = 34
SPREAD = 0.75
"""Of the logarithm of the lengths: one in ten is longer than 2.6 times the median."""

FEWEST_TOKENS = 8


def examples() -> list[str]:
    """The labelled example queries, in their order."""
    return [row.query for row in read_rows(ROOT / "examples" / "test.jsonl")]


def short(tokenizer: QueryTokenizer) -> list[str]:
    """Examples of at most `SHORT_TOKENS` tokens."""
    found = examples()
    lengths = map(len, tokenizer.encode_batch(found))
    return [query for query, length in zip(found, lengths, strict=True) if length <= SHORT_TOKENS]


def mixed(tokenizer: QueryTokenizer, count: int) -> list[str]:
    """Examples joined to lengths of a log-normal distribution, cut before the tokenizer would cut them.

    Longer ones are left out of the comparison: a router that reads the two ends of a long query does less than a
    contender that reads its beginning only, or all of it.
    """
    rng = np.random.default_rng(0)
    words = " ".join(examples()).split()
    goals = np.exp(rng.normal(np.log(MEDIAN_TOKENS), SPREAD, count)).clip(FEWEST_TOKENS, tokenizer.max_tokens)
    found = []
    for goal in goals:
        start = int(rng.integers(0, len(words) - tokenizer.max_tokens))
        taken = int(goal)
        while taken > 1 and len(tokenizer.encode(" ".join(words[start : start + taken]))) > goal - 1:
            taken -= 1
        found.append(" ".join(words[start : start + taken]))
    return found
