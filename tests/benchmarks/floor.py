"""The physical limit: the fastest matrix product of any library here, and the memory's bandwidth, both in this run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Limits:
    """What this machine can do on one core.

    Attributes:
        rates: operations in a second of the fastest matrix product of any library, for `int8` and `fp32`.
        libraries: which library that was, and the shape.
        bandwidth: bytes that one core reads from memory in a second.
    """

    rates: dict[str, float]
    libraries: dict[str, str]
    bandwidth: float


def measure_limits(checkpoint: Path, repeats: int) -> Limits:
    """Time products at the model's own shapes and at a large one, and a sum over more memory than any cache holds."""
    settings = json.loads((checkpoint / artefact.CONFIG).read_text(encoding="utf-8"))
    dim, wide = settings["dim"], settings["hidden_dim"]
    rates, libraries = {"int8": 0.0, "fp32": 0.0}, {"int8": "", "fp32": ""}
    for shape in ((ROWS, dim, wide), (512, dim, wide), (512, wide, dim), (1024, 1024, 1024)):
        work = 2.0 * np.prod(shape)
        for kind, library, call in _products(*shape):
            rate = work / _best_seconds(call, repeats)
            if rate > rates[kind]:
                rates[kind], libraries[kind] = rate, f"{library}, {' x '.join(map(str, shape))}"
    numbers = np.ones(STREAM_BYTES // 8)
    return Limits(rates, libraries, STREAM_BYTES / _best_seconds(numbers.sum, repeats))


def floor(checkpoint: Path, lengths: list[int], limits: Limits) -> dict[str, float]:
    """Least seconds for one query on one core, alone and in bulk, for int8 and fp32.

    Every weight is multiplied once for each token that needs it, two operations each, and read once for a query alone.
    The last layer's queries, mixing and feed-forward are needed for the first token only. Attention is not counted.
    """
    settings = json.loads((checkpoint / artefact.CONFIG).read_text(encoding="utf-8"))
    dim, wide, layers = settings["dim"], settings["hidden_dim"], settings["n_layers"]
    tokens = float(np.mean(lengths))
    layer = 4 * dim * dim + 2 * dim * wide
    products = tokens * ((layers - 1) * layer + 2 * dim * dim) + (layer - 2 * dim * dim) + dim * dim
    weights = layers * layer + dim * dim
    found = {}
    for kind, size in (("int8", 1), ("fp32", 4)):
        compute = 2 * products / limits.rates[kind]
        found[f"{kind} in bulk"] = compute
        found[f"{kind} alone"] = max(compute, weights * size / limits.bandwidth)
    return found


def _products(rows: int, inner: int, columns: int) -> list[tuple[str, str, Callable[[], object]]]:
    rng = np.random.default_rng(0)
    left = rng.standard_normal((rows, inner), dtype=np.float32)
    right = rng.standard_normal((inner, columns), dtype=np.float32)
    unsigned = rng.integers(0, 255, left.shape).astype(np.uint8)
    signed = rng.integers(-127, 127, right.shape).astype(np.int8)
    a, b = torch.from_numpy(left), torch.from_numpy(right)
    float_session, int_session = _session("MatMul", right), _session("MatMulInteger", signed)
    found: list[tuple[str, str, Callable[[], object]]] = [
        ("fp32", "NumPy", lambda: left @ right),
        ("fp32", "torch", lambda: a @ b),
        ("fp32", "ONNX Runtime", lambda: float_session.run(None, {"x": left})),
        ("int8", "ONNX Runtime", lambda: int_session.run(None, {"x": unsigned})),
    ]
    if hasattr(torch, "_int_mm") and rows > ROWS:  # private, and refuses a few rows, but it is oneDNN's own product
        c, d = torch.from_numpy(rng.integers(-127, 127, left.shape).astype(np.int8)), torch.from_numpy(signed)
        found.append(("int8", "torch", lambda: torch._int_mm(c, d)))
    return found


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


def _best_seconds(call: Callable[[], object], repeats: int) -> float:
    """The shortest of some runs: a limit is what the machine can do when nobody disturbs it."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
