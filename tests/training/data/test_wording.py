"""Openings, shapes and distinct-2."""

from __future__ import annotations

import random

import pytest
from routerkit_training.data.wording import WINDOW, commonest, distinct_2, opening, shape, words_of


def test_words_are_lower_case_and_keep_their_apostrophes() -> None:
    assert words_of("Don\N{RIGHT SINGLE QUOTATION MARK}t panic: It's 3.5 km!") == [
        "don't",
        "panic",
        "it's",
        "3",
        "5",
        "km",
    ]


def test_an_opening_is_three_words() -> None:
    assert opening("What is the, er, capital?") == "what is the"
    assert opening("hi there") is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("What is the capital of Sri Lanka?", "what is the _ of _"),
        ("what is the boiling point of 3 ethers", "what is the _ of _"),
        ("can you write 12 poems in Welsh", "can you write _ in _"),
    ],
)
def test_a_shape_masks_nouns_and_numbers(query: str, expected: str) -> None:
    assert shape(query) == expected


def test_what_has_too_few_plain_words_has_no_shape() -> None:
    assert shape("sourdough starter flat") is None
    assert shape("capital of France") is None


def test_the_commonest_pattern_is_counted_among_all_queries() -> None:
    queries = ["why is the sea salty", "why is the sky blue", "how do i knit", "hi"]
    found = commonest(queries, opening)
    assert found is not None
    assert (found.text, found.rows, found.share) == ("why is the", 2, 0.5)
    assert commonest(["hi", "yo"], opening) is None


def test_repeated_pairs_of_words_lower_distinct_2() -> None:
    fresh = [" ".join(f"w{n * 10 + k}" for k in range(10)) for n in range(150)]
    assert distinct_2(fresh) == 1.0
    assert distinct_2(["the same old words again"] * 400) == pytest.approx(4 / WINDOW)


def test_distinct_2_does_not_fall_with_the_size_of_the_file() -> None:
    generator = random.Random(6)
    queries = [" ".join(f"w{generator.randrange(60)}" for _ in range(5)) for _ in range(4_000)]
    one, other = distinct_2(queries[:1_000]), distinct_2(queries)
    assert one is not None
    assert other == pytest.approx(one, abs=0.03)


def test_distinct_2_of_too_few_words_is_not_measured() -> None:
    assert distinct_2(["only a few words"]) is None
