"""Dense: the fully connected layer, y = x·W + b."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.layers.base import LAYERS, Binding, Layer, Pass
from optcli.layers.initializers import draw

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LAYERS.register("dense", "linear", "fully_connected")
@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected layer, y = x·W + b, from D inputs to H units.

    With W (D, H), b (H,), and dy the gradient with respect to y:

        ∂/∂W = xᵀ·dy        ∂/∂b = Σ dy over the rows        ∂/∂x = dy·Wᵀ

    torch's Linear stores the transpose of W.

    Use it when each output may depend on each input. Avoid it directly on large images: it has a
    weight for every pixel.

    Reference: D. E. Rumelhart, G. E. Hinton, R. J. Williams, Learning representations
    by back-propagating errors, 1986.
    """

    analytic: ClassVar[bool] = True

    units: int
    init: str = "lecun"

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"weight": (shape[0], self.units), "bias": (self.units,)}

    def initialize(
        self,
        parameters: Mapping[str, Array],
        shape: tuple[int, ...],
        random: np.random.Generator,
    ) -> None:
        draw(self.init, parameters["weight"], shape[0], self.units, random)

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.units,)

    def bind(self, binding: Binding) -> Pass:
        return DensePass(self, binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("Gemm", x, arrays["weight"], arrays["bias"])


class DensePass(Pass):
    """The pass of a dense layer: x (R, B, D), W (R, D, H), b (R, 1, H), y (R, B, H)."""

    def __init__(self, layer: Dense, binding: Binding) -> None:
        self.product = binding.product
        self.W = binding.parameters["weight"]
        self.b = binding.parameters["bias"][..., None, :]
        self.y = binding.empty(layer.units)
        if binding.gradients:
            self.dW = binding.gradients["weight"]
            self.db = binding.gradients["bias"][..., None, :]
            self.dx = binding.empty(*binding.shape) if binding.inputs_wanted else None
            self.W_transposed = self.W.swapaxes(-1, -2)
            self.ones = np.ones_like(self.y[..., :1].swapaxes(-1, -2))

    def forward(self, x: Array) -> Array:
        self.x = x
        self.product(x, self.W, self.y)
        return np.add(self.y, self.b, self.y)

    def backward(self, dy: Array) -> Array:
        self.product(self.x.swapaxes(-1, -2), dy, self.dW)  # dW = xᵀ·dy
        self.product(self.ones, dy, self.db)  # db = Σ dy over the rows
        if self.dx is None:
            return dy
        return self.product(dy, self.W_transposed, self.dx)  # dx = dy·Wᵀ
