"""The model card, built from recorded facts only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routerkit.artefact import CARD

if TYPE_CHECKING:
    from routerkit.artefact import Artefact
    from routerkit.manifest import Manifest


def write_card(packed: Artefact) -> None:
    """Write `README.md` into the artefact."""
    (packed.path / CARD).write_text(render_card(packed.manifest), encoding="utf-8")


def render_card(manifest: Manifest) -> str:
    """The model card as Markdown, with the front matter that the Hugging Face hub reads."""
    sections = [_front_matter(manifest), _summary(manifest), _data(manifest), _figures(manifest), _graphs(manifest)]
    return "\n".join([*sections, _limits(manifest)])


def _front_matter(manifest: Manifest) -> str:
    lines = ["---", "library_name: routerkit", "pipeline_tag: text-classification"]
    lines += ["tags: [routerkit, query-routing, distilbert]", "language: en", "---", ""]
    return "\n".join([*lines, f"# {manifest.name}: a query router", ""])


def _summary(manifest: Manifest) -> str:
    base = manifest.base_model
    digest = f", sha256 `{base.sha256}`" if base.sha256 else ""
    return "\n".join(
        [
            f"Sorts a query into **{', '.join(manifest.categories)}** and says how sure it is.",
            "",
            "```python",
            "from routerkit import Router",
            "",
            'router = Router.from_pretrained("this/folder")',
            'print(router.route_query("What is 2+2?"))',
            "```",
            "",
            f"- Base model: {base.name} (licence: {base.licence}{digest})",
            f"- Written {manifest.created} by routerkit {manifest.routerkit_version}",
            f"- Temperature {manifest.temperature:.3f}, threshold {manifest.confidence_threshold:.2f}"
            + "".join(f", {name} {value:.2f}" for name, value in manifest.category_thresholds.items())
            + ", "
            f"at most {manifest.max_tokens} tokens of a query are read (beginning and end)",
            "- Training settings: "
            + ", ".join(
                f"{key} {value}" for key, value in manifest.training.items() if isinstance(value, int | float | str)
            ),
            "",
        ]
    )


def _data(manifest: Manifest) -> str:
    lines = ["## Data", "", "| data | role | rows | licence | sha256 |", "| --- | --- | ---: | --- | --- |"]
    lines += [
        f"| {item.name} | {item.role} | {item.rows:,} | {item.licence} | `{item.sha256[:16]}` |"
        for item in manifest.data
    ]
    return "\n".join([*lines, ""])


def _figures(manifest: Manifest) -> str:
    columns = ["n", "accuracy", "macro_f1", "ece", "brier", "aurc", "harm", "recall", "coverage"]
    lines = ["## Figures", "", f"| rows | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for split, figures in manifest.metrics.items():
        if isinstance(figures, dict) and "accuracy" in figures:
            lines.append(f"| {split} | {' | '.join(_number(figures.get(key)) for key in columns)} |")
    lines += ["", "Accuracy to calibration are measured on the most probable label, harm to coverage at the threshold:"]
    lines += [
        "harm is the share of queries sent to a wrong specialist, recall the share of specialist queries that",
        "",
    ]
    return "\n".join(
        [*lines[:-1], "reach their own, coverage the share that was not sent to the general model for doubt.", ""]
    )


def _graphs(manifest: Manifest) -> str:
    lines = ["## Graphs", ""]
    for precision, graph in sorted(manifest.graphs.items()):
        lines.append(
            f"- `{graph.path}` ({precision}): agrees with fp32 on {graph.agreement:.2%} of the validation rows, "
            f"confidence differs by at most {graph.confidence_drift:.4f}"
        )
    return "\n".join([*lines, ""])


def _limits(manifest: Manifest) -> str:
    return "\n".join(
        [
            "## Limits",
            "",
            "- English text. Other languages are classified, but nothing is promised about them.",
            "- Figures on rows from the sources of the training data say little about text from elsewhere: measure on "
            "your own queries with `routerkit evaluate`.",
            f"- A query that belongs to none of {', '.join(manifest.categories)} still gets a most probable label.",
            "",
        ]
    )


def _number(value: Any) -> str:  # noqa: ANN401 - JSON values
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
