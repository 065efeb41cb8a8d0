"""A DistilBERT classifier as an ONNX graph made for one fast query on a CPU.

The form, all of it measured:

- fused attention, and Add + LayerNormalization instead of SkipLayerNormalization, which is three times slower on
  a CPU (the engine keeps ONNX Runtime from fusing them again);
- no attention mask: the engine only batches queries of equal length;
- the last layer asks, mixes and feeds forward for the first token only, because nothing else reaches the classifier.
  This is exact, and saves an eighth of a six-layer model;
- int8 weights are symmetric with one scale per output column, the embeddings with one scale per row; inputs of a linear
  have fixed steps, found once on a sample of queries: nothing is computed to round them, and a query's scores do not
  depend on its neighbours in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from routerkit.export.builder import CONTRIB, GraphBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from routerkit.export.builder import Ranges, Weights

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


def build_graph(
    weights: Weights,
    shape: Shape,
    n_categories: int,
    *,
    int8: bool,
    outside: OutsideHead | None = None,
    ranges: Ranges | None = None,
) -> onnx.ModelProto:
    """Build the graph: `input_ids` int64 (batch, tokens), all of one length -> `logits` float32 (batch, n_categories).

    With an out-of-domain head there is a second output, `outside` float32 (batch,).

    Args:
        weights: the state dict of a `DistilBertForSequenceClassification`.
        shape: its dimensions.
        n_categories: number of labels.
        int8: whether to store and multiply weights as 8-bit integers.
        outside: the out-of-domain head, if there is one.
        ranges: for int8, see `GraphBuilder.ranges`.

    Raises:
        KeyError: naming a weight or a range that is not there.
    """
    builder = GraphBuilder(int8=int8, ranges=ranges)
    first, before = draw(builder, weights, shape)
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", n_categories])]
    if outside is not None:
        score = _outside(builder, outside, first, before)
        outputs.append(helper.make_tensor_value_info(score, TensorProto.FLOAT, ["batch"]))
    return finished(builder, outputs)


def draw(builder: GraphBuilder, weights: Weights, shape: Shape) -> tuple[str, str]:
    """Add everything from `input_ids` to `logits`.

    Returns:
        the last layer's first token (batch, dim), and all tokens of the layer before (batch, tokens, dim).
    """
    hidden = _embeddings(builder, weights)
    for layer in range(shape.n_layers - 1):
        hidden = _layer(builder, weights, shape, layer, hidden, hidden)
    before, first = hidden, builder.constant("first", np.array([0], np.int64))
    hidden = builder.node("Gather", [before, first], "before.first", axis=1)
    hidden = _layer(builder, weights, shape, shape.n_layers - 1, before, hidden)
    hidden = builder.node("Squeeze", [hidden, builder.constant("axis.tokens", np.array([1], np.int64))], "hidden")
    _head(builder, weights, hidden)
    return hidden, before


def finished(builder: GraphBuilder, outputs: Sequence[onnx.ValueInfoProto]) -> onnx.ModelProto:
    """The model of what was built."""
    graph = helper.make_graph(
        builder.nodes,
        "distilbert",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        outputs,
        list(builder.constants.values()),
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(CONTRIB, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="routerkit")


def _embeddings(builder: GraphBuilder, weights: Weights) -> str:
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


def _layer(builder: GraphBuilder, weights: Weights, shape: Shape, layer: int, hidden: str, asking: str) -> str:
    """One layer for the tokens `asking`, which look at all tokens `hidden`."""
    key, name = f"distilbert.transformer.layer.{layer}", f"layer{layer}"
    queries, *others = _attention_parts(builder, weights, layer, hidden, asking)
    mixed = builder.node(
        "MultiHeadAttention", [queries, *others], f"{name}.attention.mixed", domain=CONTRIB, num_heads=shape.n_heads
    )
    mixed = _linear(builder, weights, f"{key}.attention.out_lin", f"{name}.mix", mixed)
    hidden = builder.node("Add", [mixed, asking], f"{name}.mixed")
    hidden = builder.norm(f"{name}.mixed.norm", weights, f"{key}.sa_layer_norm", hidden)
    wide = _linear(builder, weights, f"{key}.ffn.lin1", f"{name}.wide", hidden)
    wide = builder.node("Gelu", [wide], f"{name}.gelu", domain=CONTRIB)
    narrow = _linear(builder, weights, f"{key}.ffn.lin2", f"{name}.narrow", wide)
    hidden = builder.node("Add", [narrow, hidden], f"{name}.sum")
    return builder.norm(f"{name}.norm", weights, f"{key}.output_layer_norm", hidden)


def _attention_parts(builder: GraphBuilder, weights: Weights, layer: int, hidden: str, asking: str) -> list[str]:
    """Queries, keys and values, each (batch, tokens, dim); one product for all that multiply the same tokens."""
    name = f"layer{layer}.attention"
    if asking == hidden:
        projected = builder.linear(name, *_side_by_side(weights, layer, "qkv"), hidden)
        return builder.split(projected, [f"{name}.queries", f"{name}.keys", f"{name}.values"])
    queries = builder.linear(f"{name}.first", *_side_by_side(weights, layer, "q"), asking)
    projected = builder.linear(f"{name}.all", *_side_by_side(weights, layer, "kv"), hidden)
    return [queries, *builder.split(projected, [f"{name}.keys", f"{name}.values"])]


def _side_by_side(weights: Weights, layer: int, parts: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    keys = [f"distilbert.transformer.layer.{layer}.attention.{part}_lin" for part in parts]
    matrix = np.concatenate([weights[f"{key}.weight"].T for key in keys], axis=1)
    return matrix, np.concatenate([weights[f"{key}.bias"] for key in keys])


def _outside(builder: GraphBuilder, head: OutsideHead, first: str, before: str) -> str:
    mean = builder.node("ReduceMean", [before], "outside.mean", axes=[1], keepdims=0)
    features = builder.node("Concat", [first, mean], "outside.features", axis=1)
    product = builder.node("MatMul", [features, builder.constant("outside.weight", head.weight)], "outside.product")
    bias = builder.constant("outside.bias", np.array(head.bias, np.float32))
    return builder.node("Add", [product, bias], "outside")


def _linear(builder: GraphBuilder, weights: Weights, key: str, name: str, x: str) -> str:
    return builder.linear(name, weights[f"{key}.weight"].T, weights[f"{key}.bias"], x)


def _head(builder: GraphBuilder, weights: Weights, hidden: str) -> str:
    hidden = _linear(builder, weights, "pre_classifier", "head.hidden", hidden)
    hidden = builder.node("Relu", [hidden], "head.relu")
    # The last matrix stays fp32: a few kilobytes, and rounding it would move the decision most directly.
    matrix = builder.constant("head.weight", weights["classifier.weight"].T)
    product = builder.node("MatMul", [hidden, matrix], "head.product")
    return builder.node("Add", [product, builder.constant("head.bias", weights["classifier.bias"])], "logits")
