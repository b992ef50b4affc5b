"""Dense: the fully connected layer, y = x·W + b."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array, joined
from optcli.layers.base import LAYERS, Binding, Layer, Pass, rows_first
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
    """The pass of a dense layer, with the bias in the product: y = [x 1]·[W; b].

    [x 1] (R, B, D + 1) is x with a column of ones, [W; b] (R, D + 1, H) is W with the row b, which
    follows it in memory. So one product gives both gradients: ∂/∂[W; b] = [x 1]ᵀ·dy.
    """

    def __init__(self, layer: Dense, binding: Binding) -> None:
        self.binding, self.product = binding, binding.product
        self.W, self.b = binding.parameters["weight"], binding.parameters["bias"]
        self.Wb, self.apart = together(self.W, self.b)
        self.y = binding.output(layer.units)
        self.x: Array | None = None
        if binding.gradients:
            self.dW, self.db = binding.gradients["weight"], binding.gradients["bias"]
            self.dWb, self.slopes_apart = together(self.dW, self.db)
            self.wanted = binding.inputs_wanted
            if self.wanted:
                self.dx = binding.empty(*binding.shape)

    @property
    def input(self) -> Array:  # type: ignore[override]
        """Room for x above a row of ones, with rows innermost in memory."""
        if self.x is None:
            *replicas, B = self.binding.leading
            self._take(rows_first(np.ones((*replicas, self.Wb.shape[-2], B), self.y.dtype)))
        assert self.x is not None
        return self.x

    def _take(self, x1: Array) -> None:
        """Use x1, whose ones are written, as [x 1]."""
        self.x, self.x1_transposed = x1[..., :-1], x1.mT
        # np.dot wants its output contiguous: y = [x 1]·[W; b], or yᵀ = [W; b]ᵀ·[x 1]ᵀ
        rowwise = self.y.reshape(-1, *self.y.shape[-2:])[0].flags.c_contiguous
        self.factors = (x1, self.Wb, self.y) if rowwise else (self.Wb.mT, x1.mT, self.y.mT)

    def forward(self, x: Array) -> Array:
        if x is not self.x:  # the layer before, or the data, has it elsewhere
            if self.x is None or len(self.x) < len(x):
                self._take(np.ones((*x.shape[:-1], x.shape[-1] + 1), self.y.dtype))
            assert self.x is not None
            np.copyto(self.x, x)
        if self.apart:
            self.Wb[..., :-1, :], self.Wb[..., -1, :] = self.W, self.b
        self.product(*self.factors)
        return self.y

    def backward(self, dy: Array) -> Array:
        self.product(self.x1_transposed, dy, self.dWb)
        if self.slopes_apart:
            self.dW[...], self.db[...] = self.dWb[..., :-1, :], self.dWb[..., -1, :]
        if not self.wanted:
            return dy
        self.product(self.W, dy.mT, self.dx.mT)  # dxᵀ = W·dyᵀ
        return self.dx


def together(weight: Array, bias: Array) -> tuple[Array, bool]:
    """[W; b] (…, D + 1, H), and whether that is a copy: a model's layout has b after W."""
    whole = joined(weight, bias)
    if whole is not None:
        return whole, False
    shape = (*weight.shape[:-2], weight.shape[-2] + 1, weight.shape[-1])
    return np.empty(shape, weight.dtype), True
