"""A full Hugging Face checkpoint from an artefact that ships int8 only. Needs `onnx` and `safetensors`, no torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from safetensors.numpy import load_file, save_file

from routerkit import artefact
from routerkit.errors import ArtefactError, ConfigError
from routerkit.export.graph import OutsideHead, Shape, build_graph
from routerkit.export.weights import read_outside, read_weights
from routerkit.manifest import GraphFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routerkit.export.builder import Ranges


def export_checkpoint(source: artefact.Artefact, target: str | Path) -> artefact.Artefact:
    """Write everything an artefact can hold: float weights, the exact fp32 graph and the int8 graph.

    The float weights of an int8-only artefact are defined as its integers times their scales, so the result decides
    as the source does, up to the rounding of activations.

    Args:
        source: any artefact.
        target: a new or empty folder.

    Raises:
        ConfigError: if the folder has content already, or cannot be written.
    """
    folder = Path(target)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is not empty; give a new folder")
    made = not folder.exists()
    try:
        return _write(source, folder)
    except BaseException as error:  # half a router would be read as its source, and stand in the way of the next try
        _empty(folder, made)
        if isinstance(error, OSError):
            reason = error.strerror or "copying failed"
            raise ConfigError(f"{folder}: cannot be written ({reason}); check its rights and the disk") from error
        raise


def _empty(folder: Path, made: bool) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if made and folder.is_dir():
        folder.rmdir()


def _write(source: artefact.Artefact, folder: Path) -> artefact.Artefact:
    shutil.copytree(source.path, folder, dirs_exist_ok=True)
    settings = json.loads((folder / artefact.CONFIG).read_text(encoding="utf-8"))
    weights = float_weights(source)
    save_file(weights, folder / artefact.WEIGHTS, metadata={"format": "pt"})
    outside = outside_head(source)
    if outside is not None:
        write_outside_head(folder, outside)
    write_graph(folder / artefact.FP32_GRAPH, weights, settings, int8=False, outside=outside)
    graphs = {**source.manifest.graphs, "fp32": GraphFile(path=artefact.FP32_GRAPH)}
    return artefact.write_manifest(folder, source.manifest.model_copy(update={"graphs": graphs}))


def float_weights(source: artefact.Artefact) -> dict[str, NDArray[np.float32]]:
    """The state dict of an artefact's classifier, from its checkpoint or else from its most exact graph.

    Raises:
        ArtefactError: if it has neither.
    """
    if artefact.WEIGHTS in source.manifest.files:  # a file that the manifest does not list was never verified
        return dict(load_file(source.path / artefact.WEIGHTS))
    graphs = source.manifest.graphs
    if not graphs:
        raise ArtefactError(source.path, f"has neither {artefact.WEIGHTS} nor an ONNX graph; copy or train it again")
    graph = graphs.get("fp32") or graphs["int8"]
    settings = json.loads((source.path / artefact.CONFIG).read_text(encoding="utf-8"))
    return read_weights(source.path / graph.path, settings["n_layers"])


def outside_head(source: artefact.Artefact) -> OutsideHead | None:
    """The verified out-of-domain head of an artefact, from its own file or else from a graph; None if it has none.

    Raises:
        ArtefactError: if its graph is none that routerkit wrote.
    """
    if artefact.OUTSIDE_HEAD in source.manifest.files:
        return read_outside_head(source.path)
    graphs = source.manifest.graphs
    return read_outside(source.path / next(iter(graphs.values())).path) if graphs else None


def write_graph(
    path: Path,
    weights: dict[str, NDArray[np.float32]],
    settings: dict[str, object],
    *,
    int8: bool,
    outside: OutsideHead | None = None,
    ranges: Ranges | None = None,
) -> None:
    """Write one ONNX graph.

    Args:
        path: the file.
        weights: the state dict of a `DistilBertForSequenceClassification`.
        settings: the content of `config.json`.
        int8: whether to round the weights.
        outside: the out-of-domain head, if there is one.
        ranges: for int8, what linears are given; see `routerkit.export.ranges`.
    """
    labels = settings["id2label"]
    n_categories = len(labels) if isinstance(labels, dict) else 0
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = Shape.from_config(settings)
    onnx.save(build_graph(weights, shape, n_categories, int8=int8, outside=outside, ranges=ranges), str(path))


def read_outside_head(folder: Path) -> OutsideHead | None:
    """The out-of-domain head in a folder, or None if there is none."""
    path = folder / artefact.OUTSIDE_HEAD
    if not path.is_file():
        return None
    tensors = load_file(path)
    return OutsideHead(weight=tensors["weight"], bias=float(tensors["bias"][0]))


def write_outside_head(folder: Path, head: OutsideHead) -> None:
    """Write the out-of-domain head of an artefact."""
    save_file({"weight": head.weight, "bias": np.array([head.bias], np.float32)}, folder / artefact.OUTSIDE_HEAD)
