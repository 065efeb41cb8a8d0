"""What the inputs of every linear span on real queries, from which the int8 graph takes its rounding.

They are kept beside the weights in `ranges.safetensors`, one tensor of shape (2, inputs) for each linear: lowest and
highest value of each input. With them the int8 graph can be written again from a checkpoint; without them it is
written in a form that needs no sample of queries, and is slower and less exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file

from routerkit import artefact
from routerkit.export.builder import GraphBuilder
from routerkit.export.graph import draw, finished
from routerkit.scheduling import equal_length_batches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routerkit.export.builder import Ranges, Weights
    from routerkit.export.graph import Shape


def measure_ranges(
    weights: Weights, shape: Shape, token_ids: Sequence[Sequence[int]]
) -> dict[str, NDArray[np.float32]]:
    """Run queries through the exact graph and note what every linear is given.

    Args:
        weights: the state dict of a `DistilBertForSequenceClassification`.
        shape: its dimensions.
        token_ids: of a sample of queries, at least one.

    Returns:
        float32 (2, inputs) by the linear's name in the graph.
    """
    builder = GraphBuilder(int8=False)
    draw(builder, weights, shape)
    taps = sorted(set(builder.inputs.values()))
    graph = finished(builder, [helper.make_tensor_value_info(tap, TensorProto.FLOAT, None) for tap in taps])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    seen: dict[str, NDArray[np.float32]] = {}
    for group in equal_length_batches(token_ids):
        ids = np.array([token_ids[position] for position in group], dtype=np.int64)
        for tap, values in zip(taps, session.run(taps, {"input_ids": ids}), strict=True):
            flat = values.reshape(-1, values.shape[-1])
            low, high = seen.get(tap, (flat[0], flat[0]))
            seen[tap] = np.stack([np.minimum(flat.min(axis=0), low), np.maximum(flat.max(axis=0), high)])
    return {name: seen[tap] for name, tap in builder.inputs.items()}


def read_ranges(source: artefact.Artefact) -> dict[str, NDArray[np.float32]] | None:
    """The verified ranges of an artefact, or None if it has none."""
    return dict(load_file(source.path / artefact.RANGES)) if artefact.RANGES in source.manifest.files else None


def write_ranges(folder: Path, ranges: Ranges) -> None:
    """Write the ranges of an artefact."""
    save_file(dict(ranges), folder / artefact.RANGES)
