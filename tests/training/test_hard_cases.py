"""Paraphrases and ambiguous queries: what is counted, on a router that was really trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from routerkit_training import hard_cases as module
from routerkit_training.hard_cases import measure_ambiguous, measure_paraphrases

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from routerkit.artefact import Artefact
    from routerkit.router import Router


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def paraphrases(tmp_path: Path) -> Path:
    """A group that keeps its category, one that changes it, and one that is wrong from the start."""
    wordings = [
        ("math", ("what is the prime here", "please explain a prime", "tell me of the prime now")),
        ("code", ("what is the python here", "please explain a python", "tell me of the poem now")),
        ("math", ("please explain a poem", "give me a poem", "tell me of the poem now")),
    ]
    rows = [
        {"query": query, "category": category, "also": [], "group": number, "version": version}
        for number, (category, queries) in enumerate(wordings)
        for version, query in enumerate(queries)
    ]
    return _write(tmp_path / "paraphrases.jsonl", rows)


@pytest.fixture
def ambiguous(tmp_path: Path) -> Path:
    """One row whose second label is the router's, and one with neither."""
    rows = [
        {"query": "what is the prime here", "category": "code", "also": ["math"]},
        {"query": "please explain a poem", "category": "code", "also": ["math"]},
    ]
    return _write(tmp_path / "ambiguous.jsonl", rows)


def test_only_wordings_of_queries_that_were_routed_right_are_counted(trained_router: Router, paraphrases: Path) -> None:
    found = measure_paraphrases(trained_router, paraphrases)
    assert found["groups"] == 3
    assert found["accuracy"][0] == pytest.approx(2 / 3, abs=1e-3)
    right = [trained_router.route_query(query).route for query in ("what is the prime here", "what is the python here")]
    assert right == ["math", "code"]
    assert found["kept"][0] == 0.75


def test_either_label_of_an_ambiguous_query_is_right(trained_router: Router, ambiguous: Path) -> None:
    found = measure_ambiguous(trained_router, ambiguous, [1.0, 1.0])
    assert (found["n"], found["one_of_two"][0]) == (2, 0.5)


def test_the_auroc_tells_clear_from_ambiguous(trained_router: Router, ambiguous: Path) -> None:
    assert measure_ambiguous(trained_router, ambiguous, [1.0, 1.0])["auroc"] == 1.0
    assert measure_ambiguous(trained_router, ambiguous, [0.0])["auroc"] == 0.0


def test_the_command_prints_both(
    trained: Artefact, paraphrases: Path, ambiguous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "part_path", {"paraphrases": paraphrases, "ambiguous": ambiguous}.__getitem__)
    done = CliRunner().invoke(module.hard_cases, ["--model", str(trained.path)], catch_exceptions=False)
    assert set(json.loads(done.stdout)) == {"paraphrases", "ambiguous"}
