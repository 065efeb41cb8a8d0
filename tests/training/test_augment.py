"""Format noise changes the outfit of a query, never what it asks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from routerkit_training import augment as module
from routerkit_training.augment import augment

_CHANGES = [*(change for _, change in module._CHANGES), module._mistyped]
_AWKWARD = ["?", "...", "\n", "!?.", "a", "ab", "  x  ", "ß" * 12, "🙂" * 13, "word " * 60, "a. b\nc. d", "'\"'"]
_LONG = "How many litres does the pool hold, and why? " * 6

queries = st.text(min_size=1).filter(str.strip)
seeds = st.integers(0, 2**32 - 1)


@given(queries, seeds)
def test_the_result_is_never_empty(query: str, seed: int) -> None:
    assert augment(query, np.random.default_rng(seed)).strip()


@given(queries, seeds)
def test_the_same_state_gives_the_same_outfit(query: str, seed: int) -> None:
    assert augment(query, np.random.default_rng(seed)) == augment(query, np.random.default_rng(seed))


@given(queries, seeds)
def test_the_length_stays_in_bounds(query: str, seed: int) -> None:
    longest = 3 * len(query) + 60  # upper case may triple a letter; chatter, ending, fence and slips add the rest
    assert len(augment(query, np.random.default_rng(seed))) <= longest


def test_a_row_is_shown_in_many_outfits() -> None:
    generator = np.random.default_rng(0)
    assert len({augment(_LONG, generator) for _ in range(100)}) > 30


def test_some_rows_stay_as_they_are() -> None:
    generator = np.random.default_rng(0)
    assert sum(augment(_LONG, generator) == _LONG for _ in range(200)) > 5


def test_punctuation_alone_survives() -> None:
    generator = np.random.default_rng(0)
    assert all(augment("?!.", generator).strip() for _ in range(300))


def test_the_share_of_slips_is_as_asked_for() -> None:
    word = "incomprehensibilities"  # one of the other changes may lower, end or open it, and none changes its letters
    found = {
        share: sum(word not in augment(word, np.random.default_rng(seed), typos=share).lower() for seed in range(300))
        for share in (0.0, 0.4, 1.0)
    }
    assert found[0.0] == 0
    assert 80 < found[0.4] < 160
    assert found[1.0] > 270


@pytest.mark.parametrize("change", _CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("text", _AWKWARD)
def test_every_change_accepts_awkward_text(change: module.Change, text: str) -> None:
    assert all(isinstance(change(text, np.random.default_rng(seed)), str) for seed in range(20))


def _results(change: module.Change, text: str = _LONG) -> set[str]:
    return {change(text, np.random.default_rng(seed)) for seed in range(60)}


@pytest.mark.parametrize(
    ("change", "text", "expected"),
    [
        (module._lower, "Is C# Good?", {"is c# good?"}),
        (module._upper, "Is it ok", {"IS IT OK"}),
        (module._open_ended, "Why? !..", {"Why"}),
        (module._without_punctuation, 'It\'s 3, "no"; x:y?!.', {"Its 3 no xy"}),
        (module._fenced, "x = 1", {"```\nx = 1\n```"}),
        (module._broken_lines, "One. Two\nThree", {"One.\nTwo\nThree", "One. Two Three"}),
    ],
)
def test_simple_changes_do_what_their_names_say(change: module.Change, text: str, expected: set[str]) -> None:
    assert _results(change, text) == expected


def test_chatter_goes_in_front_and_endings_behind() -> None:
    assert all(found.endswith(_LONG) and len(found) > len(_LONG) for found in _results(module._with_opening))
    assert all(found.startswith(_LONG) and len(found) > len(_LONG) for found in _results(module._with_ending))


def test_slips_of_the_fingers_are_at_most_three() -> None:
    assert all(abs(len(found) - len(_LONG)) <= 3 for found in _results(module._mistyped))
    assert len(_results(module._mistyped)) > 50


def test_short_texts_are_not_mistyped() -> None:
    assert _results(module._mistyped, "ls -la") == {"ls -la"}


def test_numbers_and_formulas_are_not_mistyped() -> None:
    assert _results(module._mistyped, "12 * (3 + 45) = ?") == {"12 * (3 + 45) = ?"}


def test_only_long_texts_are_cut_and_to_their_beginning_or_end() -> None:
    text = " ".join(f"w{n}" for n in range(40))
    found = _results(module._cut, text)
    assert _results(module._cut, "just a few words") == {"just a few words"}
    assert all(text.startswith(part) or text.endswith(part) for part in found)
    assert all(12 <= len(part.split()) < 40 for part in found)
    assert any(part.startswith("w0 ") for part in found)
    assert any(part.endswith(" w39") for part in found)
