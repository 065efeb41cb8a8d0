"""Everything that one run of `routerkit evaluate` finds out, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from routerkit.report.breakdown import confident_mistakes, per_group
from routerkit.report.intervals import bootstrap_intervals

if TYPE_CHECKING:
    from routerkit.evaluation import Evaluation
    from routerkit.report.breakdown import Groups

COMPARED = ("accuracy", "macro_f1", "harm", "recall", "ece", "aurc")
"""The figures by which baselines and router are compared."""

_WITH_INTERVAL = COMPARED[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A simple classifier on the rows that the router is judged on.

    Attributes:
        name: a short name, key in the JSON.
        method: what it does, for people.
        evaluation: its decisions without a threshold.
    """

    name: str
    method: str
    evaluation: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """Simple classifiers that learnt from the same rows.

    Attributes:
        learnt_from: what these rows are, for people.
        rows: how many they are.
        left_out: rows not learnt from because their query stands in the test file.
        models: the classifiers.
    """

    learnt_from: str
    rows: int
    left_out: int
    models: list[Baseline]

    def to_dict(self) -> dict[str, Any]:
        """The figures of every baseline, ready for JSON."""
        models = {model.name: {"method": model.method, **compared(model.evaluation)} for model in self.models}
        return {"learnt_from": self.learnt_from, "rows": self.rows, "left_out": self.left_out, "models": models}


def summarise(evaluation: Evaluation, groups: Groups, baselines: Baselines | None = None) -> dict[str, Any]:
    """The figures of `Evaluation.to_dict`, and `intervals`, `per_source`, `mistakes` and `baselines`.

    `per_source_field` names the field that `per_source` goes by. With baselines, their dictionary also holds the
    router as `router`, judged as they are: without a threshold.

    Args:
        evaluation: the router's.
        groups: of its rows, from `read_groups`.
        baselines: classifiers to compare with.
    """
    figures = {
        **evaluation.to_dict(),
        "intervals": bootstrap_intervals(evaluation),
        "per_source_field": groups.field,
        "per_source": per_group(evaluation, groups),
        "mistakes": confident_mistakes(evaluation, groups),
    }
    if baselines is not None:
        router = compared(evaluation.without_threshold())
        figures["baselines"] = {**baselines.to_dict(), "router": router}
    return figures


def compared(evaluation: Evaluation) -> dict[str, Any]:
    """The figures in `COMPARED`, and `intervals` of the first four."""
    figures, intervals = evaluation.to_dict(), bootstrap_intervals(evaluation)
    return {
        **{name: figures[name] for name in COMPARED},
        "intervals": {name: intervals[name] for name in _WITH_INTERVAL},
    }
