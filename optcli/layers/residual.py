"""Residual: layers with a skip connection."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.layers.base import LAYERS, Binding, Layer, Pass, Step, bind_row, onnx_of_row, row_of

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LAYERS.register("residual")
@dataclass(frozen=True)
class Residual(Layer):
    """Residual block, y = x + f(x), where f is a sequence of layers that keeps the shape.

    ∂/∂x = dy plus the backward pass of f: the gradient of a sum.

    Use it when a network is deep. Avoid it for one or two layers.

    Reference: K. He and others, Deep residual learning for image recognition, 2016.
    """

    analytic: ClassVar[bool] = True

    layers: tuple[Layer, ...]

    def steps(self, shape: tuple[int, ...]) -> list[Step]:
        """The layers with their names."""
        steps = row_of(self.layers, shape)
        if steps[-1].output != shape:
            raise ValueError(f"layers from {shape} to {steps[-1].output} cannot be residual")
        return steps

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {
            f"{step.name}.{name}": size
            for step in self.steps(shape)
            for name, size in step.layer.parameters(step.shape).items()
        }

    def statistics(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {
            f"{step.name}.{name}": size
            for step in self.steps(shape)
            for name, size in step.layer.statistics(step.shape).items()
        }

    def initialize(
        self,
        parameters: Mapping[str, Array],
        shape: tuple[int, ...],
        random: np.random.Generator,
    ) -> None:
        for step in self.steps(shape):
            own = {
                name: parameters[f"{step.name}.{name}"]
                for name in step.layer.parameters(step.shape)
            }
            step.layer.initialize(own, step.shape, random)

    def buffer_size(self, shape: tuple[int, ...]) -> int:
        inner = sum(step.layer.buffer_size(step.shape) for step in self.steps(shape))
        return super().buffer_size(shape) + inner

    def bind(self, binding: Binding) -> Pass:
        return ResidualPass(self, binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        f = onnx_of_row(self.steps(shape), graph, x, arrays)
        return graph.node("Add", x, f)


class ResidualPass(Pass):
    """The pass of a residual block. The inner layers get a copy, which they may overwrite."""

    def __init__(self, layer: Residual, binding: Binding) -> None:
        inner = copy.copy(binding)
        inner.place = None
        self.passes = bind_row(layer.steps(binding.shape), inner)
        own = self.passes[0].input
        self.x = binding.empty(*binding.shape) if own is None else own
        self.y, self.dx = binding.output(*binding.shape), binding.empty(*binding.shape)
        self.wanted = binding.inputs_wanted

    def forward(self, x: Array) -> Array:
        np.copyto(self.x, x)
        f = self.x
        for each in self.passes:
            f = each.forward(f)
        return np.add(x, f, self.y)

    def backward(self, dy: Array) -> Array:
        np.copyto(self.dx, dy)
        df = dy
        for each in reversed(self.passes):
            df = each.backward(df)
        return np.add(self.dx, df, self.dx) if self.wanted else self.dx
