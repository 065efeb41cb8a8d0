"""A DistilBERT classifier as an ONNX graph made for one fast query on a CPU.

The form, all of it measured:

- fused attention, and Add + LayerNormalization instead of SkipLayerNormalization, which is three times slower on
  a CPU (the engine keeps ONNX Runtime from fusing them again);
- no attention mask: the engine only batches queries of equal length;
- the last layer computes its output projection and feed-forward for the first token only, because nothing else
  reaches the classifier. This is exact, and saves an eighth of a six-layer model;
- int8 weights are symmetric with one scale per output column, the embeddings with one scale per row, activations
  with one scale per token: a query's scores do not depend on its neighbours in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from routerkit.export.quantise import quantise_columns, quantise_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

_CONTRIB = "com.microsoft"
_EPSILON = 1e-12  # of every LayerNorm in BERT and DistilBERT
_OPSET = 17
_IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a DistilBERT classifier, under the names of its `config.json`."""

    n_layers: int
    n_heads: int
    dim: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Shape:
        """Read the dimensions from the content of a `config.json`."""
        return cls(n_layers=config["n_layers"], n_heads=config["n_heads"], dim=config["dim"])


@dataclass(frozen=True, slots=True)
class OutsideHead:
    """A linear score of being outside every category.

    Attributes:
        weight: float32, shape (2 * dim,): for the last layer's first token, and the mean of the layer before.
        bias: added to the weighted sum.
    """

    weight: NDArray[np.float32]
    bias: float


@dataclass(slots=True)
class _Builder:
    """Collects nodes and constants; every method returns the name of its output."""

    int8: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def embedding(self, name: str, weight: NDArray[np.float32], ids: str) -> str:
        if not self.int8:
            return self.node("Gather", [self.constant(name, weight), ids], f"{name}.out")
        values, scales = quantise_rows(weight)
        rows = self.node("Gather", [self.constant(f"{name}.int8", values), ids], f"{name}.rows")
        scale = self.node("Gather", [self.constant(f"{name}.scale", scales), ids], f"{name}.row_scale")
        rows = self.node("Cast", [rows], f"{name}.float", to=TensorProto.FLOAT)
        return self.node("Mul", [rows, scale], f"{name}.out")

    def linear(self, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32], x: str) -> str:
        """`x @ weight + bias`; `weight` has the shape (inputs, outputs)."""
        product = self._int8_product(name, weight, x) if self.int8 else self._product(name, weight, x)
        return self.node("Add", [product, self.constant(f"{name}.bias", bias)], f"{name}.out")

    def attention(self, name: str, projected: str, heads: int) -> str:
        """Self-attention; `projected` holds queries, keys and values side by side, shape (batch, tokens, 3 * dim)."""
        parts = [f"{name}.{part}" for part in ("queries", "keys", "values")]
        self.nodes.append(helper.make_node("Split", [projected], parts, name=f"{name}.split", axis=-1))
        return self.node("MultiHeadAttention", parts, f"{name}.mixed", domain=_CONTRIB, num_heads=heads)

    def _product(self, name: str, weight: NDArray[np.float32], x: str) -> str:
        return self.node("MatMul", [x, self.constant(f"{name}.weight", weight)], f"{name}.product")

    def _int8_product(self, name: str, weight: NDArray[np.float32], x: str) -> str:
        """Multiply in 8 bits, each token rounded with a scale of its own.

        ONNX Runtime's own dynamic quantisation has one scale for the whole batch: one token with large activations
        then blurs all others, and a query's answer depends on its neighbours.
        """
        values, scales = quantise_columns(weight)
        largest = self.node("Abs", [x], f"{name}.abs")
        largest = self.node("ReduceMax", [largest], f"{name}.largest", axes=[-1], keepdims=1)
        unit = self.node("Div", [x, largest], f"{name}.unit")
        rounded = self.node("QuantizeLinear", [unit, "int8.step", "int8.zero"], f"{name}.rounded")
        inputs = [rounded, self.constant(f"{name}.int8", values), "int8.step"]
        inputs += [self.constant(f"{name}.scale", scales), "int8.zero"]
        product = self.node("MatMulIntegerToFloat", inputs, f"{name}.product", domain=_CONTRIB)
        return self.node("Mul", [product, largest], f"{name}.rescaled")

    def norm(self, name: str, weights: Weights, key: str, x: str) -> str:
        gain = self.constant(f"{name}.gain", weights[f"{key}.weight"])
        shift = self.constant(f"{name}.shift", weights[f"{key}.bias"])
        return self.node("LayerNormalization", [x, gain, shift], f"{name}.out", epsilon=_EPSILON, axis=-1)


