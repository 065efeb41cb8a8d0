from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from routerkit.evaluation import evaluate
from routerkit.report.breakdown import MAX_MISTAKES, Groups, confident_mistakes, per_group, read_groups
from routerkit.rows import Row

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.evaluation import Evaluation
    from routerkit.router import Router

NO_GROUPS = Groups(None, [])


def groups_of(folder: Path, *rows: dict[str, Any]) -> Groups:
    path = folder / "rows.jsonl"
    lines = [json.dumps({"query": "q", "category": "math", **row}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_groups(path)


def test_rows_are_grouped_by_their_source(tmp_path: Path) -> None:
    found = groups_of(tmp_path, {"source": "a", "style": "x"}, {"source": "b", "style": "y"})
    assert found == Groups("source", ["a", "b"])


def test_a_row_without_the_field_that_others_have_is_kept(tmp_path: Path) -> None:
    assert groups_of(tmp_path, {"source": "a"}, {}) == Groups("source", ["a", "not stated"])


def test_without_sources_rows_are_grouped_by_writer_or_by_style(tmp_path: Path) -> None:
    assert groups_of(tmp_path, {"writer": "a", "style": "x"}, {"writer": "b", "style": "y"}).field == "writer"
    assert groups_of(tmp_path, {"style": "x"}, {"style": "y"}).names == ["x", "y"]


def test_one_writer_tells_nothing_apart_where_styles_do(tmp_path: Path) -> None:
    assert groups_of(tmp_path, {"writer": "a", "style": "x"}, {"writer": "a", "style": "y"}).field == "style"
    assert groups_of(tmp_path, {"writer": "a", "style": "x"}, {"writer": "a", "style": "x"}).field == "writer"


def test_rows_without_a_category_belong_to_no_group(tmp_path: Path) -> None:
    assert groups_of(tmp_path, {"source": "a"}, {"source": "b", "category": None}).names == ["a"]


def test_rows_without_any_of_the_fields_have_no_groups(tmp_path: Path, mixed: Evaluation) -> None:
    found = groups_of(tmp_path, {}, {"topic": "x"})
    assert found == NO_GROUPS
    assert per_group(mixed, found) == {}


def test_each_group_has_its_own_figures(believer: Router) -> None:
    rows = [Row(query=query, category="math") for query in ("sum", "loop", "sum", "hello")]
    found = per_group(evaluate(believer, rows), Groups("source", ["b", "b", "a", "b"]))
    assert list(found) == ["a", "b"]
    assert found["a"] == {"n": 1, "accuracy": 1.0, "harm": 0.0}
    assert found["b"] == {"n": 3, "accuracy": 1 / 3, "harm": 1 / 3}


def test_the_surest_mistakes_come_first_and_right_answers_not_at_all(believer: Router) -> None:
    rows = [Row(query=query, category="math") for query in ("loop", "sum", "hello", "atom")]
    found = confident_mistakes(evaluate(believer, rows), Groups("source", ["a", "b", "c", "d"]))
    assert [mistake["query"] for mistake in found] == ["hello", "atom", "loop"]
    assert found[0] == {
        "query": "hello",
        "category": "math",
        "found": "general",
        "confidence": found[0]["confidence"],
        "route": "general",
        "source": "c",
    }
    assert "source" not in confident_mistakes(evaluate(believer, rows), NO_GROUPS)[0]


def test_a_label_in_also_is_no_mistake(believer: Router) -> None:
    rows = [Row(query="loop", category="math", also=("code",)), Row(query="atom", category="math")]
    assert [mistake["query"] for mistake in confident_mistakes(evaluate(believer, rows), NO_GROUPS)] == ["atom"]


def test_mistakes_are_few_and_short(believer: Router) -> None:
    rows = [Row(query="loop " + "b" * number, category="math") for number in range(190, 230)]
    found = confident_mistakes(evaluate(believer, rows), NO_GROUPS)
    assert len(found) == MAX_MISTAKES == 25
    assert {len(mistake["query"]) for mistake in found} == {195, 196, 197, 198, 199, 200}
    assert found[-1]["query"].endswith("b…")
