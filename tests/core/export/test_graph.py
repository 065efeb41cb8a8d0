from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from routerkit.engines.onnx import OnnxEngine
from routerkit.errors import ArtefactError
from routerkit.export.graph import OutsideHead, Shape, build_graph
from routerkit.export.quantise import dequantise, quantise_columns, quantise_rows
from routerkit.export.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]
    MakeWeights = Callable[[dict[str, Any]], Weights]

SETTINGS: dict[str, Any] = {
    "n_layers": 2,
    "n_heads": 2,
    "dim": 32,
    "hidden_dim": 64,
    "max_position_embeddings": 16,
    "vocab_size": 40,
    "id2label": {"0": "a", "1": "b", "2": "c"},
}


def saved(path: Path, weights: Weights, settings: dict[str, Any] = SETTINGS, **options: Any) -> Path:
    graph = build_graph(weights, Shape.from_config(settings), len(settings["id2label"]), **options)
    onnx.save(graph, str(path))
    return path


def rounded(key: str, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """What an int8 graph keeps of a weight."""
    if "embeddings.weight" in key and "LayerNorm" not in key:
        return dequantise(*quantise_rows(weight))
    if weight.ndim == 2 and not key.startswith("classifier"):
        return dequantise(*quantise_columns(weight.T)).T
    return weight


@pytest.fixture
def weights(tiny_weights: MakeWeights) -> Weights:
    """Random weights of two layers."""
    return tiny_weights(SETTINGS)


def test_the_exact_graph_gives_its_weights_back_bit_by_bit(tmp_path: Path, weights: Weights) -> None:
    found = read_weights(saved(tmp_path / "model.onnx", weights, int8=False), 2)
    assert sorted(found) == sorted(weights)
    for key, value in weights.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def test_the_int8_graph_gives_the_weights_back_that_its_integers_stand_for(tmp_path: Path, weights: Weights) -> None:
    found = read_weights(saved(tmp_path / "model.onnx", weights, int8=True), 2)
    assert sorted(found) == sorted(weights)
    for key, value in weights.items():
        np.testing.assert_array_equal(found[key], rounded(key, value), err_msg=key)


def test_an_int8_graph_made_from_its_own_weights_is_the_same_graph(tmp_path: Path, weights: Weights) -> None:
    first = read_weights(saved(tmp_path / "first.onnx", weights, int8=True), 2)
    second = read_weights(saved(tmp_path / "second.onnx", first, int8=True), 2)
    for key, value in first.items():
        np.testing.assert_allclose(second[key], value, rtol=1e-6, err_msg=key)


def test_a_graph_whose_last_layer_has_one_matrix_for_all_of_attention_gives_its_weights_back(
    tmp_path: Path, weights: Weights
) -> None:
    path = saved(tmp_path / "model.onnx", weights, int8=False)
    model = onnx.load(str(path))
    constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in model.graph.initializer}
    for part in ("weight", "bias"):  # as routerkit wrote them before the last layer asked for the first token only
        parts = [constants.pop(f"layer1.attention.{kind}.{part}") for kind in ("first", "all")]
        constants[f"layer1.attention.{part}"] = np.concatenate(parts, axis=-1)
    del model.graph.initializer[:]
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    onnx.save(model, str(path))
    for key, value in read_weights(path, 2).items():
        np.testing.assert_array_equal(value, weights[key], err_msg=key)


def test_the_weights_can_be_changed_after_they_are_read(tmp_path: Path, weights: Weights) -> None:
    found = read_weights(saved(tmp_path / "model.onnx", weights, int8=False), 2)
    assert all(value.flags.writeable and value.flags.c_contiguous for value in found.values())
    assert all(value.dtype == np.float32 for value in found.values())


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (1, 4), (3, 2)])
def test_any_depth_and_number_of_heads_computes_what_torch_computes(
    tmp_path: Path, tiny_weights: MakeWeights, layers: int, heads: int
) -> None:
    torch = pytest.importorskip("torch")
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    settings = {**SETTINGS, "n_layers": layers, "n_heads": heads}
    weights = tiny_weights(settings)
    model = DistilBertForSequenceClassification(DistilBertConfig(**settings)).eval()
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    ids = np.random.default_rng(0).integers(0, 40, (4, 9))
    with torch.inference_mode():
        expected = model(input_ids=torch.from_numpy(ids)).logits.numpy()
    engine = OnnxEngine(saved(tmp_path / "model.onnx", weights, settings, int8=False), name="exact")
    np.testing.assert_allclose(engine.run(ids.tolist()).logits, expected, atol=1e-4)


