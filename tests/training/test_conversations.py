"""The labelled conversations, and the fit of the sticky rule to them."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from routerkit_training import conversations
from routerkit_training.conversations import LabelledConversation, LabelledTurn, Part
from routerkit_training.conversations.fitting import Scored, fit, rollout, score, share, table
from routerkit_training.conversations.follow_ups import follow_up_rows

from routerkit import artefact
from routerkit.config import CATEGORIES
from routerkit.conversation.following import Following
from routerkit.conversation.rule import FEATURES
from routerkit.rows import Row
from routerkit.testing import fake_router

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router

PARTS: tuple[Part, ...] = ("train", "dev", "test")
SIZES = {"train": 1659, "dev": 547, "test": 110}
KINDS = {"staying", "switching", "returning", "tricky"}
each_part = pytest.mark.parametrize("part", PARTS)


@pytest.fixture
def router(tmp_path: Path) -> Router:
    """Sure of math at `sum` and of code at `loop`, unsure at `hm`, without an idea otherwise."""
    unsure = {"code": 0.4, "math": 0.3, "general": 0.3}
    return fake_router(
        tmp_path / "router", {"sum": {"math": 0.95, "general": 0.05}, "loop": {"code": 1.0}, "hm": unsure}
    )


def conversation(name: str, *turns: tuple[str, str, bool]) -> LabelledConversation:
    return LabelledConversation(name, "staying", tuple(LabelledTurn(*turn) for turn in turns))


def small_set() -> list[LabelledConversation]:
    return [
        conversation("a", ("a sum", "math", False), ("and twice", "math", True), ("why", "math", True)),
        conversation("b", ("a loop", "code", False), ("and for that", "code", True), ("a sum", "math", False)),
        conversation("c", ("the loop", "code", False), ("what about it", "code", True), ("same", "code", True)),
    ]


def test_the_test_part_is_the_one_that_was_fixed_before_any_policy_was_scored_on_it() -> None:
    assert artefact.file_digest(conversations.part_path("test")) == conversations.TEST_SHA256


@each_part
def test_every_conversation_has_three_to_seven_labelled_turns(part: Part) -> None:
    found = conversations.read_conversations(part)
    assert len(found) == SIZES[part]
    assert len({one.id for one in found}) == len(found)
    for one in found:
        assert 3 <= len(one.turns) <= 7, one.id
        assert all(turn.user.strip() and turn.category in CATEGORIES for turn in one.turns), one.id
        assert not one.turns[0].depends, one.id


@each_part
def test_a_line_holds_id_kind_and_turns_only(part: Part) -> None:
    for line in conversations.part_path(part).read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        assert set(found) == {"id", "kind", "turns"}
        assert all(set(turn) == {"user", "category", "depends"} for turn in found["turns"]), found["id"]


@each_part
def test_kinds_categories_and_dependence_are_balanced(part: Part) -> None:
    found = conversations.read_conversations(part)
    turns = [turn for one in found for turn in one.turns]
    kinds, categories = Counter(one.kind for one in found), Counter(turn.category for turn in turns)
    assert set(kinds) == KINDS
    assert all(count >= 0.14 * len(found) for count in kinds.values()), kinds
    assert all(0.15 < categories[name] / len(turns) < 0.28 for name in CATEGORIES), categories
    assert 0.4 < sum(turn.depends for turn in turns) / len(turns) < 0.55


@pytest.mark.parametrize("pair", [("train", "dev"), ("train", "test"), ("dev", "test")], ids="-".join)
def test_the_parts_share_no_turn_of_more_than_three_words(pair: tuple[Part, Part]) -> None:
    one, other = (
        {turn.user.lower().strip(" .?!") for one in conversations.read_conversations(part) for turn in one.turns}
        for part in pair
    )
    assert not [turn for turn in one & other if len(turn.split()) > 3]


def test_a_follow_up_is_learnt_behind_its_topic_and_by_itself_if_it_tells_its_category() -> None:
    turns = [
        ("add the prices of my shopping", "math", False),
        ("thanks!", "general", False),
        ("and twice", "math", True),
    ]
    assert follow_up_rows([conversation("e", *turns, ("rewrite that in basic", "code", False))]) == [
        Row(query="add the prices of my shopping", category="math"),
        Row(query="add the prices of my shopping\nthanks!", category="general"),
        Row(query="thanks!", category="general"),
        Row(query="add the prices of my shopping\nand twice", category="math"),
        Row(query="add the prices of my shopping\nrewrite that in basic", category="code"),
        Row(query="rewrite that in basic", category="code"),
    ]


def test_fitted_weights_keep_follow_ups_with_their_specialist(router: Router) -> None:
    following = Following(router)
    weights = fit(following, small_set())
    assert weights.shape == (len(FEATURES),)
    decided = rollout(following.with_weights(weights), small_set()[1])
    assert [decision.category for decision in decided] == ["code", "code", "math"]


def test_a_score_tells_category_from_route(router: Router) -> None:
    unsure = conversation("d", ("hm", "code", False))
    assert score(Following(router), [unsure]) == [Scored("d", False, category_right=True, route_right=False)]


def test_an_interval_is_wider_where_mistakes_come_in_whole_conversations() -> None:
    spread = [Scored(f"{number % 10}", False, number >= 10, True) for number in range(100)]
    lumped = [Scored(f"{number // 10}", False, number >= 10, True) for number in range(100)]
    narrow, wide = (share(scored, lambda one: one.category_right) for scored in (spread, lumped))
    assert narrow.value == wide.value == pytest.approx(0.9)
    assert wide.high - wide.low > narrow.high - narrow.low


def test_the_table_has_a_line_for_every_policy_and_kind_of_turn(router: Router) -> None:
    lines = table(router, small_set(), folds=3)
    assert [tuple(line[:26].split()) for line in lines[1:]] == [
        (mode, *name.split()) for mode in ("last", "previous", "sticky") for name in ("all", "depends", "stands alone")
    ]
