"""The physical limit: the fastest matrix product of any library here, and the memory's bandwidth, both in this run."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper

from routerkit import artefact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 16
STREAM_BYTES = 256 << 20


def floor(checkpoint: Path, tokens: float, repeats: int) -> dict[str, float]:
    """Least seconds for one query of `tokens` tokens on one core: `alone` and in a batch, for int8 and fp32.

    Every weight of a matrix is multiplied once for each token (two operations), and read once for a query alone.
    What the last layer leaves out, and attention, are not counted.
    """
    settings = json.loads((checkpoint / artefact.CONFIG).read_text(encoding="utf-8"))
    dim, wide = settings["dim"], settings["hidden_dim"]
    weights = settings["n_layers"] * (4 * dim * dim + 2 * dim * wide)
    rates = best_rates(dim, wide, repeats)
    bandwidth = stream_rate(repeats)
    found = {}
    for kind, size in (("int8", 1), ("fp32", 4)):
        compute = 2 * weights * tokens / rates[kind]
        found[f"{kind} in bulk"] = compute
        found[f"{kind} alone"] = max(compute, weights * size / bandwidth)
    return found


def best_rates(dim: int, wide: int, repeats: int) -> dict[str, float]:
    """Operations a second of the fastest library, at this model's shape or at a large one."""
    rates = {"int8": 0.0, "fp32": 0.0}
    for shape in ((ROWS, dim, wide), (512, dim, wide), (1024, 1024, 1024)):
        work = 2.0 * np.prod(shape)
        for kind, call in _products(*shape):
            rates[kind] = max(rates[kind], work / _median_seconds(call, repeats))
    return rates


def stream_rate(repeats: int) -> float:
    """Bytes a second that one core reads from memory."""
    numbers = np.ones(STREAM_BYTES // 8)
    return STREAM_BYTES / _median_seconds(numbers.sum, repeats)


def _products(rows: int, inner: int, columns: int) -> list[tuple[str, Callable[[], object]]]:
    rng = np.random.default_rng(0)
    left = rng.standard_normal((rows, inner), dtype=np.float32)
    right = rng.standard_normal((inner, columns), dtype=np.float32)
    unsigned = rng.integers(0, 255, left.shape).astype(np.uint8)
    signed = rng.integers(-127, 127, right.shape).astype(np.int8)
    a, b = torch.from_numpy(left), torch.from_numpy(right)
    float_session, int_session = _session("MatMul", right), _session("MatMulInteger", signed)
    return [
        ("fp32", lambda: left @ right),
        ("fp32", lambda: a @ b),
        ("fp32", lambda: float_session.run(None, {"x": left})),
        ("int8", lambda: int_session.run(None, {"x": unsigned})),
    ]


def _session(op: str, right: np.ndarray) -> onnxruntime.InferenceSession:
    """ONNX Runtime with the matrix as a constant, so that it is packed before the clock starts."""
    integer = right.dtype == np.int8
    kinds = (TensorProto.UINT8, TensorProto.INT32) if integer else (TensorProto.FLOAT, TensorProto.FLOAT)
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", kinds[0], [None, right.shape[0]])],
        [helper.make_tensor_value_info("y", kinds[1], None)],
        [onnx.numpy_helper.from_array(right, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _median_seconds(call: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[1:]))
