"""Pooling: reduce each window of an image to its maximum or mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc
from optcli.layers.base import LAYERS, Binding, Layer, Pass, rows_last
from optcli.layers.convolution import Pair, onnx_windows, pair, taps, windows

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@dataclass(frozen=True)
class Pooling(Layer):
    """From images (C, H, W) to (C, H', W'), each channel separately."""

    size: Annotated[Pair, Doc("window size: height and width, or one number for both")] = 2
    stride: Annotated[
        Pair | None, Doc("stride in height and width; by default the window size")
    ] = None

    @property
    def strides(self) -> tuple[int, int]:
        """The stride, in height and width."""
        return pair(self.size if self.stride is None else self.stride)

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        sizes = zip(shape[1:], pair(self.size), self.strides, strict=True)
        return (shape[0], *(windows(n, size, step, "pool") for n, size, step in sizes))

    def buffer_size(self, shape: tuple[int, ...]) -> int:
        return super().buffer_size(shape) + math.prod(shape)


class PoolingPass(Pass):
    """Pooling pass: x (R, B, C, H, W), y (R, B, C, H', W'), with rows innermost in memory."""

    def __init__(self, layer: Pooling, binding: Binding) -> None:
        _, *count = layer.output(binding.shape)
        size, stride = pair(layer.size), layer.strides
        self.windows = size, stride, (count[0], count[1])
        self.y = binding.output(binding.shape[0], *count)
        self.y_memory = rows_last(self.y)
        self.wanted = binding.inputs_wanted
        # whether no pixel is in two windows; whether each is in one
        self.apart = size[0] <= stride[0] and size[1] <= stride[1]
        whole = count[0] * size[0], count[1] * size[1]
        self.covers = size == stride and whole == tuple(binding.shape[1:])
        if self.wanted:
            self.dx = binding.empty(*binding.shape)
            self.dx_memory = rows_last(self.dx)
            self.dx_taps = list(taps(self.dx_memory, *self.windows))

    def give(self, part: Array, dx: Array) -> None:
        """Add to the gradient by one pixel of all windows."""
        if self.apart:
            np.copyto(dx, part)
        else:
            np.add(dx, part, dx)


@LAYERS.register("max_pool", "max_pooling")
@dataclass(frozen=True)
class MaxPool(Pooling):
    """Max pooling: the largest pixel of each window.

        y[c, u, v] = max over i, j of x[c, stride·u + i, stride·v + j]

    The gradient goes to the largest pixel, the first of equals in row order; at a tie the
    function has a kink. Pixels at the lower and right edge that lie in no window are
    ignored. The same as torch's MaxPool2d.

    Use it when the strongest response should pass, wherever it lies. Avoid it where places count.

    Reference: Y. Zhou and R. Chellappa, 1988; J. Weng and others, Cresceptron, 1992.
    """

    analytic: ClassVar[bool] = True

    def bind(self, binding: Binding) -> Pass:
        return MaxPoolPass(self, binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("MaxPool", x, kernel_shape=pair(self.size), strides=self.strides)


class MaxPoolPass(PoolingPass):
    """The pass of max pooling.

    The largest pixel of a window is the last one that is larger than all before it; `masks` says
    of each pixel but the first whether it is.
    """

    def __init__(self, layer: MaxPool, binding: Binding) -> None:
        super().__init__(layer, binding)
        if self.wanted:
            shape, others = self.y_memory.shape, math.prod(pair(layer.size)) - 1
            self.larger = np.empty(shape, bool)
            self.part, *self.masks = np.empty((1 + others, *shape), binding.dtype)

    def forward(self, x: Array) -> Array:
        y = self.y_memory
        first, *others = taps(rows_last(x), *self.windows)
        np.copyto(y, first)
        for number, other in enumerate(others):
            if self.wanted:
                np.greater(other, y, out=self.larger)
                np.copyto(self.masks[number], self.larger)  # to 0 and 1, faster than in a product
            np.maximum(y, other, out=y)
        return self.y

    def backward(self, dy: Array) -> Array:
        if not self.wanted:
            return dy
        left, part = rows_last(dy), self.part  # what no pixel has taken yet
        if not self.covers:
            self.dx_memory.fill(0)
        first, *others = self.dx_taps
        for mask, dx in zip(reversed(self.masks), reversed(others), strict=True):
            np.multiply(left, mask, part)
            np.subtract(left, part, left)
            self.give(part, dx)
        self.give(left, first)
        return self.dx


@LAYERS.register("average_pool", "average_pooling", "mean_pool")
@dataclass(frozen=True)
class AveragePool(Pooling):
    """Average pooling: the mean of each window.

        y[c, u, v] = mean over i, j of x[c, stride·u + i, stride·v + j]

    Each of the n pixels of a window receives dy/n. Pixels at the lower and right edge that
    lie in no window are ignored. The same as torch's AvgPool2d.

    Use it when an image should shrink smoothly. Avoid it where only the strongest response
    counts.

    Reference: Y. LeCun and others, Gradient-based learning applied to document recognition,
    1998 (the subsampling of LeNet, there with a weight and a bias).
    """

    analytic: ClassVar[bool] = True

    def bind(self, binding: Binding) -> Pass:
        return AveragePoolPass(self, binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        size, stride = pair(self.size), self.strides
        if graph.dtype == np.float32:
            return graph.node("AveragePool", x, kernel_shape=size, strides=stride)
        output = self.output(shape)
        each = onnx_windows(graph, x, shape, size, stride, output[1:])
        mean = graph.node("ReduceMean", each, axes=[2], keepdims=0)
        return graph.node("Reshape", mean, np.array([0, *output]))


class AveragePoolPass(PoolingPass):
    """The pass of average pooling."""

    def __init__(self, layer: AveragePool, binding: Binding) -> None:
        super().__init__(layer, binding)
        self.share = 1 / math.prod(pair(layer.size))

    def forward(self, x: Array) -> Array:
        first, *others = taps(rows_last(x), *self.windows)
        y = self.y_memory
        np.copyto(y, first)
        for other in others:
            np.add(y, other, y)
        np.multiply(y, self.share, y)
        return self.y

    def backward(self, dy: Array) -> Array:
        if not self.wanted:
            return dy
        np.multiply(dy, self.share, dy)
        if not self.covers:
            self.dx_memory.fill(0)
        for dx in self.dx_taps:
            self.give(rows_last(dy), dx)
        return self.dx
