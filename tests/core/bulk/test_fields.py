from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit.bulk.fields import NESTED, flat, flat_names, nested, own_names
from routerkit.decision import Decision

if TYPE_CHECKING:
    from routerkit.router import Router


def test_the_fields_of_a_decision_are_all_there_in_order(believer: Router) -> None:
    decision = believer.route_query("sum")
    assert list(nested(decision)) == list(NESTED) == list(decision.to_dict())
    assert nested(decision)["probabilities"]["math"] == 0.9


def test_a_table_has_one_column_for_each_probability(believer: Router) -> None:
    decision = believer.route_query("sum")
    row = dict(zip(flat_names(believer.categories), flat(decision), strict=True))
    assert (row["category"], row["probability_math"], row["probability_code"]) == ("math", 0.9, 0.0)
    assert isinstance(decision, Decision)


def test_no_field_of_a_row_is_lost_however_it_is_called() -> None:
    fields = ["route", "input_route", "input_input_route", "id", "category"]
    names = own_names(fields, NESTED)
    assert names == {
        "route": "input_input_input_route",
        "input_route": "input_route",
        "input_input_route": "input_input_route",
        "id": "id",
        "category": "input_category",
    }
