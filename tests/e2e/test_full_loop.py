"""The whole loop on real components: queries, log, corrections, training, comparison, swap.

In this story the mathematics model has a chess engine, so questions about chess belong to it. The starter, trained on
the usual meaning of its categories, sends them elsewhere; `examples/chess.jsonl` was written by hand.
`pytest --log-cli-level=INFO` shows the figures.
"""

from __future__ import annotations

import json
import logging
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from routerkit_training.corpus import part_path

from routerkit import Router, build_graph
from routerkit.config import find_config
from routerkit.log.reading import reading
from routerkit.rows import Row, read_rows
from routerkit.spec import read_yaml
from tests.cli import call
from tests.e2e.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from langgraph.graph.state import CompiledStateGraph

logger = logging.getLogger(__name__)

GAIN = 0.5
"""Least rise of the accuracy on unseen queries of the corrected kind."""

LOSS = 0.01
"""Most that the old categories may lose, as a share of their rows."""

N_QUERIES, N_CHESS = 300, 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def answer_all(config: Path, rows: Sequence[Row]) -> list[dict[str, Any]]:
    graph: CompiledStateGraph[Any, Any, Any, Any] = build_graph(str(config))
    return [graph.invoke({"messages": row.query}) for row in rows]


def write_config(path: Path, router: str, log: Path) -> Path:
    settings = read_yaml(find_config("offline"))
    path.write_text(yaml.safe_dump({**settings, "router_config": {"model_path": router}, "decision_log": str(log)}))
    return path


def wait_for_rows(log: Path, count: int) -> None:
    """The graph's log is written behind the queries' back."""
    found = 0
    for _ in range(1000):
        with reading(log) as reader:
            found = len(list(reader.rows()))
        if found >= count:
            break
        time.sleep(0.02)
    assert found == count


def accuracy(router: Router, rows: Sequence[Row]) -> float:
    decisions = router.route_batch([row.query for row in rows])
    return sum(one.category in {row.category, *row.also} for row, one in zip(rows, decisions, strict=True)) / len(rows)


def test_corrections_reach_the_graph_and_the_old_categories_stay(tmp_path: Path) -> None:
    chess = read_rows(ROOT / "examples" / "chess.jsonl")
    usual = random.Random(1).sample(read_rows(ROOT / "examples" / "train.jsonl"), N_QUERIES - N_CHESS)
    asked, unseen = [*usual, *chess[:N_CHESS]], chess[N_CHESS:]
    log, rows_file, new = tmp_path / "decisions.sqlite", tmp_path / "corrections.jsonl", tmp_path / "new"

    states = answer_all(write_config(tmp_path / "old.yaml", "starter", log), asked)
    assert all(state["messages"][-1].text for state in states)
    wait_for_rows(log, N_QUERIES)

    truth = {row.query: row.category for row in asked}
    with reading(log) as reader:
        while (seen := reader.next_to_review()) is not None:
            reader.judge(seen, truth[str(seen.query)])
    assert call("log", "export", "--log", log, "--corrected", "--output-file", rows_file).status == 0
    assert len(read_rows(rows_file)) == N_QUERIES

    trained = call("train", "--from", "starter", "--data", rows_file, "--output-dir", new)
    assert trained.status == 0, trained.stderr
    compared = call("compare", "--old", "starter", "--new", new, "--log", log, "--json")
    found = json.loads(compared.stdout)
    assert found["accuracy"]["difference"]["low"] > 0
    assert found["harm"]["new"]["value"] <= found["harm"]["old"]["value"]

    old_router, new_router = Router.from_pretrained("starter"), Router.from_pretrained(new)
    before, after = accuracy(old_router, unseen), accuracy(new_router, unseen)
    logger.info("corrected kind: %.3f -> %.3f", before, after)
    assert after - before >= GAIN, (before, after)
    old_rows = [row for row in read_rows(part_path("dev")) if row.category is not None]
    before, after = accuracy(old_router, old_rows), accuracy(new_router, old_rows)
    logger.info("old categories: %.3f -> %.3f", before, after)
    assert before - after <= LOSS, (before, after)

    swapped = answer_all(write_config(tmp_path / "new.yaml", str(new), log), unseen)
    routed = [sum(one == "math" for one in routes) for routes in (_routes(old_router, unseen), _states(swapped))]
    logger.info("routed to math: %d -> %d of %d", *routed, len(unseen))
    assert routed[1] > routed[0]
    wait_for_rows(log, N_QUERIES + len(unseen))
    with reading(log) as reader:
        digests = [row.artefact for row in reader.rows()]
    assert (digests[0], digests[-1]) == (old_router.artefact.digest, new_router.artefact.digest)


def _routes(router: Router, rows: Sequence[Row]) -> list[str]:
    return [decision.route for decision in router.route_batch([row.query for row in rows])]


def _states(states: Sequence[dict[str, Any]]) -> list[str]:
    return [state["route"] for state in states]
