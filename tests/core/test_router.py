from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import artefact
from routerkit.config import RouterConfig
from routerkit.errors import ConfigError, InputError
from routerkit.policy import ThresholdPolicy
from routerkit.router import Router
from routerkit.testing import fake_router

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.decision import Decision
    from routerkit.testing import FakeEngine

WORDS = st.sampled_from(["sum", "atom", "loop", "hello", "rain", "what", "is", "the", *"abc123?+"])
QUERIES = st.lists(st.lists(WORDS, min_size=1, max_size=20).map(" ".join), min_size=1, max_size=25)
SHIFTS = [-1e-2, -1e-4, -1e-5, 1e-5, 1e-4, 1e-2]
"""Distances of a threshold from a confidence, down to a little more than float32 can tell apart."""
AWKWARD = [
    "?",
    "為什麼天空是藍色的\uff1f",
    "👩‍👩‍👧‍👦🇺🇳",
    "\x1b[31mred\x1b[0m",
    "[SEP] [CLS] [PAD]",
    "a\r\n\tb\f\v",
    "e\u0301\u200b",
    "x" * 3000,
    "sum " * 3000,
]


def outcome(decision: Decision) -> tuple[str, str, str]:
    return decision.category, decision.route, decision.reason


@pytest.fixture(scope="session")
def outside_router(tiny_outside_folder: Path) -> Router:
    """The tiny router with an out-of-domain score, int8."""
    return Router.from_pretrained(tiny_outside_folder)


def test_a_query_goes_to_the_specialist_of_its_category(believer: Router) -> None:
    decision = believer.route_query("what is the sum")
    assert outcome(decision) == ("math", "math", "confident")
    assert decision.confidence == pytest.approx(0.9)
    assert decision.ood_score is None


def test_an_uncertain_query_goes_to_the_general_model(believer: Router) -> None:
    assert outcome(believer.route_query("rain")) == ("commonsense", "general", "low_confidence")


def test_a_query_outside_every_category_goes_to_the_general_model(suspicious: Router) -> None:
    inside, outside = suspicious.route_query("sum"), suspicious.route_query("the sum of everything")
    assert outcome(inside) == ("math", "math", "confident")
    assert outcome(outside) == ("math", "general", "out_of_domain")
    assert inside.ood_score is not None
    assert outside.ood_score is not None
    assert 0 < inside.ood_score < 0.5 < outside.ood_score < 1


def test_probabilities_stand_in_the_routers_order_and_sum_to_one(tiny_router: Router, queries: list[str]) -> None:
    for decision in tiny_router.route_batch(queries):
        assert list(decision.probabilities) == tiny_router.categories
        assert sum(decision.probabilities.values()) == pytest.approx(1.0)
        assert decision.confidence == max(decision.probabilities.values())
        assert decision.probabilities[decision.category] == decision.confidence


def test_believing_comes_before_deciding(believer: Router) -> None:
    prediction = believer.classify("the loop")
    assert prediction.category == "code"
    assert believer.policy.decide(prediction) == believer.route_query("the loop")


def test_the_temperature_of_the_artefact_softens_the_confidence(tiny_copy: Path, queries: list[str]) -> None:
    before = Router.from_pretrained(tiny_copy).route_batch(queries)
    manifest = artefact.read(tiny_copy).manifest
    artefact.write_manifest(tiny_copy, manifest.model_copy(update={"temperature": 3.0}))
    after = Router.from_pretrained(tiny_copy, config=RouterConfig(precision="fp32")).route_batch(queries)
    assert np.mean([one.confidence for one in after]) < np.mean([one.confidence for one in before]) - 0.1


