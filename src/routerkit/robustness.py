"""Whether a query that is routed right still is when it is typed carelessly."""

from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING, Any

from routerkit.intervals import proportion

if TYPE_CHECKING:
    from collections.abc import Callable

    from routerkit.evaluation import Evaluation
    from routerkit.router import Router

_MIN_WORD = 4
_WORDS_PER_SLIP = 8
_NO_PUNCTUATION = str.maketrans("", "", ".,;:!?'\"")


def measure_robustness(router: Router, evaluation: Evaluation, *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Route the queries of an evaluation again, each typed in other ways.

    Only queries whose route was right are counted, because the question is what careless typing breaks. A query of the
    fallback's category is right at the fallback.

    Args:
        router: the router that was evaluated.
        evaluation: its decisions on queries as they stand.
        seed: of the slips of the fingers.

    Returns:
        for each way of typing `n`, `kept` (share that still goes to the same node), `interval` (95 %) and
        `fallback_change` (the fallback's share of all queries, after minus before, in points).
    """
    found = {}
    routed_right = [
        decision.route == row.category or decision.route in row.also
        for row, decision in zip(evaluation.rows, evaluation.decisions, strict=True)
    ]
    fallback = evaluation.policy.fallback
    for name, change in _CHANGES.items():
        generator = random.Random(seed)
        changed = [change(row.query, generator) or row.query for row in evaluation.rows]
        after = [decision.route for decision in router.route_batch(changed)]
        before = [decision.route for decision in evaluation.decisions]
        pairs = list(zip(routed_right, before, after, strict=True))
        kept = proportion(sum(old == new for right, old, new in pairs if right), sum(routed_right))
        found[name] = {
            "n": kept.n,
            "kept": kept.value,
            "interval": [kept.low, kept.high],
            "fallback_change": 100 * (after.count(fallback) - before.count(fallback)) / len(pairs),
        }
    return found


def with_typos(query: str, generator: random.Random) -> str:
    """One slip of the fingers in about every eighth word, at least one: a swapped, missing, doubled or wrong letter."""
    words = query.split(" ")
    able = [position for position, word in enumerate(words) if len(word) >= _MIN_WORD and word.isalpha()]
    for position in generator.sample(able, min(len(able), max(1, len(words) // _WORDS_PER_SLIP))):
        words[position] = _slip(words[position], generator)
    return " ".join(words)


def _slip(word: str, generator: random.Random) -> str:
    at = generator.randrange(1, len(word) - 1)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    slips = (
        after[0] + letter + after[1:],
        after,
        letter + letter + after,
        generator.choice(string.ascii_lowercase) + after,
    )
    return before + generator.choice(slips)


def _lower(query: str, generator: random.Random) -> str:
    del generator
    return query.lower()


def _upper(query: str, generator: random.Random) -> str:
    del generator
    return query.upper()


def _without_punctuation(query: str, generator: random.Random) -> str:
    del generator
    return query.translate(_NO_PUNCTUATION).strip()


_CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "typos": with_typos,
    "lower_case": _lower,
    "upper_case": _upper,
    "no_punctuation": _without_punctuation,
}
