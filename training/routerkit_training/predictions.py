"""Predictions on rows that training did not see, kept in a file without the text of the rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from routerkit.errors import DataError
from routerkit.rows import Row, read_json_lines
from routerkit_training.calibrate import Predicted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from routerkit.evaluation import Evaluation

_LEAST = 1e-9


def write_predictions(path: Path, evaluations: Sequence[Evaluation], temperatures: Sequence[float]) -> None:
    """Write the labels and logits of evaluated rows.

    Logits are known up to a constant for each row, which is all that a softmax needs.

    Args:
        path: a JSONL file.
        evaluations: of one router each.
        temperatures: of these routers; it is taken out of the probabilities again.
    """
    lines = []
    for evaluation, temperature in zip(evaluations, temperatures, strict=True):
        for row, decision in zip(evaluation.rows, evaluation.decisions, strict=True):
            logits = {
                name: round(float(np.log(max(value, _LEAST))) * temperature, 4)
                for name, value in decision.probabilities.items()
            }
            content = {"category": row.category, "also": row.also, "source": row.source, "logits": logits}
            lines.append(json.dumps(content))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_predictions(path: Path, categories: Sequence[str]) -> Predicted:
    """Read what `write_predictions` wrote.

    Args:
        path: a JSONL file.
        categories: the order of the logits wanted.

    Raises:
        DataError: if a line has no such prediction, or one of other categories.
    """
    rows: list[Row] = []
    logits: list[list[float]] = []
    for number, line in read_json_lines(path):
        found = line.get("logits")
        if not isinstance(found, dict) or set(found) != set(categories) or line.get("category") not in found:
            raise DataError(path, number, f"expected logits of {sorted(categories)} and a category; repeat the folds")
        rows.append(Row(query="", category=line["category"], also=tuple(line.get("also", ()))))
        logits.append([float(found[name]) for name in categories])
    if not rows:
        raise DataError(path, None, "holds no predictions; repeat the folds")
    return Predicted.of(rows, np.array(logits), categories)
