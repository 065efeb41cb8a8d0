"""The tables and lists of the report. Whatever comes from rows or files is escaped here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from routerkit.artefact import file_digest
from routerkit.report.summary import COMPARED

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.artefact import Artefact
    from routerkit.evaluation import Evaluation
    from routerkit.manifest import Manifest

_HEADLINE = {
    "accuracy": ("Accuracy", "the most probable category is right"),
    "macro_f1": ("Macro F1", "mean over the categories"),
    "harm": ("Harm", "sent to a wrong specialist; lower is better"),
    "recall": ("Recall", "of specialists' rows, reach their own"),
    "coverage": ("Coverage", "decided with confidence"),
    "ece": ("Calibration error", "confidence against accuracy; lower is better"),
    "confidence_auroc": ("Confidence AUROC", "right answers are surer than wrong ones"),
    "aurc": ("AURC", "area under risk and coverage; lower is better"),
    "brier": ("Brier score", "of the probabilities, 0 to 2; lower is better"),
    "ood_auroc": ("Out-of-domain AUROC", "rows outside score above labelled rows"),
    "ood_fpr95": ("False alarms at 95 %", "labelled rows, where 95 % of those outside are caught"),
}
_MODELS = {"majority": "Majority", "tfidf_logistic": "TF-IDF + logistic regression", "knn": "kNN"}
_SHORT = {"accuracy": "accuracy", "macro_f1": "macro F1", "ece": "ECE", "aurc": "AURC"}


def percent(share: float) -> str:
    """A share in [0, 1] for running text."""
    return f"{100 * share:.1f} %"


def tiles(figures: dict[str, Any]) -> str:
    """The headline figures with their intervals and what they mean."""
    parts = []
    for key, (label, means) in _HEADLINE.items():
        if key in figures:
            inner = f'<dd class="value">{_value(key, figures[key])}</dd>{_range(figures["intervals"].get(key), "dd")}'
            parts.append(f'<dl class="tile"><dt>{label}</dt>{inner}<dd class="means">{means}</dd></dl>')
    return f'<div class="tiles">{"".join(parts)}</div>'


def categories(figures: dict[str, Any]) -> str:
    """Precision, recall and F1 of every category."""
    rows = [
        _row(name, [f"{row['n']:,}", *(_number(row[key]) for key in ("precision", "recall", "f1"))])
        for name, row in figures["per_category"].items()
    ]
    return _table(["category", "rows", "precision", "recall", "F1"], rows)


def sources(per_source: dict[str, dict[str, float]], field: str) -> str:
    """Rows, accuracy and harm of every group, the least accurate first."""
    rows = []
    for name, found in sorted(per_source.items(), key=lambda item: (item[1]["accuracy"], item[0])):
        cells = [f"{_number(found['accuracy'])}{_bar(found['accuracy'])}", _number(found["harm"])]
        rows.append(_row(name, [f"{found['n']:,}", *cells]))
    return f'<div class="narrow">{_table([field, "rows", "accuracy", "harm"], rows)}</div>'


def baselines(found: dict[str, Any], manifest: Manifest) -> str:
    """The baselines' figures and, last, those of the router."""
    learnt = sum(item.rows for item in manifest.data if item.role == "train")
    own = f"the router, which learnt from {learnt:,} rows" if learnt else "the router"
    rows = [_compared(name, model["method"], model) for name, model in found["models"].items()]
    rows.append(_compared(manifest.name, own, found["router"]).replace("<tr>", '<tr class="own">', 1))
    return _table(["", *(_SHORT.get(name, name) for name in COMPARED)], rows)


def _compared(name: str, method: str, figures: dict[str, Any]) -> str:
    cells = [f"{_number(figures[key])}{_range(figures['intervals'].get(key), 'span')}" for key in COMPARED]
    label = _MODELS.get(name, name)
    return _row(label, cells, method)


def mistakes(figures: dict[str, Any]) -> str:
    """The most confident mistakes, one item each."""
    field = figures["per_source_field"]
    items = []
    for found in figures["mistakes"]:
        facts = [
            f"is <b>{escape(found['category'])}</b>, found <b>{escape(found['found'])}</b>",
            f"confidence {found['confidence']:.3f}",
            f"sent to {escape(found['route'])}",
            *([f"{escape(field)} {escape(found[field])}"] if field else []),
        ]
        query = f'<div class="query" dir="auto">{escape(found["query"])}</div>'
        items.append(f'<li>{query}<div class="meta">{" · ".join(facts)}</div></li>')
    return f'<ol class="mistakes">{"".join(items)}</ol>' if items else ""


def facts(router: Artefact, evaluation: Evaluation, rows: dict[str, Path]) -> str:
    """What was judged, on what, and how it was set."""
    manifest, policy = router.manifest, evaluation.policy
    given = policy.confidence_threshold != manifest.confidence_threshold
    stored = f" (given for this run; {manifest.confidence_threshold:g} is stored)" if given else ", as stored"
    single = ", ".join(f"{name} {value:g}" for name, value in policy.category_thresholds.items())
    found = {
        "name": escape(manifest.name),
        "sha256": f"<code>{router.digest}</code>",
        "written": escape(f"{manifest.created} by routerkit {manifest.routerkit_version}"),
        "base model": escape(f"{manifest.base_model.name}, licence {manifest.base_model.licence}"),
        "categories": escape(f"{', '.join(manifest.categories)}; general model: {policy.fallback}"),
        "temperature": f"{manifest.temperature:.4g}",
        "threshold": f"{policy.confidence_threshold:g}{stored}" + (f"; {escape(single)}" if single else ""),
        "out-of-domain threshold": "none" if policy.ood_threshold is None else f"{policy.ood_threshold:.4g}",
        "tokens read": f"at most {manifest.max_tokens}",
        **{use: f"{escape(path.name)}, sha256 <code>{file_digest(path)}</code>" for use, path in rows.items()},
    }
    return f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in found.items())}</dl>'


def _value(key: str, value: float | None) -> str:
    return f'<data id="figure-{key}" value="{"" if value is None else round(value, 5)}">{_number(value)}</data>'


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _range(interval: list[float] | None, tag: str) -> str:
    inner = "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
    return f'<{tag} class="range">{inner}</{tag}>'


def _bar(share: float) -> str:
    return f'<span class="meter"><span style="width:{100 * share:.1f}%"></span></span>'


def _row(head: str, cells: list[str], below: str = "") -> str:
    meta = f'<span class="meta">{escape(below)}</span>' if below else ""
    return f'<tr><th scope="row">{escape(head)}{meta}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _table(heads: list[str], rows: list[str]) -> str:
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "\n".join(rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
