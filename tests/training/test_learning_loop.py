"""The loop from decisions to a better router, 32 wide; `tests/e2e/test_full_loop.py` has the real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from routerkit import build_graph
from routerkit.artefact import REFERENCE
from routerkit.log import DecisionLog, LogConfig
from routerkit.log.reading import reading
from routerkit.rows import read_json_lines
from routerkit.testing import ScriptedSpecialist
from routerkit.watch import Watch
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.artefact import Artefact
    from routerkit.router import Router

FRAMES = [
    "what is the {} here",
    "please explain a {}",
    "tell me of the {} now",
    "give me a {}",
    "how does a {} end",
    "explain the {} please",
    "what does the {} give",
    "the {} now",
    "tell me the {} here",
    "how is a {}",
]
N_CORRECTED = 7


KIND, WANTED = "pointer", "general"
"""A word of code that the router has not learnt, and where queries about it shall go from now on."""


def test_corrections_from_the_log_change_the_route_and_nothing_else(
    trained: Artefact, trained_router: Router, tmp_path: Path
) -> None:
    queries = [frame.format(KIND) for frame in FRAMES]
    asked = queries[:N_CORRECTED]
    truth = {**_learnt_rows(trained), **dict.fromkeys(asked, WANTED)}
    log_file, rows_file, new = tmp_path / "log.sqlite", tmp_path / "rows.jsonl", tmp_path / "new"

    log = DecisionLog(LogConfig(path=log_file))
    Watch(trained_router, log=log).route_batch(list(truth))
    assert log.flush(30)
    log.close()
    with reading(log_file) as reader:
        while (seen := reader.next_to_review()) is not None:
            reader.judge(seen, truth[str(seen.query)])
    assert call("log", "export", "--log", log_file, "--corrected", "--output-file", rows_file).status == 0

    options = ["--epochs", 8, "--batch-size", 8, "--learning-rate", "5e-4", "--precision", "fp32"]
    learnt = call("train", "--from", trained.path, "--data", rows_file, "--output-dir", new, *options)
    assert learnt.status == 0, learnt.stderr
    compared = call("compare", "--old", trained.path, "--new", new, "--log", log_file, "--json")
    assert json.loads(compared.stdout)["accuracy"]["difference"]["value"] > 0

    graph = build_graph(
        {"categories": trained_router.categories, "router_config": {"model_path": str(new)}},
        specialists={"*": ScriptedSpecialist(answers=["yes"])},
    )
    unseen = queries[N_CORRECTED:]
    before = [decision.category for decision in trained_router.route_batch(unseen)]
    after = [graph.invoke({"messages": query})["decision"]["category"] for query in unseen]
    assert after.count(WANTED) >= 2 > before.count(WANTED)


def _learnt_rows(trained: Artefact) -> dict[str, str | None]:
    """The usual queries, with their labels; those stay out by which a router is checked for forgetting."""
    rows = [row for _, row in read_json_lines(trained.path / REFERENCE)]
    return {str(row["query"]): row["category"] for row in rows if row["role"] == "train"}
