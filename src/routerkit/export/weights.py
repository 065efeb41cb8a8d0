"""The way back: from a graph that `build_graph` wrote to the state dict of a Hugging Face checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from routerkit.errors import ArtefactError
from routerkit.export.graph import OutsideHead
from routerkit.export.quantise import dequantise

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_EMBEDDINGS = "distilbert.embeddings"


def read_weights(path: Path, n_layers: int) -> dict[str, NDArray[np.float32]]:
    """Read float weights out of a graph; int8 ones are multiplied by their scales.

    Args:
        path: an ONNX file that `routerkit.export.graph.build_graph` made.
        n_layers: number of transformer layers in it.

    Returns:
        the state dict of a `DistilBertForSequenceClassification`.

    Raises:
        ArtefactError: if the file is no such graph.
    """
    try:
        return _state_dict(_constants(path), n_layers)
    except (DecodeError, KeyError, OSError, ValueError) as error:
        raise ArtefactError(path, f"holds no weights that routerkit wrote ({error!r})") from error


def read_outside(path: Path) -> OutsideHead | None:
    """Read the out-of-domain head out of a graph, which holds it in fp32 in any case; None if it has none.

    Raises:
        ArtefactError: if the file is no graph.
    """
    try:
        constants = _constants(path)
    except (DecodeError, OSError, ValueError) as error:
        raise ArtefactError(path, f"is no graph that routerkit wrote ({error!r})") from error
    if "outside.weight" not in constants:
        return None
    return OutsideHead(weight=np.array(constants["outside.weight"]), bias=float(constants["outside.bias"]))


def _constants(path: Path) -> dict[str, NDArray[np.float32]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}


def _state_dict(constants: dict[str, NDArray[np.float32]], n_layers: int) -> dict[str, NDArray[np.float32]]:
    weights = {
        f"{_EMBEDDINGS}.word_embeddings.weight": _matrix(constants, "words"),
        f"{_EMBEDDINGS}.position_embeddings.weight": _matrix(constants, "positions"),
    }
    weights |= _norm(constants, "embedded.norm", f"{_EMBEDDINGS}.LayerNorm")
    for layer in range(n_layers):
        key, name = f"distilbert.transformer.layer.{layer}", f"layer{layer}"
        weights |= _attention(constants, f"{name}.attention", f"{key}.attention")
        weights |= _linear(constants, f"{name}.mix", f"{key}.attention.out_lin")
        weights |= _norm(constants, f"{name}.mixed.norm", f"{key}.sa_layer_norm")
        weights |= _linear(constants, f"{name}.wide", f"{key}.ffn.lin1")
        weights |= _linear(constants, f"{name}.narrow", f"{key}.ffn.lin2")
        weights |= _norm(constants, f"{name}.norm", f"{key}.output_layer_norm")
    weights |= _linear(constants, "head.hidden", "pre_classifier")
    weights |= _linear(constants, "head", "classifier")
    # Copies, because the arrays of a loaded graph are read-only and torch warns about those.
    return {key: np.array(value, np.float32, order="C") for key, value in weights.items()}


def _matrix(constants: dict[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    quantised = constants.get(f"{name}.int8")
    if quantised is None:
        return constants[f"{name}.weight"] if f"{name}.weight" in constants else constants[name]
    matrix = dequantise(quantised.astype(np.int8), constants[f"{name}.scale"])
    if f"{name}.inverse" in constants:  # rows were multiplied by the steps of the inputs
        matrix *= constants[f"{name}.inverse"][:, None]
    if f"{name}.outliers" in constants:
        matrix[constants[f"{name}.outliers"].astype(np.int64)] = constants[f"{name}.outlier_rows"]
    return matrix


def _linear(constants: dict[str, NDArray[np.float32]], name: str, key: str) -> dict[str, NDArray[np.float32]]:
    return {f"{key}.weight": _matrix(constants, name).T, f"{key}.bias": constants[f"{name}.bias"]}


def _norm(constants: dict[str, NDArray[np.float32]], name: str, key: str) -> dict[str, NDArray[np.float32]]:
    return {f"{key}.weight": constants[f"{name}.gain"], f"{key}.bias": constants[f"{name}.shift"]}


def _attention(constants: dict[str, NDArray[np.float32]], name: str, key: str) -> dict[str, NDArray[np.float32]]:
    if f"{name}.bias" in constants:
        return _projections(constants, name, key, "qkv")
    return _projections(constants, f"{name}.first", key, "q") | _projections(constants, f"{name}.all", key, "kv")


def _projections(
    constants: dict[str, NDArray[np.float32]], name: str, key: str, parts: str
) -> dict[str, NDArray[np.float32]]:
    matrices = np.split(_matrix(constants, name), len(parts), axis=1)
    offsets = np.split(constants[f"{name}.bias"], len(parts))
    weights: dict[str, NDArray[np.float32]] = {}
    for part, matrix, offset in zip(parts, matrices, offsets, strict=True):
        weights |= {f"{key}.{part}_lin.weight": matrix.T, f"{key}.{part}_lin.bias": offset}
    return weights
