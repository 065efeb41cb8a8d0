"""Careless typing, and what it changes."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.evaluation import evaluate
from routerkit.robustness import measure_robustness, with_typos
from routerkit.router import Router
from routerkit.rows import Row
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path

_ROWS = [
    Row(query="What is the integral of x squared?", category="math"),
    Row(query="Why does my python script crash on start?", category="code"),
    Row(query="Write a birthday poem for my aunt, please!", category="general"),
]


@pytest.fixture(scope="module")
def starter() -> Router:
    return Router.from_pretrained("starter")


def test_every_way_of_typing_is_measured_on_the_queries_that_were_routed_right(starter: Router) -> None:
    evaluation = evaluate(starter, _ROWS)
    found = measure_robustness(starter, evaluation)
    assert list(found) == ["typos", "lower_case", "upper_case", "no_punctuation"]
    right = sum(decision.route == row.category for row, decision in zip(_ROWS, evaluation.decisions, strict=True))
    assert right > 0
    for figures in found.values():
        assert figures["n"] == right
        assert 0 <= figures["interval"][0] <= figures["kept"] <= figures["interval"][1] <= 1


def test_case_changes_nothing_for_an_encoder_that_reads_lower_case(starter: Router) -> None:
    found = measure_robustness(starter, evaluate(starter, _ROWS))
    for name in ("lower_case", "upper_case"):
        assert found[name]["kept"] == 1
        assert found[name]["fallback_change"] == 0


def test_a_query_of_punctuation_alone_is_left_as_it_is(starter: Router) -> None:
    found = measure_robustness(starter, evaluate(starter, [*_ROWS, Row(query="?!", category="general")]))
    assert set(found) == {"typos", "lower_case", "upper_case", "no_punctuation"}


def test_a_long_word_gets_a_slip_and_short_ones_stay() -> None:
    changed = with_typos("to be or integral", random.Random(0))
    assert changed.startswith("to be or ")
    assert changed != "to be or integral"


@given(st.text(max_size=60), st.integers(0, 99))
def test_typos_never_fail_and_repeat_with_their_seed(query: str, seed: int) -> None:
    assert with_typos(query, random.Random(seed)) == with_typos(query, random.Random(seed))


def test_the_command_prints_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"query": r.query, "category": r.category}) for r in _ROWS), encoding="utf-8")
    table = call("evaluate", "--test-file", path, "--robustness").stdout
    assert "still at the same node" in table
    assert "no_punctuation" in table
    assert set(json.loads(call("evaluate", "--test-file", path, "--robustness", "--json").stdout)["robustness"]) == {
        "typos", "lower_case", "upper_case", "no_punctuation"
    }  # fmt: skip
