from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from tests.benchmarks import million, names, results
from tests.benchmarks.goals import goals
from tests.benchmarks.million import Moment, Part, tenths
from tests.benchmarks.picture import svg
from tests.benchmarks.texts import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "performance.md"
FIELDS = ("p50", "p90", "p99", "cpu", "rate", "megabytes", "n", "times")


def row(task: str, who: str, **figures: float) -> dict[str, Any]:
    return {"model": "starter", "task": task, "who": who, **dict.fromkeys(FIELDS), **figures}


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Two contenders, one fourteen times as fast as the other."""
    return [
        row(names.SINGLE, names.BASE, p50=14.0, times=1.0, rate=71.4, n=3),
        row(names.SINGLE, names.INT8, p50=1.0, times=14.0, rate=1000.0, n=3),
        row(names.MEMORY, names.BASE, megabytes=400.0, times=1.0),
        row(names.MEMORY, names.INT8, megabytes=100.0, times=4.0),
    ]


@pytest.fixture
def found(rows: list[dict[str, Any]]) -> results.Results:
    """A results file of these rows."""
    machine = {"processor": "One", "cores": 2, "memory_gb": 8.0, "load_before": 0.1, "load_after": 1.0}
    return {
        "command": "bench",
        "date": "2026-01-01",
        "machine": machine,
        "versions": {"Python": "3.11"},
        "left_out": [],
        "agreement": {"starter": {names.INT8: 0.99}},
        "limits": {},
        "goals": goals(rows),
        "rows": rows,
        "profile": {"starter": {"whole": 0.002, "text to tokens": 0.0005}},
    }


def test_the_page_shows_what_the_results_file_holds() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = results.markdown(results.read(PAGE.with_suffix(".json")))
    assert results.filled(page, told) == page, "run: make bench BENCH='--output docs/performance.json'"


def test_the_page_shows_what_the_run_over_a_million_rows_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = million.markdown(results.read(PAGE.with_name("million.json")))
    assert results.filled(page, told, million.SECTION) == page, "run the command that the page names"


def test_a_run_over_many_rows_is_recorded_in_the_page_beside_it(tmp_path: Path) -> None:
    page = tmp_path / million.PAGE
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    million.record(tmp_path / "million.json", {"rows": 9, "cores": 2, "tenths": [asdict(Part(9, 2.0, 4.5, 99.0))]})
    assert "9 rows on 2 cores." in page.read_text(encoding="utf-8")
    assert "| 9 | 2.0 | 4 | 99 |" in page.read_text(encoding="utf-8")


def test_a_ratio_is_stated_beside_its_goal(rows: list[dict[str, Any]]) -> None:
    reached = {line["figure"]: (line["text"], line["goal"]) for line in goals(rows)}
    assert reached == {
        "one short query over transformers.pipeline": ("14.0x", ">= 12"),
        "peak memory, share of the pipeline's": ("1/4.0", "<= 1/4"),
    }


def test_recording_fills_the_page_beside_the_file_and_is_read_back(found: results.Results, tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(results.filled(PAGE.read_text(encoding="utf-8"), "earlier figures"), encoding="utf-8")
    results.write(tmp_path / "speed.json", found)
    assert results.read(tmp_path / "speed.json") == json.loads(json.dumps(found))
    text = page.read_text(encoding="utf-8")
    assert "earlier figures" not in text
    assert "| starter | one short query | routerkit int8 | 1 |" in text
    assert "| text to tokens | 0.500 | 25% |" in text
    assert results.BUSY not in text


def test_a_busy_machine_is_named(found: results.Results) -> None:
    found["machine"]["load_before"] = 3.0
    assert results.BUSY in results.markdown(found)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no line <!-- figures: generated"):
        results.filled("# Speed", "figures")


def test_without_a_results_file_there_are_no_figures(tmp_path: Path) -> None:
    assert results.markdown(results.read(tmp_path / "speed.json")) == results.NOTHING


def test_the_picture_is_valid_and_has_a_bar_for_each_contender(rows: list[dict[str, Any]]) -> None:
    picture = ET.fromstring(svg(rows))
    bars = picture.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.attrib["class"] for bar in bars] == ["theirs", "ours"]
    assert float(bars[0].attrib["width"]) == pytest.approx(14 * float(bars[1].attrib["width"]), rel=0.01)
    assert "prefers-color-scheme: dark" in svg(rows)


def test_each_tenth_has_its_own_rate_and_largest_memory() -> None:
    moments = [Moment(second, 10 * second, 100.0 + second % 3) for second in range(11)]
    parts = tenths(moments, 100)
    assert [part.rows for part in parts] == list(range(10, 101, 10))
    assert {part.rate for part in parts} == {10.0}
    assert [part.megabytes for part in parts[:3]] == [101.0, 102.0, 100.0]
