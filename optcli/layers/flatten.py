"""Flatten: reshape images to rows of features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.layers.base import LAYERS, Binding, Layer, Pass, rows_first, rows_last

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LAYERS.register("flatten")
@dataclass(frozen=True)
class Flatten(Layer):
    """Reshape images (C, H, W) to rows of features (C·H·W).

    The gradient is reshaped back. The same as torch's Flatten.

    Use it when a dense layer follows a convolution. Avoid it earlier: the image's form is lost.
    """

    analytic: ClassVar[bool] = True

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(shape),)

    def bind(self, binding: Binding) -> Pass:
        return FlattenPass(binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("Flatten", x, axis=1)


class FlattenPass(Pass):
    """The pass of flatten: x (R, B, C, H, W), y (R, B, C·H·W): the same numbers in memory.

    They are copied where the layer before has not written them in their place.
    """

    def __init__(self, binding: Binding) -> None:
        self.shape = (*binding.leading[:-1], *binding.shape, binding.rows)
        self.y = binding.output(math.prod(binding.shape))
        self.image = self._image(self.y)
        if self.y.strides[-2] == self.y.itemsize:  # not so where the output is the scores
            self.input = self.image

    def _image(self, rows: Array) -> Array:
        """Rows (R, B, C·H·W) as images (R, B, C, H, W); a view if they are in memory order."""
        return rows_first(rows_last(rows).reshape(self.shape))

    def forward(self, x: Array) -> Array:
        if x is not self.input:
            np.copyto(self.image, x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return self._image(dy)