# --- batches ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(queries=QUERIES, pick=st.integers(0, 1000), shift=st.sampled_from(SHIFTS))
def test_a_batch_decides_as_single_queries_do_however_near_the_threshold(
    tiny_router: Router, queries: list[str], pick: int, shift: float
) -> None:
    chosen = tiny_router.route_query(queries[pick % len(queries)])
    threshold = min(max(chosen.confidence + shift, 0.0), 1.0)
    policy = ThresholdPolicy(fallback="general", confidence_threshold=threshold)
    for query, decision in zip(queries, tiny_router.route_batch(queries, policy=policy), strict=True):
        alone = tiny_router.route_query(query, policy=policy)
        assert outcome(decision) == outcome(alone)
        assert decision.probabilities == pytest.approx(alone.probabilities, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(queries=QUERIES, pick=st.integers(0, 1000), shift=st.sampled_from(SHIFTS))
def test_a_batch_decides_as_single_queries_do_near_the_out_of_domain_threshold(
    outside_router: Router, queries: list[str], pick: int, shift: float
) -> None:
    chosen = outside_router.route_query(queries[pick % len(queries)])
    assert chosen.ood_score is not None
    threshold = min(max(chosen.ood_score + shift, 0.0), 1.0)
    policy = ThresholdPolicy(fallback="general", confidence_threshold=0.3, ood_threshold=threshold)
    alone = [outcome(outside_router.route_query(query, policy=policy)) for query in queries]
    assert [outcome(decision) for decision in outside_router.route_batch(queries, policy=policy)] == alone


def test_queries_of_equal_length_share_a_forward_pass(believer: Router, fake_engine: FakeEngine) -> None:
    believer.route_batch(["sum", "a loop", "hello", "the end", "rain"])
    assert sorted(fake_engine.batch_sizes) == [1, 1, 3]


def test_a_large_batch_keeps_its_order(believer: Router) -> None:
    queries = ["sum", "a b loop", "hello a", "atom", "rain b c d"] * 200
    found = [decision.category for decision in believer.route_batch(queries)]
    assert found == ["math", "code", "general", "science", "commonsense"] * 200


def test_an_empty_batch_gives_no_decisions(believer: Router, fake_engine: FakeEngine) -> None:
    assert believer.route_batch([]) == []
    assert fake_engine.batch_sizes == []


@pytest.mark.parametrize("bad", ["", None, "\0", "x" * 100_000], ids=["empty", "none", "binary", "too long"])
def test_a_bad_query_in_a_batch_is_named_with_its_position_before_anything_runs(
    believer: Router, fake_engine: FakeEngine, bad: str
) -> None:
    with pytest.raises(InputError, match=r"^query 2 of the batch \(counted from 0\): "):
        believer.route_batch(["sum", "loop", bad, ""])
    assert fake_engine.batch_sizes == []


# --- input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", AWKWARD, ids=range(len(AWKWARD)))
def test_awkward_text_is_decided_alike_alone_and_in_a_batch(tiny_router: Router, query: str) -> None:
    alone = tiny_router.route_query(query)
    assert outcome(tiny_router.route_batch([query, "sum", query])[2]) == outcome(alone)


@pytest.mark.parametrize("bad", ["", "  \n", None, 5, b"sum", "a\0b", "\ud800", "x" * 100_000])
def test_what_cannot_be_classified_is_refused_by_every_entrance(believer: Router, bad: str) -> None:
    for entrance in (believer.check, believer.classify, believer.route_query):
        with pytest.raises(InputError):
            entrance(bad)
    with pytest.raises(InputError):
        asyncio.run(believer.aroute_query(bad))


def test_the_longest_query_is_a_setting(tiny_router_folder: Path) -> None:
    router = Router.from_pretrained(tiny_router_folder, config=RouterConfig(max_query_chars=5))
    assert router.route_query("12345")
    with pytest.raises(InputError, match="6 characters, 5 are allowed"):
        router.route_query("123456")


# --- the policy ------------------------------------------------------------------------------------------------------


def test_a_policy_may_be_replaced_for_one_call(believer: Router) -> None:
    strict = ThresholdPolicy(fallback="math", confidence_threshold=0.99)
    assert outcome(believer.route_query("loop", policy=strict)) == ("code", "math", "low_confidence")
    assert [one.route for one in believer.route_batch(["loop", "rain"], policy=strict)] == ["math", "math"]
    assert asyncio.run(believer.aroute_query("loop", policy=strict)).route == "math"
    assert asyncio.run(believer.aroute_batch(["loop"], policy=strict))[0].route == "math"
    assert believer.route_query("loop").route == "code"


def test_thresholds_come_from_training_unless_the_configuration_names_its_own(tiny_copy: Path) -> None:
    manifest = artefact.read(tiny_copy).manifest
    trained = {"confidence_threshold": 0.4, "category_thresholds": {"math": 0.9}, "ood_threshold": 0.8}
    artefact.write_manifest(tiny_copy, manifest.model_copy(update=trained))

    def policy(**values: object) -> ThresholdPolicy:
        return Router.from_pretrained(tiny_copy, config=RouterConfig.model_validate(values)).policy

    assert policy() == ThresholdPolicy.model_validate({"fallback": "general", **trained})
    own = policy(confidence_threshold=0.7)
    assert (own.confidence_threshold, own.category_thresholds, own.ood_threshold) == (0.7, {}, 0.8)
    assert policy(category_thresholds={"code": 0.2}).category_thresholds == {"math": 0.9, "code": 0.2}
    assert policy(category_thresholds={"math": 0.1}).category_thresholds == {"math": 0.1}
    assert policy(ood_threshold=0.3).ood_threshold == 0.3
    assert policy(ood_threshold=None).ood_threshold is None


def test_the_fallback_may_be_chosen(tiny_router_folder: Path) -> None:
    assert Router.from_pretrained(tiny_router_folder).policy.fallback == "general"
    assert Router.from_pretrained(tiny_router_folder, fallback="code").policy.fallback == "code"


def test_without_a_category_general_the_last_one_is_the_fallback(tiny_copy: Path) -> None:
    names = ["law", "tax", "trade", "work", "other"]
    manifest = artefact.read(tiny_copy).manifest
    content = json.loads((tiny_copy / artefact.CONFIG).read_text(encoding="utf-8"))
    content["id2label"] = {str(index): name for index, name in enumerate(names)}
    (tiny_copy / artefact.CONFIG).write_text(json.dumps(content), encoding="utf-8")
    artefact.write_manifest(tiny_copy, manifest.model_copy(update={"categories": names}))
    router = Router.from_pretrained(tiny_copy, config=RouterConfig(confidence_threshold=1.0))
    assert router.policy.fallback == "other"
    assert router.route_query("what is the sum").route == "other"


def test_an_unknown_fallback_is_answered_with_the_categories_there_are(tiny_router_folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Router.from_pretrained(tiny_router_folder, fallback="poems")
    assert "does not know the categories ['poems']" in str(caught.value)
    assert "it knows ['math', 'science', 'code', 'general', 'commonsense']" in str(caught.value)


def test_a_threshold_for_an_unknown_category_is_refused(tiny_router_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"\['maths'\]"):
        Router.from_pretrained(tiny_router_folder, config=RouterConfig(category_thresholds={"maths": 0.5, "code": 0.5}))


# --- async and threads -----------------------------------------------------------------------------------------------


def test_async_decides_as_sync_does(tiny_router: Router, queries: list[str]) -> None:
    async def ask() -> tuple[list[Decision], list[Decision]]:
        single = await asyncio.gather(*(tiny_router.aroute_query(query) for query in queries[:50]))
        return single, await tiny_router.aroute_batch(queries)

    single, batch = asyncio.run(ask())
    assert single == [tiny_router.route_query(query) for query in queries[:50]]
    assert batch == tiny_router.route_batch(queries)


def test_threads_decide_as_one_thread_does(tiny_router: Router, queries: list[str]) -> None:
    expected = [tiny_router.route_query(query) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tiny_router.route_query, queries)) == expected
        batches = list(pool.map(tiny_router.route_batch, [queries] * 8))
    assert batches == [tiny_router.route_batch(queries)] * 8


# --- saving and loading ----------------------------------------------------------------------------------------------


def test_a_saved_router_is_the_same_router(tiny_router: Router, tmp_path: Path, queries: list[str]) -> None:
    target = tiny_router.save_pretrained(tmp_path / "deep" / "copy")
    again = Router.from_pretrained(target)
    assert target == tmp_path / "deep" / "copy"
    assert again.artefact.digest == tiny_router.artefact.digest
    assert again.route_batch(queries) == tiny_router.route_batch(queries)


def test_a_folder_with_content_is_not_overwritten(tiny_router: Router, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not empty; give a new folder"):
        tiny_router.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_router_is_loaded_from_a_configuration(tiny_router_folder: Path) -> None:
    config = RouterConfig(model_path=str(tiny_router_folder), precision="fp32", confidence_threshold=0.25)
    router = Router.from_config(config, fallback="math")
    assert (router.policy.confidence_threshold, router.policy.fallback) == (0.25, "math")
    assert "onnx fp32" in repr(router)


def test_a_router_says_what_it_is(tiny_router: Router) -> None:
    assert repr(tiny_router).startswith("Router('tiny', engine='onnx int8', categories=['math', ")


def test_the_categories_cannot_be_changed_through_the_list_that_is_given_out(believer: Router) -> None:
    believer.categories.clear()
    assert len(believer.categories) == 5


def test_a_string_in_place_of_a_batch_is_refused_instead_of_routed_letter_by_letter(tmp_path: Path) -> None:
    router = fake_router(tmp_path, {"sum": {"math": 1.0}})

    with pytest.raises(InputError, match="got one string"):
        router.route_batch("sum")


def test_a_batch_may_be_anything_that_gives_its_queries_in_turn(tiny_router_folder: Path) -> None:
    router = Router.from_pretrained(tiny_router_folder)
    queries = (query for query in ["sum", "atom"])
    assert router.route_batch(queries) == router.route_batch(["sum", "atom"])  # type: ignore[arg-type]
