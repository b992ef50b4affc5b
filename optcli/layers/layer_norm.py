"""Layer normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from optcli.core.arrays import Array
from optcli.layers.base import LAYERS, Binding, Pass
from optcli.layers.normalization import Normalization, NormalizationPass

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LAYERS.register("layer_norm", "layer_normalization", "layernorm")
@dataclass(frozen=True)
class LayerNorm(Normalization):
    """Layer normalization: mean 0 and variance 1 over a row's features, then scale and shift.

    With mean and variance over all features of a row (for images over channels and pixels):

        q = (x − mean) / √(variance + eps)        y = scale·q + shift

        ∂/∂scale = Σ q·dy        ∂/∂shift = Σ dy        both over the rows
        ∂/∂x = (g − mean of g − q · mean of q·g) / √(variance + eps),   g = scale·dy

    Scale and shift are learned, have the shape of a row and start at 1 and 0; neither is
    regularized. Training and evaluation do not differ. The same as torch's LayerNorm over
    all axes except the first.

    Use it when batches are small or rows differ in scale. Avoid it where a row's scale means
    something.

    Reference: J. L. Ba, J. R. Kiros, G. E. Hinton, Layer normalization, 2016.
    """

    analytic: ClassVar[bool] = True

    def count(self, shape: tuple[int, ...], rows: int) -> int:
        return math.prod(shape)

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"scale": shape, "shift": shape}

    def bind(self, binding: Binding) -> Pass:
        return NormalizationPass(self, binding, math.prod(binding.shape), "features")

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        axes = list(range(1, len(shape) + 1))
        q = graph.node("Sub", x, graph.node("ReduceMean", x, axes=axes))
        variance = graph.node("ReduceMean", graph.node("Mul", q, q), axes=axes)
        q = graph.node("Div", q, graph.node("Sqrt", graph.node("Add", variance, self.eps)))
        return graph.node("Add", graph.node("Mul", q, arrays["scale"]), arrays["shift"])
