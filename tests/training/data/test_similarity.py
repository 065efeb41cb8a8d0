"""Near-duplicates are found, all of them."""

from __future__ import annotations

import random

import pytest
from routerkit_training.data.similarity import LEAST_THRESHOLD, grams, near_pairs

from routerkit.errors import ConfigError

_WORDS = (
    "how", "do", "i", "fix", "my", "old", "bike", "before", "the", "rain", "comes", "and", "what", "if", "it", "snows",
    "again", "in", "1999", "or", "2024",
)  # fmt: skip


def _texts(count: int, seed: int) -> list[str]:
    """Random queries, half of them a small change to an earlier one."""
    generator = random.Random(seed)
    texts: list[str] = []
    for number in range(count):
        if number % 2 and len(texts) > 3:
            words = generator.choice(texts).split()
            words[generator.randrange(len(words))] = generator.choice(_WORDS)
        else:
            words = generator.choices(_WORDS, k=generator.randint(1, 14))
        texts.append(" ".join(words))
    return texts


def _jaccard(one: str, other: str) -> float:
    left, right = grams(one), grams(other)
    return len(left & right) / len(left | right)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 1.0])
def test_all_pairs_that_comparing_each_with_each_finds_are_found(threshold: float) -> None:
    texts = _texts(150, seed=3)
    expected = {
        (first, second): _jaccard(texts[first], texts[second])
        for first in range(len(texts))
        for second in range(first + 1, len(texts))
        if _jaccard(texts[first], texts[second]) >= threshold
    }
    found = {(pair.first, pair.second): pair.similarity for pair in near_pairs(texts, threshold=threshold)}
    assert len(expected) > 3
    assert found == pytest.approx(expected)


def test_pairs_across_two_lists_are_those_that_comparing_each_with_each_finds() -> None:
    texts = _texts(120, seed=5)
    ours, theirs = texts[:70], texts[70:]
    expected = {
        (first, second)
        for first, one in enumerate(ours)
        for second, other in enumerate(theirs)
        if _jaccard(one, other) >= 0.7
    }
    found = {(pair.first, pair.second) for pair in near_pairs(ours, threshold=0.7, against=theirs)}
    assert expected
    assert found == expected


def test_more_rows_than_one_block_holds_are_compared_across_blocks() -> None:
    generator = random.Random(1)
    texts = ["".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=20)) for _ in range(2_100)]
    texts.insert(1_200, "rooster lays an egg on a roof")
    texts.append("a rooster lays an egg on a roof")
    assert [(pair.first, pair.second) for pair in near_pairs(texts)] == [(1_200, 2_101)]


@pytest.mark.parametrize(
    ("one", "other"), [("Is 1001 prime", "is 2027  PRIME"), ("7x8", "6x9"), ("tabs\nand lines", "Tabs and lines")]
)
def test_case_space_and_digits_make_no_difference(one: str, other: str) -> None:
    assert grams(one) == grams(other)


def test_a_text_shorter_than_a_gram_is_a_gram() -> None:
    assert grams("hi") == {"hi"}
    assert [(pair.first, pair.second) for pair in near_pairs(["hi", "yo", "Hi "])] == [(0, 2)]


def test_no_texts_have_no_pairs() -> None:
    assert near_pairs([]) == near_pairs(["a"], against=[]) == []


@pytest.mark.parametrize("threshold", [LEAST_THRESHOLD - 0.01, 1.01])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match=rf"must be in \[0\.5, 1\], got {threshold}"):
        near_pairs(["a"], threshold=threshold)