def build_graph(
    weights: Weights, shape: Shape, n_categories: int, *, int8: bool, outside: OutsideHead | None = None
) -> onnx.ModelProto:
    """Build the graph: `input_ids` int64 (batch, tokens), all of one length -> `logits` float32 (batch, n_categories).

    With an out-of-domain head there is a second output, `outside` float32 (batch,).

    Args:
        weights: the state dict of a `DistilBertForSequenceClassification`.
        shape: its dimensions.
        n_categories: number of labels.
        int8: whether to store and multiply weights as 8-bit integers.
        outside: the out-of-domain head, if there is one.

    Raises:
        KeyError: naming a weight that is not there.
    """
    builder = _Builder(int8=int8)
    if int8:
        builder.constant("int8.step", np.array(1 / 127, np.float32))
        builder.constant("int8.zero", np.array(128, np.uint8))
    before = hidden = _embeddings(builder, weights)
    for layer in range(shape.n_layers):
        before, hidden = hidden, _layer(builder, weights, shape, layer, hidden)
    outputs = [
        helper.make_tensor_value_info(_head(builder, weights, hidden), TensorProto.FLOAT, ["batch", n_categories])
    ]
    if outside is not None:
        score = _outside(builder, outside, hidden, before)
        outputs.append(helper.make_tensor_value_info(score, TensorProto.FLOAT, ["batch"]))
    graph = helper.make_graph(
        builder.nodes,
        "distilbert",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        outputs,
        builder.constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="routerkit")


def _embeddings(builder: _Builder, weights: Weights) -> str:
    prefix = "distilbert.embeddings"
    words = builder.embedding("words", weights[f"{prefix}.word_embeddings.weight"], "input_ids")
    length = builder.node("Shape", ["input_ids"], "length", start=1, end=2)
    zero = builder.constant("zero", np.array(0, np.int64))
    one = builder.constant("one", np.array(1, np.int64))
    length = builder.node("Squeeze", [length], "length.scalar")
    steps = builder.node("Range", [zero, length, one], "steps")
    positions = builder.embedding("positions", weights[f"{prefix}.position_embeddings.weight"], steps)
    summed = builder.node("Add", [words, positions], "embedded")
    return builder.norm("embedded.norm", weights, f"{prefix}.LayerNorm", summed)


def _layer(builder: _Builder, weights: Weights, shape: Shape, layer: int, hidden: str) -> str:
    key, name = f"distilbert.transformer.layer.{layer}", f"layer{layer}"
    parts = [f"{key}.attention.{part}_lin" for part in "qkv"]
    projection = np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)
    offsets = np.concatenate([weights[f"{part}.bias"] for part in parts])
    projected = builder.linear(f"{name}.attention", projection, offsets, hidden)
    mixed = builder.attention(f"{name}.attention", projected, shape.n_heads)
    if layer == shape.n_layers - 1:
        first = builder.constant("first", np.array(0, np.int64))
        mixed = builder.node("Gather", [mixed, first], f"{name}.mixed.first", axis=1)
        hidden = builder.node("Gather", [hidden, first], f"{name}.hidden.first", axis=1)
    mixed = _linear(builder, weights, f"{key}.attention.out_lin", f"{name}.mix", mixed)
    hidden = builder.node("Add", [mixed, hidden], f"{name}.mixed")
    hidden = builder.norm(f"{name}.mixed.norm", weights, f"{key}.sa_layer_norm", hidden)
    wide = _linear(builder, weights, f"{key}.ffn.lin1", f"{name}.wide", hidden)
    wide = builder.node("Gelu", [wide], f"{name}.gelu", domain=_CONTRIB)
    narrow = _linear(builder, weights, f"{key}.ffn.lin2", f"{name}.narrow", wide)
    hidden = builder.node("Add", [narrow, hidden], f"{name}.sum")
    return builder.norm(f"{name}.norm", weights, f"{key}.output_layer_norm", hidden)


def _outside(builder: _Builder, head: OutsideHead, first: str, before: str) -> str:
    mean = builder.node("ReduceMean", [before], "outside.mean", axes=[1], keepdims=0)
    features = builder.node("Concat", [first, mean], "outside.features", axis=1)
    product = builder.node("MatMul", [features, builder.constant("outside.weight", head.weight)], "outside.product")
    bias = builder.constant("outside.bias", np.array(head.bias, np.float32))
    return builder.node("Add", [product, bias], "outside")


def _linear(builder: _Builder, weights: Weights, key: str, name: str, x: str) -> str:
    return builder.linear(name, weights[f"{key}.weight"].T, weights[f"{key}.bias"], x)


def _head(builder: _Builder, weights: Weights, hidden: str) -> str:
    hidden = _linear(builder, weights, "pre_classifier", "head.hidden", hidden)
    hidden = builder.node("Relu", [hidden], "head.relu")
    # The last matrix stays fp32: a few kilobytes, and rounding it would move the decision most directly.
    matrix = builder.constant("head.weight", weights["classifier.weight"].T)
    product = builder.node("MatMul", [hidden, matrix], "head.product")
    return builder.node("Add", [product, builder.constant("head.bias", weights["classifier.bias"])], "logits")
