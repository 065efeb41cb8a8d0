from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from routerkit.errors import InputError
from routerkit.evaluation import Evaluation, evaluate
from routerkit.policy import ThresholdPolicy
from routerkit.rows import Row
from routerkit.testing import fake_router

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.router import Router

FIRST = ["n", "accuracy", "macro_f1", "per_category", "confusion_matrix"]


def row(query: str, category: str | None, *also: str) -> Row:
    return Row(query=query, category=category, also=also)


def judged(router: Router, *rows: Row) -> Evaluation:
    return evaluate(router, rows)


def test_the_figures_come_in_the_promised_order_and_fit_into_json(believer: Router) -> None:
    figures = judged(believer, row("sum", "math"), row("loop", "general")).to_dict()
    assert list(figures)[: len(FIRST)] == FIRST
    assert {"harm", "recall", "coverage", "threshold"} <= set(figures)
    assert json.loads(json.dumps(figures)) == figures


def test_accuracy_is_about_the_category_and_not_about_the_route(believer: Router) -> None:
    evaluation = judged(believer, row("rain", "commonsense"))
    assert evaluation.decisions[0].route == "general"
    assert evaluation.right == [True]
    assert evaluation.to_dict()["accuracy"] == 1.0


def test_the_confusion_matrix_stands_in_the_routers_order(believer: Router) -> None:
    figures = judged(believer, row("sum", "math"), row("loop", "math"), row("hello", "general")).to_dict()
    matrix = figures["confusion_matrix"]
    assert matrix["categories"] == ["math", "science", "code", "general", "commonsense"]
    assert matrix["counts"][0] == [1, 0, 1, 0, 0]
    assert matrix["counts"][3] == [0, 0, 0, 1, 0]


def test_macro_f1_is_the_mean_over_the_categories_that_occur(believer: Router) -> None:
    figures = judged(believer, row("sum", "math"), row("loop", "math"), row("hello", "general")).to_dict()
    assert figures["per_category"]["math"] == {"n": 2, "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_a_row_at_another_specialist_is_harmed_and_one_at_the_general_model_is_not(believer: Router) -> None:
    evaluation = judged(
        believer,
        row("sum", "math"),  # at its own specialist
        row("loop", "math"),  # at another specialist: harm
        row("hello", "math"),  # at the general model
        row("atom", "general"),  # a general query at a specialist: harm
    )
    assert evaluation.harm == 2 / 4


def test_recall_counts_rows_of_specialists_only(believer: Router) -> None:
    evaluation = judged(
        believer, row("sum", "math"), row("loop", "math"), row("rain", "commonsense"), row("hello", "general")
    )
    assert evaluation.recall == 1 / 3


def test_without_rows_of_specialists_there_is_no_recall(believer: Router) -> None:
    evaluation = judged(believer, row("hello", "general"))
    assert evaluation.recall is None
    assert evaluation.to_dict()["recall"] is None


def test_coverage_is_the_share_of_confident_decisions_wherever_they_lead(believer: Router) -> None:
    assert judged(believer, row("sum", "math"), row("hello", "general"), row("rain", "commonsense")).coverage == 2 / 3


def test_a_label_in_also_is_right_for_harm_and_recall_but_not_for_accuracy(believer: Router) -> None:
    strict = judged(believer, row("sum", "science"))
    lenient = judged(believer, row("sum", "science", "math"))
    assert (strict.harm, strict.recall, strict.right) == (1.0, 0.0, [False])
    assert (lenient.harm, lenient.recall, lenient.right) == (0.0, 1.0, [False])


def test_the_general_model_is_no_specialist_even_where_also_allows_it(believer: Router) -> None:
    evaluation = judged(believer, row("hello", "science", "general"))
    assert (evaluation.harm, evaluation.recall) == (0.0, 0.0)


def test_the_fallback_of_the_policy_decides_who_is_the_general_model(tmp_path: Path) -> None:
    policy = ThresholdPolicy(fallback="math", confidence_threshold=0.75, category_thresholds={"code": 0.9})
    router = fake_router(tmp_path, {"sum": {"math": 1.0}, "loop": {"code": 0.8, "math": 0.2}}, policy=policy)
    evaluation = judged(router, row("sum", "code"), row("loop", "code"), row("loop", "general"))
    assert (evaluation.harm, evaluation.recall, evaluation.coverage) == (0.0, 0.0, 1 / 3)
    figures = evaluation.to_dict()
    assert (figures["threshold"], figures["category_thresholds"]) == (0.75, {"code": 0.9})


def test_the_confidence_figures_of_a_hand_computed_case(believer: Router) -> None:
    figures = judged(believer, row("sum", "math"), row("loop", "math")).to_dict()
    assert figures["ece"] == pytest.approx((0.1 + 0.7) / 2, abs=1e-6)
    assert figures["aurc"] == pytest.approx((0 + 1 / 2) / 2)
    right, wrong = 0.1**2 + 0.1**2, 1.0 + 0.7**2 + 0.3**2
    assert figures["brier"] == pytest.approx((right + wrong) / 2, abs=1e-6)


def test_confidence_is_judged_by_whether_it_tells_right_from_wrong(believer: Router) -> None:
    rows = [row("sum", "math"), row("loop", "code"), row("atom", "math")]  # confidences 0.9, 0.7 and, wrong, 0.8
    assert judged(believer, *rows).to_dict()["confidence_auroc"] == 0.5
    assert judged(believer, *rows[:2]).to_dict()["confidence_auroc"] is None


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.7, 0.75, 0.9, 1.0])
def test_the_curve_over_thresholds_gives_what_each_threshold_would(suspicious: Router, threshold: float) -> None:
    words = ("sum", "atom", "loop", "hello", "rain", "a b c d e sum")
    rows = [row(word, category) for word in words for category in ("math", "code", "general")]
    rows.append(row("sum", "science", "math"))
    policy = suspicious.policy.model_copy(update={"confidence_threshold": threshold})
    evaluation = evaluate(suspicious, rows)
    served = replace(evaluation, decisions=suspicious.route_batch([one.query for one in rows], policy=policy))
    harm, recall = evaluation.at_thresholds(np.array([threshold]))
    assert harm[0] == pytest.approx(served.harm)
    assert recall[0] == pytest.approx(served.recall)


