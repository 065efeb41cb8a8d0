"""Two routers beside each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from routerkit.compare import compare
from routerkit.errors import InputError
from routerkit.log.reading import reading
from routerkit.rows import Row
from routerkit.testing import fake_router
from tests.cli import call
from tests.core.conftest import BELIEFS
from tests.core.log.support import observation, written

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.router import Router


@pytest.fixture
def learnt(tmp_path: Path) -> Router:
    """As `believer`, but it has learnt that `rain` is commonsense, and has come to take `atom` for math."""
    changed = {**BELIEFS, "rain": {"commonsense": 0.9, "general": 0.1}, "atom": {"math": 0.9, "science": 0.1}}
    return fake_router(tmp_path / "learnt", changed)


def test_agreement_is_measured_and_changes_are_named(believer: Router, learnt: Router) -> None:
    found = compare(believer, learnt, ["sum", "atom", "rain", "the rain", "loop"])
    assert (found.same_route.value, found.same_category.value) == (0.4, 0.8)
    assert [(change.old, change.new, change.count) for change in found.changes] == [
        ("general", "commonsense", 2),
        ("science", "math", 1),
    ]
    assert found.changes[0].examples == ["rain", "the rain"]
    assert found.harm.new.value is None


def test_harm_and_recall_are_measured_on_judged_rows(believer: Router, learnt: Router) -> None:
    judged = [
        Row(query="rain", category="commonsense"),  # the general model now, its own specialist later
        Row(query="atom", category="science"),  # its own specialist now, a wrong one later
        Row(query="loop", category="code"),
        Row(query="hello", category="general"),
        Row(query="sum", category=None),  # outside, but math takes it: harmed by both
    ]
    found = compare(believer, learnt, ["sum"], judged)
    assert (found.harm.old.value, found.harm.new.value, found.harm.difference.value) == (0.2, 0.4, 0.2)
    assert (found.recall.old.value, found.recall.new.value) == (2 / 3, 2 / 3)
    assert (found.recall.difference.value, found.recall.difference.n) == (0.0, 3)
    assert (found.accuracy.old.value, found.accuracy.new.value, found.accuracy.old.n) == (1.0, 0.75, 4)
    assert found.harm.difference.low < 0.2 < found.harm.difference.high


def test_also_right_is_right(believer: Router, learnt: Router) -> None:
    found = compare(believer, learnt, ["atom"], [Row(query="atom", category="science", also=("math",))])
    assert (found.harm.new.value, found.recall.new.value, found.accuracy.new.value) == (0.0, 1.0, 1.0)


def test_nothing_to_compare_on_is_an_error(believer: Router, learnt: Router) -> None:
    with pytest.raises(InputError, match="there is no query to compare on"):
        compare(believer, learnt, [])


def test_a_log_is_compared_on_its_queries_and_on_what_people_judged(
    tiny_router_folder: Path, tiny_outside_folder: Path, tmp_path: Path
) -> None:
    log = written(tmp_path / "log.sqlite", *(observation(query) for query in ("sum", "atom", "rain", "sum")))
    with reading(log) as reader:
        for row in list(reader.rows())[:2]:
            reader.judge(row, "math")
    arguments = ("compare", "--old", tiny_router_folder, "--new", tiny_outside_folder, "--log", log)
    found = json.loads(call(*arguments, "--json").stdout)
    assert found["same_route"]["n"] == 3
    assert found["harm"]["old"]["n"] == 2
    text = call(*arguments)
    assert text.status == 0
    assert "same route" in text.stdout
    assert "difference" in text.stdout


def test_a_router_agrees_with_itself_on_labelled_rows(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"query": f"sum {n}", "category": "math"}) + "\n" for n in range(20)))
    found = call("compare", "--old", tiny_router_folder, "--new", tiny_router_folder, "--test-file", rows)
    assert found.stdout.startswith("same route     1.000 [0.839, 1.000] on 20\n")
    assert "difference 0.000" in found.stdout


def test_log_and_rows_exclude_each_other(tiny_router_folder: Path) -> None:
    found = call("compare", "--old", tiny_router_folder, "--new", tiny_router_folder)
    assert found.status == 2
    assert "give either --log or --test-file" in found.error
