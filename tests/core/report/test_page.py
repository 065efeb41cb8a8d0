from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from routerkit.errors import DataError
from routerkit.evaluation import Evaluation, evaluate
from routerkit.report import plots
from routerkit.report.breakdown import Groups
from routerkit.report.page import Report, render_page, write_page
from routerkit.report.summary import Baseline, Baselines, summarise
from routerkit.rows import Row

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.artefact import Artefact
    from routerkit.router import Router

NO_GROUPS = Groups(None, [])
EVIL = '</p><script src="//evil.example">alert(1)</script><img src=x onerror=alert(1)> & "quoted" \'single\''
VOID = {"meta", "br", "hr", "img", "link", "input"}


class _Outline(HTMLParser):
    """Elements, their attributes and the text of a page; fails where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.elements if "id" in attributes]


def page_of(
    router: Artefact,
    evaluation: Evaluation,
    folder: Path,
    *,
    groups: Groups = NO_GROUPS,
    baselines: Baselines | None = None,
    no_baselines: str = "",
) -> str:
    rows = folder / "rows.jsonl"
    rows.write_text("{}\n")
    report = Report(
        evaluation=evaluation,
        figures=summarise(evaluation, groups, baselines),
        router=router,
        rows={"test rows": rows},
        date="2026-05-04",
        no_baselines=no_baselines,
    )
    return render_page(report)


@pytest.fixture
def page(suspicious: Router, mixed: Evaluation, tmp_path: Path) -> str:
    groups = Groups("source", ["first" if number % 2 else "<second>" for number in range(50)])
    return page_of(suspicious.artefact, mixed, tmp_path, groups=groups)


def test_the_page_is_well_formed_and_its_names_are_unique(page: str) -> None:
    ids = _Outline(page).ids()
    assert len(ids) == len(set(ids))
    assert {"confusion", "reliability", "risk-coverage", "confidence", "threshold", "outside"} <= set(ids)


def test_the_page_asks_nothing_of_the_network_and_runs_nothing(page: str) -> None:
    elements = _Outline(page).elements
    assert not {tag for tag, _ in elements} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    names = {name for _, attributes in elements for name in attributes}
    assert not {name for name in names if name in {"src", "href", "srcset", "action"} or name.startswith("on")}
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src 'none'" in page


def test_the_figures_on_the_page_are_those_of_the_json(page: str, mixed: Evaluation) -> None:
    shown = {
        str(attributes["id"]).removeprefix("figure-"): float(str(attributes["value"]))
        for tag, attributes in _Outline(page).elements
        if tag == "data"
    }
    figures = summarise(mixed, NO_GROUPS)
    assert set(shown) == {
        *("accuracy", "macro_f1", "harm", "recall", "coverage", "ece", "brier"),
        *("confidence_auroc", "aurc", "ood_auroc", "ood_fpr95"),
    }
    for name, value in shown.items():
        assert value == round(figures[name], 5)
    text = _Outline(page).text
    for low, high in figures["intervals"].values():
        assert f"{low:.3f} to {high:.3f}" in text


def test_every_plot_tells_a_screen_reader_what_it_shows(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 6
    for drawing in drawings:
        tree = ElementTree.fromstring(drawing)
        assert tree.get("role") == "img"
        title, about = tree.find("title"), tree.find("desc")
        assert title is not None
        assert title.text
        assert about is not None
        assert about.text
        assert tree.get("aria-labelledby") == f"{title.get('id')} {about.get('id')}"


def test_the_reliability_diagram_counts_the_rows_of_its_bins(page: str) -> None:
    drawing = re.search(r'<svg id="reliability".*?</svg>', page, flags=re.DOTALL)
    assert drawing is not None
    labels = [node.text for node in ElementTree.fromstring(drawing.group()).iter("text")]
    assert [label for label in labels if label in {"3", "4"}] == ["4"] * 5 + ["3"] * 10


def test_what_people_wrote_stays_text(suspicious: Router, tmp_path: Path) -> None:
    rows = [Row(query=f"loop {EVIL}", category="math"), Row(query="sum", category="math")]
    evaluation = evaluate(suspicious, rows)
    groups = Groups("source", [EVIL, "harmless"])
    page = page_of(suspicious.artefact, evaluation, tmp_path, groups=groups, no_baselines=EVIL)
    outline = _Outline(page)
    assert not {tag for tag, _ in outline.elements} & {"script", "img"}
    assert outline.text.count("alert(1)") == 8
    assert EVIL in outline.text


def test_sources_are_shown_with_the_least_accurate_first(page: str, mixed: Evaluation) -> None:
    text = _Outline(page).text
    assert text.index("<second>") < text.index("first", text.index("By source") + 60)
    right = [right for number, right in enumerate(mixed.right) if not number % 2]
    assert f"<second> 25 {sum(right) / 25:.3f}" in text


def test_parts_without_rows_are_left_out(believer: Router, tmp_path: Path) -> None:
    evaluation = evaluate(believer, [Row(query="sum", category="math"), Row(query="loop", category="math")])
    text = _Outline(page_of(believer.artefact, evaluation, tmp_path)).text
    for absent in ("Outside every category", "By ", "Baselines", "Out-of-domain AUROC"):
        assert absent not in text


def test_rows_outside_are_mentioned_where_the_router_has_no_score_for_them(believer: Router, tmp_path: Path) -> None:
    evaluation = evaluate(believer, [Row(query="sum", category="math"), Row(query="x", category=None)])
    assert "This router has no out-of-domain score." in _Outline(page_of(believer.artefact, evaluation, tmp_path)).text


@pytest.mark.parametrize(
    ("query", "category", "shown"),
    [
        ("hello", "general", "Recall - of"),
        ("sum", "math", "The most confident mistakes None."),
        ("sum", "code", "is code , found math"),
    ],
    ids=["no specialist", "all right", "all wrong"],
)
def test_a_file_of_one_category_makes_a_page(
    believer: Router, tmp_path: Path, query: str, category: str, shown: str
) -> None:
    for count in (1, 20):
        evaluation = evaluate(believer, [Row(query=query, category=category)] * count)
        assert shown in re.sub(r"- +of", "- of", _Outline(page_of(believer.artefact, evaluation, tmp_path)).text)


def test_the_artefact_and_its_settings_are_named(page: str, suspicious: Router) -> None:
    text = _Outline(page).text
    assert suspicious.artefact.digest in text
    for fact in ("Evaluation of the router tiny", "2026-01-01", "2026-05-04", "rows.jsonl", "0.5, as stored"):
        assert fact in text


def test_a_threshold_given_for_the_run_is_told_from_the_stored_one(
    suspicious: Router, mixed: Evaluation, tmp_path: Path
) -> None:
    policy = mixed.policy.model_copy(update={"confidence_threshold": 0.75, "category_thresholds": {"code": 0.9}})
    evaluation = Evaluation(mixed.rows, mixed.decisions, mixed.categories, policy, mixed.outside)
    text = _Outline(page_of(suspicious.artefact, evaluation, tmp_path)).text
    assert "0.75 (given for this run; 0.5 is stored); code 0.9" in text


def test_baselines_stand_beside_the_router_and_say_what_they_learnt_from(
    suspicious: Router, mixed: Evaluation, tmp_path: Path
) -> None:
    model = Baseline(name="knn", method="neighbours of <b>nobody</b>", evaluation=mixed.without_threshold())
    found = Baselines(learnt_from="train.jsonl", rows=1_234, left_out=5, models=[model])
    text = _Outline(page_of(suspicious.artefact, mixed, tmp_path, baselines=found)).text
    assert "learnt from 1,234 rows of train.jsonl (5 more stand in the test file and were left out)" in text
    assert "neighbours of <b>nobody</b>" in text
    figures = mixed.without_threshold().to_dict()
    assert text.count(f"{figures['accuracy']:.3f}") >= 2


def test_a_file_that_cannot_be_written_is_named(suspicious: Router, mixed: Evaluation, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n")
    report = Report(
        evaluation=mixed,
        figures=summarise(mixed, NO_GROUPS),
        router=suspicious.artefact,
        rows={"test rows": rows},
        date="2026-05-04",
    )
    with pytest.raises(DataError, match="cannot be written"):
        write_page(report, tmp_path)


@pytest.mark.parametrize("threshold", [0.02, 0.4, 0.6, 0.99])
def test_the_figures_at_the_threshold_do_not_stand_on_the_numbers_of_the_axis(
    mixed: Evaluation, threshold: float
) -> None:
    harmless = [replace(decision, route="general", reason="low_confidence") for decision in mixed.decisions]
    policy = mixed.policy.model_copy(update={"confidence_threshold": threshold})
    drawing = plots.threshold_curves(replace(mixed, decisions=harmless, policy=policy))
    texts = [element for element in ElementTree.fromstring(drawing).iter() if element.tag == "text"]
    axis = {float(element.attrib["y"]) for element in texts if "tick mid" in element.attrib["class"]}
    (harm,) = [element for element in texts if element.text == "0.000" and float(element.attrib["y"]) > 172]
    assert all(abs(float(harm.attrib["y"]) - y) >= 12 for y in axis)