def test_without_specialists_the_curve_of_recall_is_zero(believer: Router) -> None:
    assert judged(believer, row("hello", "general")).at_thresholds(np.array([0.0, 1.0]))[1].tolist() == [0, 0]


def test_without_a_threshold_every_row_goes_where_it_most_probably_belongs(suspicious: Router) -> None:
    evaluation = judged(suspicious, row("rain", "commonsense"), row("a b c d e sum", "code"))
    assert (evaluation.recall, evaluation.harm, evaluation.coverage) == (0, 0, 0)
    bare = evaluation.without_threshold()
    assert (bare.recall, bare.harm, bare.coverage) == (1 / 2, 1 / 2, 1)
    assert bare.to_dict()["threshold"] == 0
    assert bare.to_dict()["ece"] == evaluation.to_dict()["ece"]


def test_rows_without_a_category_do_not_count_in_the_other_figures(believer: Router) -> None:
    assert judged(believer, row("sum", "math"), row("loop", None)).to_dict()["n"] == 1


def test_rows_outside_every_category_are_judged_by_their_out_of_domain_score(suspicious: Router) -> None:
    rows = [row("sum", "math"), row("a b loop", "code"), row("a b c d loop", "code"), row("a b c d e", None)]
    evaluation = evaluate(suspicious, rows, [row("a b sum", None)])
    figures = evaluation.to_dict()
    # Lengths, special tokens included: 3, 5 and 7 inside, 7 and 5 outside; ties count half.
    assert figures["n"] == 3
    assert figures["n_outside"] == len(evaluation.outside) == 2
    assert figures["ood_auroc"] == pytest.approx((1 + 1 + 0.5 + 1 + 0.5 + 0) / 6)
    assert figures["ood_fpr95"] == pytest.approx(2 / 3)
    assert figures["ood_caught"] == 1 / 2
    assert json.loads(json.dumps(figures)) == figures


def test_without_a_score_or_without_such_rows_there_are_no_out_of_domain_figures(
    believer: Router, suspicious: Router
) -> None:
    for evaluation in (
        evaluate(believer, [row("sum", "math")], [row("loop", None)]),
        evaluate(suspicious, [row("sum", "math")]),
    ):
        assert not [name for name in evaluation.to_dict() if "ood" in name or "outside" in name]


@pytest.mark.parametrize("rows", [[], [row("sum", None)]], ids=["no rows", "no labels"])
def test_without_a_labelled_row_there_is_nothing_to_measure(believer: Router, rows: list[Row]) -> None:
    with pytest.raises(InputError, match="no row has a category"):
        evaluate(believer, rows)


def test_a_category_that_the_router_does_not_know_is_named(tmp_path: Path) -> None:
    router = fake_router(tmp_path / "router", {"sum": {"math": 0.9, "general": 0.1}})
    with pytest.raises(InputError, match=r"rows have the categories \['law'\], which the router does not know"):
        evaluate(router, [Row(query="court", category="law"), Row(query="sum", category="math")])
