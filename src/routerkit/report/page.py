"""The evaluation as one HTML page that needs nothing else: no script, no request, readable on a phone and on paper."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from routerkit.errors import DataError
from routerkit.report import plots, tables
from routerkit.report.breakdown import MAX_MISTAKE_CHARS
from routerkit.version import __version__

if TYPE_CHECKING:
    from routerkit.artefact import Artefact
    from routerkit.evaluation import Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the page is about.

    Attributes:
        evaluation: the router's decisions.
        figures: from `summarise`.
        router: the artefact that was judged.
        rows: the files of rows by what they are for, such as `test rows`.
        date: when it was judged, ISO 8601.
        no_baselines: why there are none, a sentence; empty if there are some.
    """

    evaluation: Evaluation
    figures: dict[str, Any]
    router: Artefact
    rows: dict[str, Path]
    date: str
    no_baselines: str = ""


def write_page(report: Report, path: Path | str) -> None:
    """Write the page to a file.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        Path(path).write_text(render_page(report), encoding="utf-8")
    except OSError as error:
        raise DataError(path, None, f"cannot be written ({error.strerror}); give another --report") from error


def render_page(report: Report) -> str:
    """The page as HTML."""
    manifest, figures = report.router.manifest, report.figures
    sections = [
        _headline(report),
        _categories(report),
        _confidence(report),
        _outside(report),
        _sources(report),
        _baselines(report),
        _mistakes(report),
        _facts(report),
    ]
    lead = (
        f"{figures['n']:,} labelled queries of {report.rows['test rows'].name}, {report.date}. Figures stand with "
        "their 95 % intervals, from resampling the rows."
    )
    return _template("page.html").substitute(
        title=escape(f"Evaluation of the router {manifest.name}"),
        style=_template("page.css").template,
        lead=escape(lead),
        sections="\n".join(section for section in sections if section),
        footer=f"Written by <code>routerkit evaluate</code>, routerkit {escape(__version__)}.",
    )


def _template(name: str) -> Template:
    return Template((files("routerkit.report") / name).read_text(encoding="utf-8"))


def _section(title: str, about: str, *parts: str) -> str:
    """A part of the page; `about` and `parts` are HTML."""
    return "\n".join([f"<section>\n<h2>{escape(title)}</h2>", f'<p class="about">{about}</p>', *parts, "</section>"])


def _figure(drawing: str, caption: str, css: str = "") -> str:
    return f'<figure class="plot {css}">{drawing}<figcaption>{caption}</figcaption></figure>'


def _headline(report: Report) -> str:
    return f"<section>\n{tables.tiles(report.figures)}\n</section>"


def _categories(report: Report) -> str:
    about = (
        "The most probable category against the true one, before any threshold. The shade is the share of the true "
        'category, <span class="blue-key">right</span> or <span class="rust-key">wrong</span>; rare mistakes are '
        "shaded more strongly than their share."
    )
    matrix, table = plots.confusion(report.evaluation), tables.categories(report.figures)
    return _section("Which category", about, f'<div class="pair"><figure>{matrix}</figure>{table}</div>')


def _confidence(report: Report) -> str:
    bins = (
        "<b>Reliability.</b> Bins of equal mass, least confident first. Where the line lies above the bar, the router "
        'is surer than it is right; the <span class="rust-key">gaps</span> make the calibration error.'
    )
    threshold = (
        "<b>Threshold.</b> What one threshold for every category would give on these rows. The dots are what the "
        "router gives as it is set, thresholds of single categories included."
    )
    curve = "<b>Risk and coverage.</b> Errors among the most confident answers; the longer it stays low, the better."
    histogram = (
        '<b>Confidence.</b> Of <span class="blue-key">right</span> answers upwards, of '
        '<span class="rust-key">wrong</span> ones downwards, each half as shares of its own kind on its own scale.'
    )
    drawn = [
        _figure(plots.reliability(report.evaluation), bins),
        _figure(plots.threshold_curves(report.evaluation), threshold),
        _figure(plots.risk_coverage(report.evaluation), curve),
        _figure(plots.confidence_histogram(report.evaluation), histogram),
    ]
    about = "Whether a confidence of 0.9 means nine right answers in ten, and whether doubt falls on the wrong ones."
    return _section("Confidence and threshold", about, f'<div class="pair">{"".join(drawn)}</div>')


def _outside(report: Report) -> str:
    if not report.evaluation.outside:
        return ""
    if "ood_auroc" not in report.figures:
        return _section("Outside every category", "This router has no out-of-domain score.")
    about = (
        f"{report.figures['n_outside']:,} rows belong to no category; {tables.percent(report.figures['ood_caught'])} "
        "of them were called out of domain and went to the general model for it."
    )
    caption = (
        '<span class="blue-key">Labelled rows</span> upwards, <span class="rust-key">rows outside</span> downwards, '
        "each half as shares of its own kind on its own scale."
    )
    return _section(
        "Outside every category", about, _figure(plots.outside_histogram(report.evaluation), caption, "wide")
    )


def _sources(report: Report) -> str:
    field = report.figures["per_source_field"]
    if field is None:
        return ""
    about = f"Rows by their field <code>{escape(field)}</code>, least accurate first."
    return _section(f"By {field}", about, tables.sources(report.figures["per_source"], field))


def _baselines(report: Report) -> str:
    found = report.figures.get("baselines")
    if found is None:
        return (
            _section("Baselines", f"None were compared: {escape(report.no_baselines)}") if report.no_baselines else ""
        )
    about = (
        f"Simple classifiers that learnt from {found['rows']:,} rows of {escape(found['learnt_from'])}"
        + (f" ({found['left_out']:,} more stand in the test file and were left out)" if found["left_out"] else "")
        + ". Harm and recall without a threshold, for the router too."
    )
    return _section("Baselines", about, tables.baselines(found, report.router.manifest))


def _mistakes(report: Report) -> str:
    about = (
        "Queries on which the router is surest of a wrong category. They show what to write more rows of, or a label "
        f"to correct. Queries are cut to {MAX_MISTAKE_CHARS} characters."
    )
    found = report.figures["mistakes"]
    return _section("The most confident mistakes", about if found else "None.", tables.mistakes(report.figures))


def _facts(report: Report) -> str:
    return _section("The router", "What was judged.", tables.facts(report.router, report.evaluation, report.rows))
