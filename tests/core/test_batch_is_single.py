"""A query is decided alike alone and in any company, also where a rounding could tip it over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit.beliefs import BATCH_DRIFT
from routerkit.config import RouterConfig
from routerkit.engines import Scores
from routerkit.policy import ThresholdPolicy
from routerkit.router import Router
from routerkit.rows import read_rows
from routerkit.store import starter_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from routerkit.decision import Decision
    from routerkit.engines import Engine

SIZES = [1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 64]
WORDS = ["sum", "atom", "loop", "hello", "rain", "what", "is", "the", *"abc123?+"]
STEPS = [0, -1, 1, -2, 2]
"""Distances of a threshold from a confidence, in steps of float64."""


class Drifting:
    """An engine whose scores depend on the neighbours, by as much as a batch may drift."""

    name = "drifting"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.alone = 0

    def run(self, batch: Sequence[Sequence[int]]) -> Scores:
        exact = self._engine.run(batch)
        if len(batch) == 1:
            self.alone += 1
            return exact
        # A probability changes by at most a quarter of what its log-odds change by.
        shift = np.random.default_rng(len(batch)).uniform(-1.9, 1.9, exact.logits.shape) * BATCH_DRIFT
        outside = None if exact.outside is None else exact.outside + shift[:, 0].astype(np.float32)
        return Scores(exact.logits + shift.astype(np.float32), outside)


def outcome(decision: Decision) -> tuple[str, str, str]:
    return decision.category, decision.route, decision.reason


@pytest.fixture(scope="module", params=["int8", "fp32", "int8, many sessions", "drifting"])
def router(request: pytest.FixtureRequest, tiny_outside_folder: Path) -> Iterator[Router]:
    """The tiny router with an out-of-domain score on each kind of engine; many sessions also share little work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("routerkit.engines.sessions.MIN_PARALLEL_TOKENS", 0)
        yield _router(request.param, tiny_outside_folder)


def _router(kind: str, tiny_outside_folder: Path) -> Router:
    precision, _, many = kind.partition(", ")
    if precision == "drifting":
        plain = Router.from_pretrained(tiny_outside_folder)
        return Router(
            artefact=plain.artefact,
            engine=Drifting(plain._engine),
            tokenizer=plain._tokenizer,
            policy=plain.policy,
            max_query_chars=1_000,
        )
    settings = {"precision": precision, "sessions": 3 if many else 1}
    return Router.from_pretrained(tiny_outside_folder, config=RouterConfig.model_validate(settings))


@pytest.fixture(scope="module")
def company() -> list[str]:
    """Many queries of few lengths, so that batches are full."""
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(WORDS, size=rng.integers(1, 5))) for _ in range(400)]


@pytest.fixture(scope="module")
def ties(tiny_outside_folder: Path) -> list[str]:
    """Of twenty thousand queries the six with the least distance between the two most probable categories."""
    rng = np.random.default_rng(4)
    found = sorted({" ".join(rng.choice(WORDS, size=rng.integers(2, 6))) for _ in range(20_000)})
    decisions = Router.from_pretrained(tiny_outside_folder).route_batch(found)
    return [found[position] for position in nearest_to_a_tie(decisions, 6)]


def check(router: Router, queries: list[str], policy: ThresholdPolicy) -> None:
    expected = [router.route_query(query, policy=policy) for query in queries]
    for ordered, alone in ((queries, expected), (queries[::-1], expected[::-1])):
        for found, single in zip(router.route_batch(ordered, policy=policy), alone, strict=True):
            assert outcome(found) == outcome(single)
            assert abs(found.confidence - single.confidence) <= BATCH_DRIFT


def nearest_to_a_tie(decisions: list[Decision], count: int) -> list[int]:
    def margin(position: int) -> float:
        first, second = sorted(decisions[position].probabilities.values())[:-3:-1]
        return first - second

    return sorted(range(len(decisions)), key=margin)[:count]


