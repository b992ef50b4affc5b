"""Flatten: reshape images to rows of features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.layers.base import LAYERS, Binding, Layer, Pass

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
    """The pass of flatten: x (R, B, C, H, W), y (R, B, C·H·W); a copy in another memory order."""

    def __init__(self, binding: Binding) -> None:
        self.y = binding.empty(math.prod(binding.shape))
        self.y_image = self.y.reshape(*binding.leading, *binding.shape, copy=False)
        self.dx = binding.empty(*binding.shape)

    def forward(self, x: Array) -> Array:
        np.copyto(self.y_image, x)
        return self.y

    def backward(self, dy: Array) -> Array:
        np.copyto(self.dx, dy.reshape(self.y_image.shape))
        return self.dx
