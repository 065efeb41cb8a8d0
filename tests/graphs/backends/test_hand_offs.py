"""What servers are spared of a conversation that was handed over."""

from __future__ import annotations

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from routerkit_graphs.backends.hand_offs import without_hand_offs

CALL = {"name": "transfer_to_experts", "args": {}, "id": "1"}
NOTICE = ToolMessage("Successfully transferred", name="transfer_to_experts", tool_call_id="1")


def test_a_conversation_without_hand_offs_is_kept_as_it_is() -> None:
    look = {"name": "look", "args": {}, "id": "2"}
    kept = [
        SystemMessage("be brief"),
        HumanMessage("sum"),
        AIMessage("", tool_calls=[look]),
        ToolMessage("found", name="look", tool_call_id="2"),
        AIMessage("four"),
    ]
    assert without_hand_offs(kept) == kept


def test_calls_that_hand_over_and_their_results_are_left_out() -> None:
    told = [HumanMessage("sum"), AIMessage("", tool_calls=[CALL]), NOTICE]
    assert without_hand_offs(told) == told[:1]


def test_text_and_other_calls_beside_a_hand_off_stay() -> None:
    look = {"name": "look", "args": {}, "id": "2"}
    asked = AIMessage("I ask someone.", tool_calls=[CALL, look], additional_kwargs={"tool_calls": [{"id": "1"}]})
    result = ToolMessage("found", name="look", tool_call_id="2")
    kept, found = without_hand_offs([asked, NOTICE, result])
    assert isinstance(kept, AIMessage)
    assert (kept.text, [call["name"] for call in kept.tool_calls]) == ("I ask someone.", ["look"])
    assert (kept.additional_kwargs, found) == ({}, result)
    assert len(asked.tool_calls) == 2, "the conversation itself is not changed"
