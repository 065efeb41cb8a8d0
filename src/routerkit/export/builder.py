"""Nodes and constants of an ONNX graph: the operators that a transformer's encoder is made of, in fp32 or int8."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from routerkit.export.quantise import quantise_columns, quantise_rows
from routerkit.export.units import choose_units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]
    Ranges = Mapping[str, NDArray[np.float32]]

CONTRIB = "com.microsoft"
_EPSILON = 1e-12  # of every LayerNorm in BERT and DistilBERT


@dataclass(slots=True)
class GraphBuilder:
    """Collects nodes and constants; every method returns the name of its output.

    Attributes:
        int8: whether to store and multiply weights as 8-bit integers.
        ranges: what every linear's inputs were seen to span; without them each token is rounded by its own largest
            input, which takes longer, and is less exact where few inputs reach far beyond the others, as they do in
            trained encoders.
        inputs: name of the tensor that each linear multiplies, by the linear's name.
    """

    int8: bool
    ranges: Ranges | None = None
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A constant; one that has this name already is used again."""
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """An operator with one output, named like it."""
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def split(self, x: str, parts: list[str]) -> list[str]:
        """Equal parts of the last dimension."""
        self.nodes.append(helper.make_node("Split", [x], parts, name=f"{x}.split", axis=-1))
        return parts

    def embedding(self, name: str, weight: NDArray[np.float32], ids: str) -> str:
        """Rows of a table."""
        if not self.int8:
            return self.node("Gather", [self.constant(name, weight), ids], f"{name}.out")
        values, scales = quantise_rows(weight)
        rows = self.node("Gather", [self.constant(f"{name}.int8", values), ids], f"{name}.rows")
        scale = self.node("Gather", [self.constant(f"{name}.scale", scales), ids], f"{name}.row_scale")
        rows = self.node("Cast", [rows], f"{name}.float", to=TensorProto.FLOAT)
        return self.node("Mul", [rows, scale], f"{name}.out")

    def linear(self, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32], x: str) -> str:
        """`x @ weight + bias`; `weight` has the shape (inputs, outputs)."""
        self.inputs[name] = x
        self.constant(f"{name}.bias", bias)
        if self.int8 and self.ranges is not None:
            return self._int8_linear(name, weight, x, self.ranges[name])
        product = self._int8_product(name, weight, x) if self.int8 else self._product(name, weight, x)
        return self.node("Add", [product, f"{name}.bias"], f"{name}.out")

    def norm(self, name: str, weights: Weights, key: str, x: str) -> str:
        """LayerNorm of every token."""
        gain = self.constant(f"{name}.gain", weights[f"{key}.weight"])
        shift = self.constant(f"{name}.shift", weights[f"{key}.bias"])
        return self.node("LayerNormalization", [x, gain, shift], f"{name}.out", epsilon=_EPSILON, axis=-1)

    def _product(self, name: str, weight: NDArray[np.float32], x: str) -> str:
        return self.node("MatMul", [x, self.constant(f"{name}.weight", weight)], f"{name}.product")

    def _int8_linear(self, name: str, weight: NDArray[np.float32], x: str, seen: NDArray[np.float32]) -> str:
        """Multiply in 8 bits; every input has a step of its own, the same for all queries.

        Steps move from inputs into the rows of the matrix, as in Xiao et al., "SmoothQuant" (2023), section 4; inputs
        that reach far beyond the others are multiplied in fp32, as in Dettmers et al., "LLM.int8()" (2022), section 3.
        """
        units = choose_units(seen)
        scaled = weight * units.steps[:, None]
        scaled[units.outliers] = 0.0
        values, scales = quantise_columns(scaled)
        small = self.node("Mul", [x, self.constant(f"{name}.inverse", 1 / units.steps)], f"{name}.small")
        one = self.constant("int8.one", np.array(1, np.float32))
        zero = self.constant(f"{name}.zero", np.array(units.zero, np.uint8))
        rounded = self.node("QuantizeLinear", [small, one, zero], f"{name}.rounded")
        inputs = [rounded, self.constant(f"{name}.int8", values), one, self.constant(f"{name}.scale", scales), zero]
        product = self.node("MatMulIntegerToFloat", [*inputs, "", f"{name}.bias"], f"{name}.product", domain=CONTRIB)
        if not len(units.outliers):
            return product
        few = self.node("Gather", [x, self.constant(f"{name}.outliers", units.outliers)], f"{name}.few", axis=-1)
        rows = self.constant(f"{name}.outlier_rows", weight[units.outliers])
        exact = self.node("MatMul", [few, rows], f"{name}.exact")
        return self.node("Add", [product, exact], f"{name}.out")

    def _int8_product(self, name: str, weight: NDArray[np.float32], x: str) -> str:
        """Multiply in 8 bits, each token rounded with a scale of its own.

        ONNX Runtime's own dynamic quantisation has one scale for the whole batch: one token with large activations
        then blurs all others, and a query's answer depends on its neighbours.
        """
        values, scales = quantise_columns(weight)
        step = self.constant("int8.step", np.array(1 / 127, np.float32))
        zero = self.constant("int8.zero", np.array(128, np.uint8))
        largest = self.node("Abs", [x], f"{name}.abs")
        largest = self.node("ReduceMax", [largest], f"{name}.largest", axes=[-1], keepdims=1)
        unit = self.node("Div", [x, largest], f"{name}.unit")
        rounded = self.node("QuantizeLinear", [unit, step, zero], f"{name}.rounded")
        inputs = [rounded, self.constant(f"{name}.int8", values), step, self.constant(f"{name}.scale", scales), zero]
        product = self.node("MatMulIntegerToFloat", inputs, f"{name}.product", domain=CONTRIB)
        return self.node("Mul", [product, largest], f"{name}.rescaled")
