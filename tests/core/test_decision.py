from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from routerkit.decision import Decision, Prediction, rounded

if TYPE_CHECKING:
    from routerkit.router import Router

FIELDS = ["category", "confidence", "route", "reason", "ood_score", "probabilities"]
DECISION = Decision(
    category="math",
    confidence=0.123456789,
    route="general",
    reason="low_confidence",
    ood_score=None,
    probabilities={"math": 0.123456789, "général": 0.1},
)


def plain(value: Any) -> bool:
    """Whether a value consists of Python's own types only; numpy's float64 is a subclass of float and does not pass."""
    if type(value) is dict:
        return all(type(key) is str and plain(inner) for key, inner in value.items())
    return value is None or type(value) in {str, float}


def test_the_dict_has_the_promised_fields_in_the_promised_order() -> None:
    assert list(DECISION.to_dict()) == FIELDS
    assert DECISION.to_dict()["confidence"] == 0.123456789


def test_the_json_begins_with_category_and_rounded_confidence() -> None:
    text = DECISION.to_json()
    assert text.startswith('{"category": "math", "confidence": 0.1235, "route": "general"')
    assert list(json.loads(text)) == FIELDS
    assert json.loads(text)["ood_score"] is None


def test_the_json_is_one_line_and_keeps_letters_as_they_are() -> None:
    assert "\n" not in DECISION.to_json()
    assert '"général"' in DECISION.to_json()


def test_the_number_of_decimals_can_be_chosen() -> None:
    assert json.loads(DECISION.to_json(digits=2))["probabilities"]["math"] == 0.12


def test_rounding_reaches_every_depth_and_leaves_the_rest_alone() -> None:
    value = {"a": [0.123, {"b": 0.987}], "c": 7, "d": "0.123", "e": None, "f": True}
    assert rounded(value, 1) == {"a": [0.1, {"b": 1.0}], "c": 7, "d": "0.123", "e": None, "f": True}


def test_a_real_decision_consists_of_plain_values(tiny_router: Router) -> None:
    for decision in (tiny_router.route_query("what is the sum"), *tiny_router.route_batch(["hello", "rain"])):
        assert plain(decision.to_dict())


def test_a_checkpointer_can_store_a_real_decision(tiny_router: Router) -> None:
    stored = tiny_router.route_query("what is the sum").to_dict()
    serializer = JsonPlusSerializer(allowed_msgpack_modules=[])
    assert serializer.loads_typed(serializer.dumps_typed(stored)) == stored
    assert json.loads(json.dumps(stored)) == stored


def test_the_dict_does_not_share_its_probabilities_with_the_decision() -> None:
    DECISION.to_dict()["probabilities"]["math"] = 1.0
    assert DECISION.probabilities["math"] == 0.123456789


@pytest.mark.parametrize("result", [DECISION, Prediction(category="a", confidence=1.0, probabilities={"a": 1.0})])
def test_results_are_frozen(result: Decision | Prediction) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.category = "code"  # type: ignore[misc]


def test_results_can_be_copied_and_sent_to_another_process() -> None:
    assert copy.deepcopy(DECISION) == pickle.loads(pickle.dumps(DECISION)) == DECISION


def test_results_are_made_with_named_fields_only() -> None:
    with pytest.raises(TypeError):
        Prediction("math", 0.5, {})  # type: ignore[call-arg]
