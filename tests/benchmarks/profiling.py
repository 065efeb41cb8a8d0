"""Where the time of bulk routing goes: around the graph, and operator by operator inside it."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from routerkit import Router, RouterConfig, artefact
from routerkit.scheduling import equal_length_batches

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 8
OTHER = 0.02
"""Operators below this share of the graph stand together in one line."""


def profile_bulk(checkpoint: Path, queries: list[str]) -> dict[str, float]:
    """Seconds a query by step, the whole first; operators share the time that the graph takes unprofiled."""
    found = artefact.read(checkpoint)
    router = Router.from_pretrained(checkpoint, config=RouterConfig(sessions=1))
    token_ids = router._tokenizer.encode_batch(queries)
    groups = [[token_ids[one] for one in group] for group in equal_length_batches(token_ids)]
    whole, words, graph = _best(
        lambda: router.route_batch(queries),
        lambda: router._tokenizer.encode_batch(queries),
        lambda: [router._engine.run(group) for group in groups],
    )
    shares = _operators(found.path / found.manifest.graphs["int8"].path, groups)
    small = sum(share for share in shares.values() if share < OTHER)
    operators = {f"graph: {name}": share * graph for name, share in shares.items() if share >= OTHER}
    steps = {"whole": whole, "text to tokens": words, **operators, "graph: all other operators": small * graph}
    steps["probabilities, decisions"] = max(0.0, whole - words - graph)
    return {name: value / len(queries) for name, value in steps.items()}


def _operators(path: Path, groups: list[list[list[int]]]) -> dict[str, float]:
    """Share of each operator in the time that all kernels take, largest first."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
        )
        for group in groups:
            session.run(None, {"input_ids": np.array(group, dtype=np.int64)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
    return {name: micros / spent.total() for name, micros in spent.most_common()}


def _best(*calls: Callable[[], object]) -> list[float]:
    """The shortest of some runs of each, taking turns."""
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(TURNS):
        for call, seconds in zip(calls, found, strict=True):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
    return [min(seconds) for seconds in found]
