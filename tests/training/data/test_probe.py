"""The probe sees format and nothing else."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from routerkit_training.data.probe import FEATURES, format_features, probe_format

from routerkit.errors import DataError
from tests.training.data.rows import data_rows

if TYPE_CHECKING:
    from routerkit_training.data.files import DataRow

_WORDS = ["river", "stone", "lamp", "window", "paper", "garden", "ladder", "button", "carpet", "mirror"]


def _rows(*, leak: bool, count: int = 240) -> list[DataRow]:
    """Two categories with different words; with `leak` one of them asks with a question mark."""
    generator = random.Random(2)
    pairs: list[tuple[str, str | None]] = []
    for number in range(count):
        category = "ab"[number % 2]
        text = " ".join(generator.choices(_WORDS[:5] if category == "a" else _WORDS[5:], k=generator.randint(2, 9)))
        end = "?" if leak and category == "a" else generator.choice(["", "?", "."]) if not leak else ""
        pairs.append((text.ljust(60, "x")[:60] + end, category))
    return data_rows(*pairs)


def test_a_format_that_gives_the_category_away_is_found_and_named() -> None:
    probe = probe_format(_rows(leak=True))
    assert probe.balanced_accuracy == pytest.approx(1.0)
    assert probe.low <= probe.balanced_accuracy <= probe.high
    assert probe.telling[0].name in {"number of ?", "ends with ?", "characters"}
    ends = {one.name: one.means for one in probe.telling}
    assert all(means["a"] > means["b"] for means in ends.values())


def test_words_alone_give_nothing_away() -> None:
    probe = probe_format(_rows(leak=False, count=600))
    assert probe.chance == 0.5
    assert probe.low < 0.58
    assert probe.high - probe.low == pytest.approx(2 * 1.96 * 0.5 / 600**0.5, rel=0.1)


def test_the_probe_repeats_with_its_seed() -> None:
    rows = _rows(leak=False)
    assert probe_format(rows, seed=4) == probe_format(rows, seed=4)


def test_the_features_are_length_and_punctuation() -> None:
    (first, second) = format_features(["Is it 3, or 4?\nsay so.", "what! "])
    values = dict(zip(FEATURES, first.tolist(), strict=True))
    assert (values["characters"], values["lines"], values["number of ,"], values["number of ?"]) == (22, 2, 1, 1)
    assert (values["ends with ."], values["ends with ?"]) == (1, 0)
    assert dict(zip(FEATURES, second.tolist(), strict=True))["ends with another mark"] == 1
    same = format_features(["Cats, dogs?", "Logs, frog?"])
    assert (same[0] == same[1]).all()


@pytest.mark.parametrize("rows", [[], data_rows(*[("x", "a")] * 9), data_rows(*[("x", "a")] * 9, ("y", "b"))])
def test_too_few_rows_are_refused_with_the_counts(rows: list[DataRow]) -> None:
    with pytest.raises(DataError, match="the format probe needs two categories with 5 rows each, found"):
        probe_format(rows)
