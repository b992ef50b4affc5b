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
    """The pass of a dense layer: x (R, B, D), W (R, D, H), b (R, 1, H), y (R, B, H).

    Where W and b are a model's, the bias is in the product, y = [x 1]·[W; b]: [x 1] (R, B, D + 1)
    is x with a column of ones, [W; b] (R, D + 1, H) is W with the row b, which follows it in
    memory. So one product gives both gradients: ∂/∂[W; b] = [x 1]ᵀ·dy. Where nothing is learned,
    the first layer's input is not copied beside ones.
    """

    def __init__(self, layer: Dense, binding: Binding) -> None:
        self.binding, self.product = binding, binding.product
        self.W = binding.parameters["weight"]
        self.b = binding.parameters["bias"][..., None, :]
        self.y = binding.output(layer.units)
        # np.dot wants its output contiguous: y = A·B, or yᵀ = Bᵀ·Aᵀ
        self.rowwise = self.y.reshape(-1, *self.y.shape[-2:])[0].flags.c_contiguous
        self.place: Array | None = None  # of x beside the ones
        self.Wb = joined(self.W, binding.parameters["bias"])
        self.dWb: Array | None = None
        if binding.gradients:
            self.dWb = joined(binding.gradients["weight"], binding.gradients["bias"])
            self.dW = binding.gradients["weight"]
            self.db = binding.gradients["bias"][..., None, :]
            self.ones = np.ones((*self.y.shape[:-2], 1, binding.rows), self.y.dtype)
            self.wanted = binding.inputs_wanted
            if self.wanted:
                self.dx = binding.empty(*binding.shape)

    @property
    def input(self) -> Array | None:  # type: ignore[override]
        """Room for x above a row of ones, with rows innermost in memory.

        None for a cohort: NumPy's calls on its arrays are slow where ones lie between them.
        """
        joins = self.Wb is not None and (self.dWb is not None or not self.binding.gradients)
        if self.place is None and joins:
            *replicas, B = self.binding.leading
            self._take(rows_first(np.ones((*replicas, self.W.shape[-2] + 1, B), self.y.dtype)))
        return self.place if self.binding.single else None

    def _take(self, x1: Array) -> None:
        """Use x1, whose ones are written, as [x 1]."""
        assert self.Wb is not None
        self.place, self.x1_transposed = x1[..., :-1], x1.mT
        self.factors = self._factors(x1, self.Wb)

    def _factors(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """The arguments of `product` for y = a·b."""
        return (a, b, self.y) if self.rowwise else (b.mT, a.mT, self.y.mT)

    def forward(self, x: Array) -> Array:
        self.x = x
        if x is not self.place:
            if self.place is None and (self.Wb is None or self.dWb is None):
                self.product(*self._factors(x, self.W))
                return np.add(self.y, self.b, self.y)
            if self.place is None or len(self.place) < len(x):
                self._take(np.ones((*x.shape[:-1], x.shape[-1] + 1), self.y.dtype))
            assert self.place is not None
            np.copyto(self.place, x)
        self.product(*self.factors)
        return self.y

    def backward(self, dy: Array) -> Array:
        if self.place is None:
            self.product(self.x.mT, dy, self.dW)  # dW = xᵀ·dy
            self.product(self.ones, dy, self.db)  # db = Σ dy over the rows
        else:
            assert self.dWb is not None
            self.product(self.x1_transposed, dy, self.dWb)
        if not self.wanted:
            return dy
        self.product(self.W, dy.mT, self.dx.mT)  # dxᵀ = W·dyᵀ
        return self.dx