@pytest.mark.parametrize("size", SIZES)
def test_queries_near_a_tie_keep_their_category_in_batches_of_every_size(
    router: Router, company: list[str], ties: list[str], size: int
) -> None:
    for query in ties:
        length = len(query.split())
        alike = [other for other in (*ties, *company, *ties) if len(other.split()) == length and other != query]
        check(router, [query, *alike[: size - 1]], router.policy)


def test_a_tie_was_found_that_the_allowed_drift_could_tip_over(ties: list[str], tiny_outside_folder: Path) -> None:
    nearest = Router.from_pretrained(tiny_outside_folder).classify(ties[0])
    first, second = sorted(nearest.probabilities.values())[:-3:-1]
    assert first - second <= 2 * BATCH_DRIFT


def test_many_threads_at_once_decide_as_one_does(router: Router, ties: list[str], company: list[str]) -> None:
    queries = [*ties, *company[:60]]
    expected = [router.route_query(query) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        alone = pool.map(router.route_query, queries * 4)
        together = pool.map(router.route_batch, [queries, queries[::-1]] * 4)
        assert list(alone) == expected * 4
        for number, found in enumerate(together):
            mine = expected if number % 2 == 0 else expected[::-1]
            assert [outcome(one) for one in found] == [outcome(one) for one in mine]


@pytest.mark.parametrize("size", SIZES)
def test_a_threshold_next_to_a_confidence_decides_alike_in_batches_of_every_size(
    router: Router, company: list[str], size: int
) -> None:
    batch = company[:size]
    for step in STEPS:
        confidence = router.route_query(batch[step % size]).confidence
        policy = ThresholdPolicy(fallback="general", confidence_threshold=_moved(confidence, step))
        check(router, batch, policy)
        ood_score = router.route_query(batch[step % size]).ood_score
        assert ood_score is not None
        outside = ThresholdPolicy(fallback="general", confidence_threshold=0.3, ood_threshold=_moved(ood_score, step))
        check(router, batch, outside)


def _moved(value: float, steps: int) -> float:
    for _ in range(abs(steps)):
        value = float(np.nextafter(value, np.sign(steps)))
    return value


@settings(max_examples=25, deadline=None)
@given(
    queries=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=40),
    pick=st.integers(0, 1000),
    distance=st.floats(-2 * BATCH_DRIFT, 2 * BATCH_DRIFT),
)
def test_any_company_and_any_threshold_decide_alike(
    router: Router, queries: list[str], pick: int, distance: float
) -> None:
    confidence = router.route_query(queries[pick % len(queries)]).confidence
    threshold = min(1.0, max(0.0, confidence + distance))
    check(router, queries, ThresholdPolicy(fallback="general", confidence_threshold=threshold))


def test_only_queries_near_a_border_are_run_again(tiny_router: Router, company: list[str]) -> None:
    engine = Drifting(tiny_router._engine)
    router = Router(
        artefact=tiny_router.artefact,
        engine=engine,
        tokenizer=tiny_router._tokenizer,
        policy=tiny_router.policy,
        max_query_chars=1_000,
    )
    threshold = tiny_router.route_query(company[0]).confidence
    router.route_batch(company, policy=ThresholdPolicy(fallback="general", confidence_threshold=threshold))
    assert 0 < engine.alone < len(company) / 10


def test_the_starter_decides_its_own_examples_alike_in_a_batch() -> None:
    router = Router.from_pretrained("starter")
    rows = [row.query for row in read_rows(starter_path() / "reference.jsonl") if len(row.query) < 80][:80]
    beliefs = [router.classify(query) for query in rows]
    for near in sorted(beliefs, key=lambda belief: belief.confidence)[:4]:
        policy = ThresholdPolicy(fallback="general", confidence_threshold=near.confidence)
        expected = [outcome(policy.decide(belief)) for belief in beliefs]
        assert [outcome(found) for found in router.route_batch(rows, policy=policy)] == expected
