"""Pooling: what is left of each window of an image is one number, its largest or its mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc
from optcli.layers.base import LAYERS, Binding, Layer, Pass, rows_last
from optcli.layers.convolution import Pair, pair, taps, windows


@dataclass(frozen=True)
class Pooling(Layer):
    """From images (C, H, W) to (C, H', W'), each channel by itself."""

    size: Annotated[Pair, Doc("height and width of the window")] = 2
    stride: Annotated[
        Pair | None, Doc("pixels from one window to the next; by default the window's size")
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
    """A pooling at work: x (R, B, C, H, W), y (R, B, C, H', W'), rows innermost in memory."""

    def __init__(self, layer: Pooling, binding: Binding) -> None:
        _, *count = layer.output(binding.shape)
        self.windows = pair(layer.size), layer.strides, (count[0], count[1])
        self.y = binding.empty(binding.shape[0], *count)
        self.y_memory = rows_last(self.y)
        self.wanted = binding.inputs_wanted
        if self.wanted:
            self.dx = binding.empty(*binding.shape)
            self.dx_memory = rows_last(self.dx)


@LAYERS.register("max_pool", "max_pooling")
@dataclass(frozen=True)
class MaxPool(Pooling):
    """The largest pixel of every window.

        y[c, u, v] = max over i, j of x[c, stride·u + i, stride·v + j]

    The gradient goes to the pixel that was largest, the first of equals (row by row);
    at such a tie the function has a kink. Pixels in no window, at the lower and the right
    edge, do not count. The same as torch's MaxPool2d.

    Reference: Y. Zhou and R. Chellappa, 1988; J. Weng and others, Cresceptron, 1992.
    """

    analytic: ClassVar[bool] = True

    def bind(self, binding: Binding) -> Pass:
        return MaxPoolPass(self, binding)


class MaxPoolPass(PoolingPass):
    """Max pooling at work. It keeps the largest pixels, as y may be written over."""

    def __init__(self, layer: MaxPool, binding: Binding) -> None:
        super().__init__(layer, binding)
        if self.wanted:
            shape = self.y_memory.shape
            self.largest, self.share = np.empty((2, *shape), binding.dtype)
            self.hit, self.taken = np.empty((2, *shape), bool)

    def forward(self, x: Array) -> Array:
        self.x, y = rows_last(x), self.y_memory
        first, *others = taps(self.x, *self.windows)
        np.copyto(y, first)
        for other in others:
            np.maximum(y, other, out=y)
        if self.wanted:
            np.copyto(self.largest, y)
        return self.y

    def backward(self, dy: Array) -> Array:
        if not self.wanted:
            return dy
        hit, taken, share, dy = self.hit, self.taken, self.share, rows_last(dy)
        self.dx_memory.fill(0)
        taken.fill(False)
        both = zip(taps(self.x, *self.windows), taps(self.dx_memory, *self.windows), strict=True)
        for x, dx in both:
            np.equal(x, self.largest, out=hit)
            np.greater(hit, taken, out=hit)
            np.logical_or(taken, hit, out=taken)
            np.copyto(share, hit)  # to 0 and 1, faster than in a product
            np.multiply(dy, share, share)
            np.add(dx, share, dx)
        return self.dx


@LAYERS.register("average_pool", "average_pooling", "mean_pool")
@dataclass(frozen=True)
class AveragePool(Pooling):
    """The mean pixel of every window.

        y[c, u, v] = mean over i, j of x[c, stride·u + i, stride·v + j]

    Every pixel of a window of n gets dy/n. Pixels in no window, at the lower and the
    right edge, do not count. The same as torch's AvgPool2d.

    Reference: Y. LeCun and others, Gradient-based learning applied to document recognition,
    1998 (the subsampling of LeNet, there with a weight and a bias).
    """

    analytic: ClassVar[bool] = True

    def bind(self, binding: Binding) -> Pass:
        return AveragePoolPass(self, binding)


class AveragePoolPass(PoolingPass):
    """Average pooling at work."""

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
        self.dx_memory.fill(0)
        for dx in taps(self.dx_memory, *self.windows):
            np.add(dx, rows_last(dy), dx)
        return self.dx
