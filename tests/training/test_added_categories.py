"""The measurement of added categories, and the rows that it is made with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from routerkit_training.added_categories import _figures, added_categories
from routerkit_training.splits import key_of

from routerkit.rows import Row, read_rows
from tests.training.support import write_rows

if TYPE_CHECKING:
    from routerkit.artefact import Artefact

_DATA = Path(__file__).parent / "data_new_categories"


@pytest.mark.parametrize("name", ["legal", "medical-billing", "travel"])
def test_every_category_has_sixty_different_rows(name: str) -> None:
    rows = read_rows(_DATA / f"{name}.jsonl", categories=[name])
    assert len({key_of(row.query) for row in rows}) == 60
    assert len({" ".join(row.query.casefold().split()[:3]) for row in rows}) >= 57


def test_the_figures_of_a_category() -> None:
    old = [Row(query=str(n), category="a" if n < 8 else "b") for n in range(10)]
    found = {"new": ["new", "new", "new", "a"], "other": ["other", "new"]}
    figures = _figures("new", found, ["new", *["a"] * 7, "b", "b"], old)
    assert figures["recall"] == 0.75
    assert figures["precision"] == 3 / 5
    assert figures["precision_even"] == pytest.approx(0.75 / (0.75 + 0.5 + 1 / 8))


def test_the_measurement_runs_on_a_small_router(trained: Artefact, tmp_path: Path) -> None:
    words, openings = ("judge", "jury", "bail", "sue", "jail"), ("the", "my", "which", "a", "no")
    rows = [Row(query=f"{opening} {word}", category="legal") for word in words for opening in openings]
    write_rows(tmp_path / "legal.jsonl", rows)
    ran = CliRunner().invoke(
        added_categories, ["--data", str(tmp_path), "--from", str(trained.path), "--draws", "1"], catch_exceptions=False
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"category"')]
    assert [line["category"] for line in lines] == ["legal", "mean"]
    assert lines[0]["old_rows"] == 9
    assert all(-1 <= lines[0][name] <= 1 for name in ("recall", "precision", "precision_even", "old_loss"))