@pytest.mark.parametrize("int8", [False, True])
def test_a_graph_takes_any_number_of_queries_of_any_length(tmp_path: Path, weights: Weights, int8: bool) -> None:
    engine = OnnxEngine(saved(tmp_path / "model.onnx", weights, int8=int8), name="any")
    for size, length in ((1, 1), (1, 16), (7, 3)):
        scores = engine.run([[5] * length] * size)
        assert scores.logits.shape == (size, 3)
        assert np.all(np.isfinite(scores.logits))
        assert scores.outside is None


@pytest.mark.parametrize("int8", [False, True])
def test_an_out_of_domain_head_adds_one_score_and_leaves_the_logits_alone(
    tmp_path: Path, weights: Weights, int8: bool
) -> None:
    head = OutsideHead(weight=np.linspace(-1, 1, 64, dtype=np.float32), bias=0.5)
    plain = OnnxEngine(saved(tmp_path / "plain.onnx", weights, int8=int8), name="plain")
    scored = OnnxEngine(saved(tmp_path / "scored.onnx", weights, int8=int8, outside=head), name="scored")
    batch = np.random.default_rng(2).integers(0, 40, (4, 9)).tolist()
    found = scored.run(batch)
    np.testing.assert_array_equal(found.logits, plain.run(batch).logits)
    assert found.outside is not None
    assert found.outside.shape == (4,)
    assert found.outside.dtype == np.float32
    raised = OutsideHead(weight=head.weight, bias=1.5)
    higher = OnnxEngine(saved(tmp_path / "higher.onnx", weights, int8=int8, outside=raised), name="higher").run(batch)
    assert higher.outside is not None
    np.testing.assert_allclose(higher.outside - found.outside, 1.0, atol=1e-5)


def test_a_column_of_zeros_does_no_harm_to_an_int8_graph(tmp_path: Path, weights: Weights) -> None:
    weights["distilbert.transformer.layer.0.ffn.lin1.weight"][3] = 0.0
    weights["distilbert.embeddings.word_embeddings.weight"][0] = 0.0
    path = saved(tmp_path / "model.onnx", weights, int8=True)
    assert np.all(np.isfinite(OnnxEngine(path, name="zeros").run([[0, 1, 0]]).logits))
    assert not read_weights(path, 2)["distilbert.embeddings.word_embeddings.weight"][0].any()


def test_a_token_whose_activations_are_all_zero_divides_by_nothing(tmp_path: Path, weights: Weights) -> None:
    for key in ("lin1.weight", "lin1.bias"):
        weights[f"distilbert.transformer.layer.0.ffn.{key}"][:] = 0.0
    exact = OnnxEngine(saved(tmp_path / "exact.onnx", weights, int8=False), name="exact").run([[4, 5, 6]])
    small = OnnxEngine(saved(tmp_path / "small.onnx", weights, int8=True), name="small").run([[4, 5, 6]])
    assert np.all(np.isfinite(small.logits))
    np.testing.assert_allclose(small.logits, exact.logits, atol=0.5)


def test_int8_makes_a_graph_smaller(tmp_path: Path, weights: Weights) -> None:
    exact = saved(tmp_path / "exact.onnx", weights, int8=False)
    small = saved(tmp_path / "small.onnx", weights, int8=True)
    assert small.stat().st_size < 0.5 * exact.stat().st_size


@pytest.mark.parametrize("key", ["classifier.bias", "distilbert.transformer.layer.1.attention.k_lin.weight"])
def test_a_missing_weight_is_named(weights: Weights, key: str) -> None:
    del weights[key]
    with pytest.raises(KeyError, match=key):
        build_graph(weights, Shape.from_config(SETTINGS), 3, int8=False)


@pytest.mark.parametrize("content", [b"", b"garbage " * 20, b"\x80\x02}q\x00."], ids=["empty", "garbage", "pickle"])
def test_a_file_that_is_no_graph_of_ours_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"model\.onnx: holds no weights that routerkit wrote"):
        read_weights(path, 2)


def test_a_missing_file_and_missing_layers_are_named(tmp_path: Path, weights: Weights) -> None:
    with pytest.raises(ArtefactError, match="holds no weights"):
        read_weights(tmp_path / "nowhere.onnx", 2)
    with pytest.raises(ArtefactError, match=r"layer2\.attention"):
        read_weights(saved(tmp_path / "model.onnx", weights, int8=False), 3)
