"""The int8 graph whose rounding comes from a sample of queries."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from routerkit import artefact
from routerkit.calibration import softmax
from routerkit.engines.onnx import OnnxEngine
from routerkit.export.builder import GraphBuilder
from routerkit.export.checkpoint import export_checkpoint, float_weights, write_graph
from routerkit.export.graph import Shape, build_graph, draw
from routerkit.export.ranges import measure_ranges, read_ranges, write_ranges
from routerkit.export.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]
    Ranges = dict[str, NDArray[np.float32]]

SETTINGS: dict[str, Any] = {
    "n_layers": 3,
    "n_heads": 2,
    "dim": 32,
    "hidden_dim": 64,
    "max_position_embeddings": 32,
    "vocab_size": 40,
    "id2label": {"0": "a", "1": "b", "2": "c"},
}
SHAPE = Shape.from_config(SETTINGS)


def sample(count: int, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 40, rng.integers(2, 20)).tolist() for _ in range(count)]


@pytest.fixture
def weights(tiny_weights: Callable[[dict[str, Any]], Weights]) -> Weights:
    """Random weights of three layers."""
    return tiny_weights(SETTINGS)


@pytest.fixture
def ranges(weights: Weights) -> Ranges:
    """Measured on three hundred random queries."""
    return measure_ranges(weights, SHAPE, sample(300))


def saved(path: Path, weights: Weights, **options: Any) -> Path:
    onnx.save(build_graph(weights, SHAPE, 3, **options), str(path))
    return path


def engine_of(path: Path) -> OnnxEngine:
    return OnnxEngine(path, name="any")


def test_ranges_hold_all_that_every_linear_is_given(weights: Weights, ranges: Ranges) -> None:
    builder = GraphBuilder(int8=False)
    draw(builder, weights, SHAPE)
    assert set(ranges) == set(builder.inputs)
    for name, seen in ranges.items():
        assert seen.shape == (2, 64 if name.endswith("narrow") else 32), name
        assert seen.dtype == np.float32
        assert np.all(seen[0] <= seen[1])
    np.testing.assert_array_equal(ranges["layer2.attention.all"][0] <= ranges["layer2.attention.first"][0], True)


def test_more_queries_only_widen_ranges(weights: Weights, ranges: Ranges) -> None:
    few = measure_ranges(weights, SHAPE, sample(300)[:20])
    for name, seen in few.items():
        assert np.all(seen[0] >= ranges[name][0] - 1e-5)
        assert np.all(seen[1] <= ranges[name][1] + 1e-5)


def test_one_query_of_one_token_is_a_sample(weights: Weights) -> None:
    assert all(np.all(np.isfinite(seen)) for seen in measure_ranges(weights, SHAPE, [[5]]).values())


def test_the_graph_follows_the_exact_one(tmp_path: Path, weights: Weights, ranges: Ranges) -> None:
    rounded = engine_of(saved(tmp_path / "rounded.onnx", weights, int8=True, ranges=ranges))
    exact = engine_of(saved(tmp_path / "exact.onnx", weights, int8=False))
    pairs = [(rounded.run([ids]).logits, exact.run([ids]).logits) for ids in sample(200, seed=1)]
    drift = [float(np.abs(softmax(one) - softmax(other)).max()) for one, other in pairs]
    assert 0 < np.mean(drift) < 0.03
    assert np.mean([one.argmax() == other.argmax() for one, other in pairs]) > 0.95


def test_a_query_has_the_very_same_scores_alone_and_beside_any_neighbours(
    tmp_path: Path, weights: Weights, ranges: Ranges
) -> None:
    engine = engine_of(saved(tmp_path / "model.onnx", weights, int8=True, ranges=ranges))
    for length in (1, 2, 9, 20):
        batch = np.random.default_rng(length).integers(0, 40, (11, length)).tolist()
        together = engine.run(batch).logits
        for position, ids in enumerate(batch):
            np.testing.assert_allclose(together[position], engine.run([ids]).logits[0], atol=1e-5)


def test_the_graph_made_from_its_own_weights_has_the_same_integers(
    tmp_path: Path, weights: Weights, ranges: Ranges
) -> None:
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    found = read_weights(saved(first, weights, int8=True, ranges=ranges), 3)
    assert sorted(found) == sorted(weights)
    again = read_weights(saved(second, found, int8=True, ranges=ranges), 3)
    for key, value in found.items():
        np.testing.assert_allclose(again[key], value, rtol=1e-5, atol=1e-7, err_msg=key)
    for one, other in zip(_constants(first), _constants(second), strict=True):
        if one.name.endswith((".int8", ".zero", ".outliers")):
            assert one == other


def test_no_weight_moves_by_more_than_its_column_and_row_allow(
    tmp_path: Path, weights: Weights, ranges: Ranges
) -> None:
    found = read_weights(saved(tmp_path / "model.onnx", weights, int8=True, ranges=ranges), 3)
    for key, value in weights.items():
        np.testing.assert_allclose(found[key], value, atol=0.1 * float(np.abs(value).max()), err_msg=key)


def test_an_input_far_beyond_the_others_is_multiplied_exactly(tmp_path: Path, weights: Weights, ranges: Ranges) -> None:
    weights["distilbert.transformer.layer.0.sa_layer_norm.weight"][7] *= 60
    ranges = measure_ranges(weights, SHAPE, sample(300))
    path = saved(tmp_path / "model.onnx", weights, int8=True, ranges=ranges)
    names = {constant.name: constant for constant in _constants(path)}
    assert onnx.numpy_helper.to_array(names["layer0.wide.outliers"]).tolist() == [7]
    key = "distilbert.transformer.layer.0.ffn.lin1.weight"
    np.testing.assert_array_equal(read_weights(path, 3)[key][:, 7], weights[key][:, 7])
    exact = engine_of(saved(tmp_path / "exact.onnx", weights, int8=False))
    for ids in sample(20, seed=2):
        np.testing.assert_allclose(engine_of(path).run([ids]).logits, exact.run([ids]).logits, atol=1.0)


def test_a_range_that_is_missing_is_named(weights: Weights, ranges: Ranges) -> None:
    del ranges["layer1.wide"]
    with pytest.raises(KeyError, match=r"layer1\.wide"):
        build_graph(weights, SHAPE, 3, int8=True, ranges=ranges)


def test_an_artefact_carries_its_ranges_to_where_it_is_exported(int8_only: artefact.Artefact, tmp_path: Path) -> None:
    assert read_ranges(int8_only) is None
    folder = shutil.copytree(int8_only.path, tmp_path / "with ranges")
    settings = {**SETTINGS, "n_layers": 2}
    measured = measure_ranges(float_weights(int8_only), Shape.from_config(settings), [[2, 5, 3], [2, 6, 7, 3]])
    write_ranges(folder, measured)
    carried = export_checkpoint(artefact.write_manifest(folder, int8_only.manifest), tmp_path / "full")
    found = read_ranges(carried)
    assert found is not None
    assert artefact.RANGES in carried.manifest.files
    for name, seen in measured.items():
        np.testing.assert_array_equal(found[name], seen)
    labels = {"id2label": dict.fromkeys(map(str, range(5)), "")}
    again = tmp_path / "again.onnx"
    write_graph(again, float_weights(carried), {**settings, **labels}, int8=True, ranges=found)
    assert engine_of(again).run([[2, 5, 3]]).logits.shape == (1, 5)


def _constants(path: Path) -> list[onnx.TensorProto]:
    return list(onnx.load(str(path)).graph.initializer)
