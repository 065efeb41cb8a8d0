"""How a router does on what is asked in other words, and on what two readers would label differently.

    python -m routerkit_training.hard_cases --model starter

`paraphrases.jsonl` of the corpus holds groups of three wordings of one query, `ambiguous.jsonl` queries with two right
labels. Nothing is learnt from either, and nothing is chosen by them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from routerkit.intervals import Share, proportion
from routerkit.metrics import area_under_roc
from routerkit.router import Router
from routerkit.rows import read_json_lines, read_rows
from routerkit.store import STARTER
from routerkit_training.corpus import part_path

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.decision import Decision


@click.command()
@click.option("--model", default=STARTER, show_default=True, help="A router: a name, a folder or a hub id.")
def hard_cases(model: str) -> None:
    """Print one line of JSON."""
    router = Router.from_pretrained(model)
    found = measure_paraphrases(router, part_path("paraphrases"))
    clear = [decision.confidence for decision in _first_wordings(router, part_path("paraphrases"))]
    click.echo(
        json.dumps({"paraphrases": found, "ambiguous": measure_ambiguous(router, part_path("ambiguous"), clear)})
    )


def measure_paraphrases(router: Router, path: Path) -> dict[str, Any]:
    """Whether a query that is routed right still is in other words.

    Returns:
        `groups`, `accuracy` (of the first wordings, by category) and `kept`: of the paraphrases of queries routed
        right, the share that goes to the same node; with 95 % intervals.
    """
    groups: dict[int, list[tuple[str, Decision]]] = defaultdict(list)
    lines = [line for _, line in read_json_lines(path)]
    for line, decision in zip(lines, router.route_batch([line["query"] for line in lines]), strict=True):
        groups[line["group"]].append((line["category"], decision))
    firsts = [group[0] for group in groups.values()]
    right = [group for group in groups.values() if group[0][1].route == group[0][0]]
    pairs = [(group[0][1].route, decision.route) for group in right for _, decision in group[1:]]
    return {
        "groups": len(groups),
        "accuracy": _figure(proportion(sum(label == one.category for label, one in firsts), len(firsts))),
        "kept": _figure(proportion(sum(one == other for one, other in pairs), len(pairs))),
    }


def measure_ambiguous(router: Router, path: Path, clear: list[float]) -> dict[str, Any]:
    """Whether queries between two categories get one of their two labels, and less confidence than clear ones.

    Args:
        router: the router.
        path: rows with a label in `also`.
        clear: confidence on queries with one label.

    Returns:
        `n`, `one_of_two` (with its 95 % interval), and `auroc` of confidence for telling clear from ambiguous.
    """
    rows = read_rows(path)
    decisions = router.route_batch([row.query for row in rows])
    hits = [decision.category in {row.category, *row.also} for row, decision in zip(rows, decisions, strict=True)]
    unsure = np.array([decision.confidence for decision in decisions])
    return {
        "n": len(rows),
        "one_of_two": _figure(proportion(sum(hits), len(hits))),
        "auroc": round(area_under_roc(np.array(clear), unsure), 4),
    }


def _first_wordings(router: Router, path: Path) -> list[Decision]:
    firsts = [line["query"] for _, line in read_json_lines(path) if line["version"] == 0]
    return router.route_batch(firsts)


def _figure(share: Share) -> list[float]:
    return [round(value, 4) for value in (share.value or 0.0, share.low, share.high)]


if __name__ == "__main__":
    hard_cases()
