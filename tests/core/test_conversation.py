"""Which text of a conversation is routed: last, previous, sticky."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from routerkit.config import RouterConfig
from routerkit.conversation.cues import cues_of
from routerkit.conversation.following import Following
from routerkit.conversation.history import Conversation, Mode
from routerkit.conversation.rule import FEATURES, shipped_weights
from routerkit.errors import ConfigError, InputError
from routerkit.messages import conversation_of
from routerkit.policy import ThresholdPolicy
from routerkit.runnable import RouterRunnable
from routerkit.spec import parse
from routerkit.testing import fake_router
from routerkit.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router

BELIEFS = {
    "sum": {"math": 0.97, "general": 0.03},
    "loop": {"code": 0.98, "general": 0.02},
    "perhaps": {"code": 0.4, "general": 0.3, "science": 0.3},
    "thanks": {"general": 0.95, "math": 0.05},
}


@pytest.fixture
def router(tmp_path: Path) -> Router:
    """Sure of math at `sum` and of code at `loop`, unsure at `perhaps`; the first such word of a text decides."""
    return fake_router(tmp_path / "router", BELIEFS)


@pytest.fixture
def sticky(router: Router) -> Following:
    return Following(router, "sticky")


def talk(*turns: str) -> Conversation:
    return Conversation(turns)


def test_last_reads_the_last_turn_alone(router: Router) -> None:
    decision = Following(router).route(talk("a sum", "and for three?"))
    assert decision == router.route_query("and for three?")


def test_previous_puts_the_turn_before_in_front(router: Router) -> None:
    decision = Following(router, "previous").route(talk("a loop", "a sum", "and for three?"))
    assert decision == router.route_query("a sum\nand for three?")


def test_a_single_turn_is_decided_alike_by_all_policies(router: Router) -> None:
    alone = router.route_query("perhaps")
    assert [Following(router, mode).route(talk("perhaps")) for mode in get_args(Mode)] == [alone] * 3


def test_a_follow_up_that_says_nothing_by_itself_keeps_its_specialist(sticky: Following) -> None:
    decision = sticky.route(talk("a sum", "and for three?"))
    assert (decision.category, decision.route, decision.reason) == ("math", "math", "sticky")
    assert sum(decision.probabilities.values()) == pytest.approx(1.0)
    assert decision.confidence == max(decision.probabilities.values())


def test_follow_ups_of_follow_ups_keep_it_too(sticky: Following) -> None:
    turns = ["a loop", "and for three?", "why?", "the other one", "same again", "ok so?", "and now?", "what if not?"]
    for count in range(2, len(turns) + 1):
        assert sticky.route(talk(*turns[:count])).route == "code"


def test_a_new_topic_moves_on(sticky: Following) -> None:
    decision = sticky.route(talk("a sum", "write a loop over customers in our database"))
    assert (decision.route, decision.reason) == ("code", "confident")


def test_thanks_go_to_the_general_model_and_do_not_end_the_topic(sticky: Following) -> None:
    assert sticky.route(talk("a sum", "thanks")).route == "general"
    assert sticky.route(talk("a sum", "thanks", "and for three?")).route == "math"


def test_small_talk_alone_is_no_topic(sticky: Following, router: Router) -> None:
    assert sticky.route(talk("thanks", "perhaps")) == router.route_query("perhaps")


def test_the_kept_decision_wins_over_what_the_text_before_suggests(sticky: Following) -> None:
    kept = {"category": "science", "route": "science", "reason": "sticky"}
    assert sticky.route(Conversation(("perhaps", "and why is that?"), kept)).route == "science"


def test_an_unclear_follow_up_stays_where_its_topic_was_answered(sticky: Following) -> None:
    kept = {"category": "code", "route": "general", "reason": "low_confidence"}
    strict = ThresholdPolicy(fallback="general", confidence_threshold=0.99)
    decision = sticky.route(Conversation(("perhaps", "and perhaps that?"), kept), policy=strict)
    assert (decision.category, decision.route) == ("code", "general")


def test_a_specialist_that_failed_is_asked_again(sticky: Following) -> None:
    kept = {"category": "math", "route": "general", "reason": "specialist_failed"}
    assert sticky.route(Conversation(("a sum", "and for three?"), kept)).route == "math"


def test_a_route_that_somebody_chose_is_kept(sticky: Following) -> None:
    kept = {"category": "code", "route": "science", "reason": "forced"}
    assert sticky.route(Conversation(("perhaps", "and why is that?"), kept)).route == "science"


def test_a_kept_decision_of_another_router_is_ignored(sticky: Following) -> None:
    kept = {"category": "cooking", "route": "cooking", "reason": "confident"}
    assert sticky.route(Conversation(("a sum", "and for three?"), kept)).route == "math"


def test_a_long_turn_is_no_follow_up(sticky: Following, router: Router) -> None:
    long = "and " * 600
    assert sticky.route(talk("a sum", long)) == router.route_query(long)


def test_earlier_turns_that_cannot_be_classified_are_passed_over(sticky: Following) -> None:
    assert sticky.route(talk("a sum", "x" * 40_000, "and for three?")).route == "math"


@pytest.mark.parametrize("mode", ["last", "previous", "sticky"])
def test_a_last_turn_that_cannot_be_classified_is_refused(router: Router, mode: str) -> None:
    with pytest.raises(InputError, match="empty"):
        Following(router, mode).route(talk("a sum", " "))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["last", "previous", "sticky"])
def test_a_batch_is_decided_as_one_by_one(router: Router, mode: str) -> None:
    following = Following(router, mode)  # type: ignore[arg-type]
    batch = [talk("a sum", "and for three?"), talk("perhaps"), talk("a loop", "thanks", "why?")]
    assert following.route_batch(batch) == [following.route(one) for one in batch]


def test_a_running_conversation_costs_two_texts_a_turn(router: Router) -> None:
    sticky = Following(router, "sticky")
    sizes = router._engine.batch_sizes  # type: ignore[attr-defined]
    sticky.route(talk("a sum", "and for three?", "why is that?"))
    sizes.clear()
    sticky.route(talk("a sum", "and for three?", "why is that?", "and the second?"))
    assert sum(sizes) == 2


def test_the_shipped_weights_are_those_that_the_rule_knows() -> None:
    assert shipped_weights().shape == (len(FEATURES),)


@pytest.mark.parametrize("text", ["thanks!", "ok great", "Thank you very much.", "haha nice", "good night", "night!"])
def test_small_talk_is_recognised(text: str) -> None:
    assert cues_of(text).is_talk


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "thanks, and for three?",
        "great scott is a novel",
        "and the weather in rome",
        "ok but why",
        "only at night",
    ],
)
def test_what_asks_or_tells_something_is_no_small_talk(text: str) -> None:
    assert not cues_of(text).is_talk


def test_only_what_the_person_said_is_read_from_messages() -> None:
    messages = [
        SystemMessage("You are a loop."),
        HumanMessage("a sum"),
        AIMessage("", tool_calls=[{"name": "transfer_to_math", "args": {}, "id": "1"}]),
        ToolMessage("Successfully transferred to math", tool_call_id="1"),
        HumanMessage(""),
        HumanMessage([{"type": "text", "text": "and for three?"}]),
        AIMessage("Nine."),
    ]
    assert conversation_of(messages) == talk("a sum", "and for three?")
    assert conversation_of({"messages": messages, "decision": {"category": "math"}}).decided == {"category": "math"}


def test_the_runnable_follows_a_list_of_messages_and_a_state(router: Router) -> None:
    runnable = RouterRunnable(router, conversation="sticky")
    messages = [HumanMessage("a sum"), AIMessage("2"), HumanMessage("and for three?")]
    assert runnable.invoke(messages).reason == "sticky"
    assert runnable.invoke({"messages": messages})["route"] == "math"
    assert [one.route for one in runnable.batch([messages, messages[:1]])] == ["math", "math"]


def test_the_configuration_names_the_policy() -> None:
    assert RouterConfig().conversation == "last"
    with pytest.raises(ConfigError, match="conversation"):
        parse(RouterConfig, {"conversation": "glued"}, source="test")


@pytest.mark.parametrize("mode", get_args(Mode))
def test_the_first_query_of_a_batch_that_cannot_be_routed_is_named(router: Router, mode: Mode) -> None:
    watch = Watch(router, conversation=mode)
    with pytest.raises(InputError, match=r"^query 1 of the batch \(counted from 0\): the query is empty"):
        watch.route_batch(["sum", "", "atom"])


@pytest.mark.parametrize("query", [None, 5])
def test_what_is_no_text_is_not_taken_for_its_name(router: Router, query: object) -> None:
    with pytest.raises(InputError, match="a query must be a string"):
        Watch(router).route(query)  # type: ignore[arg-type]


def test_one_string_is_no_batch_of_letters(router: Router) -> None:
    with pytest.raises(InputError, match="a batch must be a list of queries, got one string"):
        Watch(router).route_batch("sum")
