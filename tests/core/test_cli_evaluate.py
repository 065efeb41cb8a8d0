"""`routerkit evaluate`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from routerkit.config import CATEGORIES
from routerkit.router import Router
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path

_FIGURES = {
    "n", "accuracy", "macro_f1", "per_category", "confusion_matrix",
    "ece", "brier", "aurc", "harm", "recall", "coverage", "threshold",
}  # fmt: skip
_QUERIES = ["sum", "what is the atom", "loop", "hello", "rain is the sum", "the atom", "is the loop", "hello rain"]


@pytest.fixture
def half_right(tiny_router_folder: Path, tmp_path: Path) -> Path:
    """Eight rows; the tiny router finds the category of the first four."""
    router = Router.from_pretrained(tiny_router_folder)
    lines = []
    for number, query in enumerate(_QUERIES):
        found = router.route_query(query).category
        label = found if number < 4 else next(name for name in CATEGORIES if name != found)
        lines.append(json.dumps({"query": query, "category": label}) + "\n")
    lines.append('{"query": "nothing of the kind", "category": null}\n')
    path = tmp_path / "test.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_json_holds_every_figure(tiny_router_folder: Path, half_right: Path) -> None:
    found = call("evaluate", "--test-file", half_right, "--json", "--model", tiny_router_folder)
    figures = json.loads(found.stdout)
    assert (found.status, found.stderr) == (0, "")
    assert set(figures) >= _FIGURES
    assert (figures["n"], figures["accuracy"], figures["threshold"]) == (8, 0.5, 0.5)
    assert figures["confusion_matrix"]["categories"] == CATEGORIES
    assert sum(map(sum, figures["confusion_matrix"]["counts"])) == 8
    assert set(figures["per_category"]) == set(CATEGORIES)
    assert set(figures["per_category"]["math"]) == {"n", "precision", "recall", "f1"}
    assert all(0 <= figures[name] <= 1 for name in ("macro_f1", "ece", "aurc", "harm", "recall", "coverage"))


def test_a_threshold_moves_the_figures_of_the_route_but_not_of_the_category(
    tiny_router_folder: Path, half_right: Path
) -> None:
    command = ["evaluate", "--test-file", half_right, "--json", "--model", tiny_router_folder, "--threshold"]
    loose, strict = (json.loads(call(*command, value).stdout) for value in ("0", "1"))
    assert (loose["threshold"], strict["threshold"]) == (0, 1)
    assert (loose["coverage"], strict["coverage"]) == (1, 0)
    assert loose["harm"] > strict["harm"] == 0
    assert strict["recall"] == 0
    assert loose["accuracy"] == strict["accuracy"]
    assert loose["confusion_matrix"] == strict["confusion_matrix"]


def test_people_get_a_table(tiny_router_folder: Path, half_right: Path) -> None:
    found = call("evaluate", "--test-file", half_right, "--model", tiny_router_folder)
    assert found.stdout.startswith("8 labelled queries, threshold 0.50\n")
    assert "  accuracy   0.5000" in found.stdout
    assert all(name in found.stdout for name in [*_FIGURES & {"harm", "recall", "coverage", "ece"}, *CATEGORIES])


def test_json_adds_intervals_sources_and_mistakes(tiny_router_folder: Path, half_right: Path) -> None:
    figures = json.loads(call("evaluate", "--test-file", half_right, "--json", "--model", tiny_router_folder).stdout)
    low, high = figures["intervals"]["accuracy"]
    assert 0 <= low < 0.5 < high <= 1
    assert (figures["per_source_field"], figures["per_source"]) == (None, {})
    assert [mistake["query"] for mistake in figures["mistakes"]] == sorted(
        _QUERIES[4:], key=lambda query: -Router.from_pretrained(tiny_router_folder).classify(query).confidence
    )
    assert "baselines" not in figures


def test_the_table_shows_intervals(tiny_router_folder: Path, half_right: Path) -> None:
    found = call("evaluate", "--test-file", half_right, "--model", tiny_router_folder)
    assert re.search(r"^  accuracy   0\.5000  \[0\.\d{4}, 0\.\d{4}\]$", found.stdout, flags=re.MULTILINE)


def test_a_report_is_written_and_goes_without_baselines_where_there_is_nothing_to_learn_from(
    tiny_router_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    found = call("evaluate", "--test-file", half_right, "--report", page, "--json", "--model", tiny_router_folder)
    assert found.status == 0
    reason, written = found.stderr.splitlines()
    assert reason.startswith("without baselines: ")
    assert written == f"wrote {page}"
    text = page.read_text(encoding="utf-8")
    shown = dict(re.findall(r'<data id="figure-(\w+)" value="([\d.]+)">', text))
    figures = json.loads(found.stdout)
    assert len(shown) > 8
    assert {name: float(value) for name, value in shown.items()} == {name: figures[name] for name in shown}
    assert "None were compared: " in text


def test_a_report_without_baselines_says_nothing_of_them(
    tiny_router_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    command = ["evaluate", "--test-file", half_right, "--report", page, "--no-baselines"]
    found = call(*command, "--model", tiny_router_folder)
    assert found.stderr == f"wrote {page}\n"
    assert found.stdout.startswith("8 labelled queries")
    assert "aselines" not in page.read_text(encoding="utf-8")


def test_baselines_that_were_asked_for_name_the_extra_they_need(
    tiny_router_folder: Path, half_right: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routerkit.errors.find_spec", lambda name: None if name == "sklearn" else True)
    found = call("evaluate", "--test-file", half_right, "--baselines", "--model", tiny_router_folder)
    assert (found.status, found.stdout) == (1, "")
    assert 'this needs sklearn, which is not installed; install it with: pip install "routerkit[train]"' in found.error


def test_a_report_into_a_missing_folder_is_refused_before_any_work(half_right: Path, tmp_path: Path) -> None:
    page = tmp_path / "nowhere" / "page.html"
    found = call("evaluate", "--test-file", half_right, "--report", page, "--model", tmp_path / "no router")
    assert found.status == 1
    assert f"{page}: cannot be written, its folder does not exist" in found.error


def test_rows_outside_may_come_in_a_file_of_their_own(
    tiny_outside_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    others, page = tmp_path / "others.jsonl", tmp_path / "page.html"
    others.write_text('{"query": "a b c", "category": null}\n{"query": "d"  , "category": "law"}\n')
    command = ["evaluate", "--test-file", half_right, "--ood-file", others, "--report", page, "--no-baselines"]
    found = call(*command, "--json", "--model", tiny_outside_folder)
    figures = json.loads(found.stdout)
    assert figures["n_outside"] == 3
    assert set(figures["intervals"]) >= {"ood_auroc", "ood_fpr95"}
    assert '<svg id="outside"' in page.read_text(encoding="utf-8")


def test_an_empty_file_of_rows_outside_is_explained(
    tiny_outside_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    others = tmp_path / "others.jsonl"
    others.write_text("")
    found = call("evaluate", "--test-file", half_right, "--ood-file", others, "--model", tiny_outside_folder)
    assert found.status == 1
    assert "others.jsonl: is empty" in found.error


def test_the_table_shows_a_dash_where_a_figure_cannot_be_had(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "general.jsonl"
    rows.write_text('{"query": "hello", "category": "general"}\n')
    found = call("evaluate", "--test-file", rows, "--model", tiny_router_folder)
    assert found.status == 0
    assert "  recall     -" in found.stdout


def test_an_unknown_category_names_its_line_and_what_is_allowed(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "sum", "category": "math"}\n{"query": "court", "category": "law"}\n')
    found = call("evaluate", "--test-file", rows, "--model", tiny_router_folder)
    assert (found.status, found.stdout) == (1, "")
    assert f"{rows}, line 2: unknown category 'law'; the router knows {', '.join(CATEGORIES)}" in found.error


def test_invalid_json_on_line_17_is_reported_with_its_number(tiny_router_folder: Path, tmp_path: Path) -> None:
    lines = ['{"query": "sum", "category": "math"}'] * 20
    lines[16] = "query,category"
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(lines))
    found = call("evaluate", "--test-file", rows, "--model", tiny_router_folder)
    assert found.status == 1
    assert f"{rows}, line 17: is not valid JSON" in found.error


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b'{"query": "sum"}\n', "line 1: has no 'category'"),
        (b'{"query": "", "category": "math"}\n', "line 1: the query is empty"),
        (b'{"query": "sum", "category": null}\n', "no row has a category"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(
    tiny_router_folder: Path, tmp_path: Path, content: bytes, told: str
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(content)
    found = call("evaluate", "--test-file", rows, "--model", tiny_router_folder)
    assert (found.status, found.stdout) == (1, "")
    assert told in found.error


def test_a_missing_test_file_is_named(tiny_router_folder: Path, tmp_path: Path) -> None:
    found = call("evaluate", "--test-file", tmp_path / "nowhere.jsonl", "--model", tiny_router_folder)
    assert found.status == 1
    assert "nowhere.jsonl: cannot be read (No such file or directory); check the path" in found.error


@pytest.mark.parametrize("option", ["--test-file", "--ood-file", "--train-file"])
def test_a_report_does_not_take_the_place_of_its_rows(tiny_router_folder: Path, tmp_path: Path, option: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "sum", "category": "math"}\n')
    other = tmp_path / "other.jsonl"
    other.write_text('{"query": "sum", "category": "math"}\n')
    files = {"--test-file": rows, "--model": tiny_router_folder, option: other, "--report": other}
    found = call("evaluate", *(part for pair in files.items() for part in pair))
    assert found.status == 1
    assert "other.jsonl: is a file of rows and would be overwritten" in found.error
    assert other.read_text().startswith("{")


def test_a_report_that_is_a_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    found = call("evaluate", "--test-file", "nowhere.jsonl", "--report", tmp_path)
    assert found.status == 1
    assert "is a folder; give the name of a file as --report" in found.error


def test_rows_for_baselines_ask_for_baselines(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "sum", "category": "math"}\n')
    gone = tmp_path / "gone.jsonl"
    found = call("evaluate", "--test-file", rows, "--model", tiny_router_folder, "--train-file", gone)
    assert found.status == 1
    assert "gone.jsonl: cannot be read" in found.error
