"""Convolution of images, computed as one matrix product."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import Doc, Ge
from optcli.layers.base import LAYERS, Binding, Layer, Pass, rows_last
from optcli.layers.initializers import draw

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph

# Height and width; one number is both.
Pair = int | tuple[int, int]


def pair(size: Pair) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


def windows(length: int, size: int, stride: int, key: str) -> int:
    """The number of windows of a size along a length; raises InvalidInput for none."""
    if size > length:
        pixels = "1 pixel that there is" if length == 1 else f"{length} pixels that there are"
        message = f"is {size}, more than the {pixels} at this layer"
        raise InvalidInput(Fault(message, key))
    return (length - size) // stride + 1


def taps(
    image: Array, size: tuple[int, int], stride: tuple[int, int], count: tuple[int, int]
) -> Iterator[Array]:
    """For each position in a window, in row order, a view of that pixel of all windows.

    image: (…, H, W, B). Each view has the shape (…, *count, B).
    """
    for i in range(size[0]):
        for j in range(size[1]):
            rows = slice(i, i + (count[0] - 1) * stride[0] + 1, stride[0])
            columns = slice(j, j + (count[1] - 1) * stride[1] + 1, stride[1])
            yield image[..., rows, columns, :]


def onnx_windows(
    graph: OnnxGraph,
    x: str,
    shape: tuple[int, ...],
    size: tuple[int, int],
    stride: tuple[int, int],
    count: tuple[int, ...],
) -> str:
    """The windows (N, C, h·w, H'·W') of images (N, *shape), as an ONNX node.

    For operators on windows that runtimes know in float32 only.
    """
    pixels = np.arange(math.prod(shape[1:])).reshape(*shape[1:], 1)
    places = np.stack([tap.ravel() for tap in taps(pixels, size, stride, (count[0], count[1]))])
    x = graph.node("Reshape", x, np.array([0, shape[0], pixels.size]))
    return graph.node("Gather", x, places, axis=2)


@LAYERS.register("convolution", "conv", "conv2d")
@dataclass(frozen=True)
class Convolution(Layer):
    """2D convolution of images (cross-correlation, as in torch's Conv2d).

    From images (C, H, W) to (F, H', W'), with weights W (F, C, h, w), a bias b (F,), a
    stride and zero padding on all four sides:

        y[f, u, v] = b[f] + Σ over c, i, j of W[f, c, i, j] · x[c, stride·u + i − padding, …]
        H' = ⌊(H + 2·padding − h)/stride⌋ + 1, likewise for the width

    With X the windows as columns (C·h·w, H'·W'·B), this is W·X for a batch of B, and

        ∂/∂W = dy·Xᵀ        ∂/∂b = Σ dy        ∂/∂x = Wᵀ·dy, with entries summed at their pixels

    The same as torch's Conv2d.

    Use it when inputs are images. Avoid it for plain columns.

    Reference: Y. LeCun and others, Gradient-based learning applied to document recognition,
    1998; the matrix product: K. Chellapilla and others, 2006.
    """

    analytic: ClassVar[bool] = True

    channels: Annotated[int, Ge(1), Doc("output channels")]
    kernel: Annotated[Pair, Doc("kernel size: height and width, or one number for both")] = 3
    stride: Annotated[Pair, Doc("stride in height and width")] = 1
    padding: Annotated[Pair, Doc("zero padding on each side")] = 0
    init: str = "he"

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        weight = (self.channels, shape[0], *pair(self.kernel))
        return {"weight": weight, "bias": (self.channels,)}

    def initialize(
        self,
        parameters: Mapping[str, Array],
        shape: tuple[int, ...],
        random: np.random.Generator,
    ) -> None:
        window = math.prod(pair(self.kernel))
        fan_in, fan_out = shape[0] * window, self.channels * window
        draw(self.init, parameters["weight"], fan_in, fan_out, random)

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        sizes = zip(
            shape[1:], pair(self.kernel), pair(self.stride), pair(self.padding), strict=True
        )
        counts = [windows(n + 2 * pad, size, step, "kernel") for n, size, step, pad in sizes]
        return (self.channels, *counts)

    def buffer_size(self, shape: tuple[int, ...]) -> int:
        _, *count = self.output(shape)
        columns = shape[0] * math.prod((*pair(self.kernel), *count))
        return super().buffer_size(shape) + columns + 2 * math.prod(shape)

    def bind(self, binding: Binding) -> Pass:
        return ConvolutionPass(self, binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        size, stride, (over, beside) = pair(self.kernel), pair(self.stride), pair(self.padding)
        weight, bias = arrays["weight"], arrays["bias"]
        if graph.dtype == np.float32:
            pads = [over, beside, over, beside]
            return graph.node("Conv", x, weight, bias, pads=pads, strides=stride, kernel_shape=size)
        padded = (shape[0], shape[1] + 2 * over, shape[2] + 2 * beside)
        x = graph.node("Pad", x, np.array([0, 0, over, beside, 0, 0, over, beside]))
        output = self.output(shape)
        columns = onnx_windows(graph, x, padded, size, stride, output[1:])
        rows = math.prod(size) * shape[0]
        columns = graph.node("Reshape", columns, np.array([0, rows, math.prod(output[1:])]))
        y = graph.node("MatMul", weight.reshape(self.channels, rows), columns)
        y = graph.node("Add", y, bias[:, None])
        return graph.node("Reshape", y, np.array([0, *output]))


class ConvolutionPass(Pass):
    """Convolution pass: x (R, B, C, H, W), W (R, F, C·h·w), b (R, F, 1), y (R, B, F, H', W').

    The rows of images are innermost in memory; see Binding.empty.
    """

    def __init__(self, layer: Convolution, binding: Binding) -> None:
        C, H, W = binding.shape
        F, *count = layer.output(binding.shape)
        replicas, B, dtype = binding.leading[:-1], binding.rows, binding.dtype
        self.product = binding.product
        self.size, self.stride = pair(layer.kernel), pair(layer.stride)
        self.count = count[0], count[1]
        over, beside = pair(layer.padding)
        self.inside = (..., slice(over, over + H), slice(beside, beside + W), slice(None))

        # the padded image, its windows as a view, and a copy of them as columns of a matrix
        self.padded = np.zeros((*replicas, C, H + 2 * over, W + 2 * beside, B), dtype)
        view = sliding_window_view(self.padded, self.size, axis=(-3, -2))
        view = view[..., :: self.stride[0], :: self.stride[1], :, :, :]
        # (…, C, H', W', B, h, w) to (…, C, h, w, H', W', B)
        axes = np.arange(view.ndim)
        self.view = view.transpose(*axes[:-5], *axes[-2:], *axes[-5:-2])
        self.windows = np.empty(self.view.shape, dtype)
        self.columns = self.windows.reshape(*replicas, C * math.prod(self.size), -1)
        self.columns_transposed = self.columns.swapaxes(-1, -2)

        self.y = binding.output(F, *count)
        self.y_matrix = self.matrix(self.y)
        weight = binding.parameters["weight"]
        self.W = weight.reshape(*replicas, F, -1, copy=False)
        self.b = binding.parameters["bias"][..., None]
        if binding.gradients:
            self.dW = binding.gradients["weight"].reshape(self.W.shape, copy=False)
            self.db = binding.gradients["bias"][..., None]
            self.W_transposed = self.W.swapaxes(-1, -2)
            self.ones = np.ones((self.columns.shape[-1], 1), dtype)
            self.wanted = binding.inputs_wanted
            if self.wanted:
                self.dpadded = np.empty_like(self.padded)
                self.dx = binding.empty(*binding.shape)

    @staticmethod
    def matrix(image: Array) -> Array:
        """(R, F, H'·W'·B) of an image (R, B, F, H', W'); a view if the memory layout allows it."""
        image = rows_last(image)
        return image.reshape(*image.shape[:-3], -1)

    def forward(self, x: Array) -> Array:
        np.copyto(self.padded[self.inside], rows_last(x))
        np.copyto(self.windows, self.view)
        self.product(self.W, self.columns, self.y_matrix)
        np.add(self.y_matrix, self.b, self.y_matrix)
        return self.y

    def backward(self, dy: Array) -> Array:
        dy_matrix = self.matrix(dy)
        self.product(dy_matrix, self.columns_transposed, self.dW)
        self.product(dy_matrix, self.ones, self.db)
        if not self.wanted:
            return dy
        # reuse the columns' buffer for the gradient with respect to the columns
        self.product(self.W_transposed, dy_matrix, self.columns)
        self.dpadded.fill(0)
        each = taps(self.dpadded, self.size, self.stride, self.count)
        for number, at in enumerate(each):
            i, j = divmod(number, self.size[1])
            np.add(at, self.windows[..., i, j, :, :, :], at)
        np.copyto(rows_last(self.dx), self.dpadded[self.inside])
        return self.dx
