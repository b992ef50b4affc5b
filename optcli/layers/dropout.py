"""Dropout: random inputs are set to 0 in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import Stream
from optcli.core.specs import Doc, Ge, Lt
from optcli.layers.base import LAYERS, Binding, Layer, Pass, rows_last

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LAYERS.register("dropout")
@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout: in training, inputs are set to 0 with probability `rate`, others scaled up.

    With a random mask m of zeros and ones, new in every step:

        y = m·x / (1 − rate)        ∂/∂x = m·dy / (1 − rate)

    The expectation of y is x; in evaluation y = x. The same as torch's Dropout, with other
    random numbers: the mask is determined by the replica's seed, the layer and the step, so
    that a resumed run draws the same masks.

    Use it when a network overfits. Avoid it where it underfits, and before batch norm, whose
    statistics it shifts.

    Reference: N. Srivastava and others, Dropout: a simple way to prevent neural networks
    from overfitting, 2014; G. E. Hinton and others, 2012.
    """

    analytic: ClassVar[bool] = True

    rate: Annotated[float, Ge(0), Lt(1), Doc("probability that an input is set to 0")] = 0.5

    def bind(self, binding: Binding) -> Pass:
        drops = binding.training and self.rate
        return DropoutPass(self.rate, binding) if drops else Through(binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return x


class Through(Pass):
    """The identity."""

    def __init__(self, binding: Binding) -> None:
        self.input = binding.place

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


class DropoutPass(Pass):
    """Dropout in training: x, y and mask (R, B, …)."""

    def __init__(self, rate: float, binding: Binding) -> None:
        self.rate, self.scale, self.clock = rate, 1 / (1 - rate), binding.clock
        self.y, self.mask = binding.output(*binding.shape), binding.empty(*binding.shape)
        # one random number for each entry: of images in memory order, of features row by row
        rows = rows_last(self.mask) if len(binding.shape) == 3 else self.mask
        rows = rows[None] if binding.single else rows
        self.uniform = np.empty(rows.shape[1:], np.float32)
        # replicas of one seed drop the same inputs
        self.draws = [
            (
                Stream(seed, "dropout", *binding.position),
                [row for row, own in zip(rows, binding.seeds, strict=True) if own == seed],
            )
            for seed in dict.fromkeys(binding.seeds)
        ]

    def forward(self, x: Array) -> Array:
        for stream, masks in self.draws:
            stream.at(self.clock.step).random(out=self.uniform, dtype=np.float32)
            for mask in masks:
                np.greater_equal(self.uniform, self.rate, out=mask)
        np.multiply(self.mask, self.scale, self.mask)
        return np.multiply(x, self.mask, self.y)

    def backward(self, dy: Array) -> Array:
        return np.multiply(dy, self.mask, dy)
