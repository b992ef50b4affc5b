"""Losses, layers and objectives, as functions of all that they have a gradient by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from optcli.arrays import Array, Workspace
from optcli.gradients.functions import Differentiable
from optcli.layers.base import Layer, Pass, Place
from optcli.losses.base import Loss
from optcli.objectives import Objective
from optcli.parameters import Layout


class LossFunction(Differentiable):
    """The mean loss of a batch by its scores (B, C), for targets and weights that stay."""

    def __init__(
        self, loss: Loss, scores: Array, target: Array, weight: Array | None = None
    ) -> None:
        super().__init__(scores.ravel())
        self.loss, self.shape = loss, scores.shape
        self.target, self.weight = target, weight
        self.work = Workspace()

    def values(self, points: Array) -> Array:
        target, weight = self._rows(len(points))
        return self.loss.value(points.reshape(-1, *self.shape), target, weight, self.work)

    def gradients(self, points: Array) -> Array:
        scores = points.reshape(-1, *self.shape)
        target, weight = self._rows(len(points))
        gradient = np.empty_like(scores)
        for order in (slice(None, None, -1), slice(None)):  # another batch goes first
            gradient.fill(np.nan)
            given = np.ascontiguousarray(scores[:, order])
            self.loss.value_and_gradient(given, target, gradient, weight, self.work)
        return gradient.reshape(points.shape)

    def _rows(self, replicas: int) -> tuple[Array, Array | None]:
        target = np.repeat(self.target[None], replicas, axis=0)
        weight = self.weight
        return target, None if weight is None else np.repeat(weight[None], replicas, axis=0)

    def label(self, index: int) -> str:
        row, column = divmod(index, self.shape[1])
        return f"scores[{row}, {column}]"


class ObjectiveFunction(Differentiable):
    """An objective, without its noise."""

    def __init__(self, objective: Objective, x: Array) -> None:
        super().__init__(x)
        self.objective = objective

    def values(self, points: Array) -> Array:
        return self.objective.value(points)

    def gradients(self, points: Array) -> Array:
        found = np.full(points.shape, np.nan)
        self.objective.gradient(points, found)
        return found


class LayerFunction(Differentiable):
    """Σ c·y of a layer's output y, by its input rows (B, …) and its parameters.

    The gradient by y is c, and the layer's backward pass must make of it those by input
    and parameters. Dropout's mask is that of the seed's first step; batch norm keeps no
    statistics.

    parameters: by name, (*shape). c: (B, *output).
    """

    def __init__(
        self, layer: Layer, x: Array, parameters: Mapping[str, Array], c: Array, seed: int = 0
    ) -> None:
        self.layer, self.rows, self.shape = layer, len(x), x.shape[1:]
        self.c, self.seed = c, seed
        self.layout = Layout(layer.parameters(self.shape))
        own = [parameters[name].ravel() for name in self.layout.shapes]
        super().__init__(np.concatenate([x.ravel(), *own]))
        self.inputs = x.size

    def values(self, points: Array) -> Array:
        place = self._place(points, None)
        y = self._forward(self.layer.bind(place), place, points)
        products = y.reshape(len(points), -1) * self.c.ravel()
        return np.asarray(products.sum(axis=1))

    def gradients(self, points: Array) -> Array:
        found = np.empty_like(points)
        by_parameters = np.empty((len(points), self.layout.size))
        place = self._place(points, by_parameters)
        layer = self.layer.bind(place)
        for scale in (0.7, 1.0):  # another batch goes first
            by_parameters.fill(np.nan)
            dy = np.empty_like(self._forward(layer, place, points, scale))
            dy[...] = self.c * scale
            found[:, : self.inputs] = layer.backward(dy).reshape(len(points), -1)
        found[:, self.inputs :] = by_parameters
        return found

    def _place(self, points: Array, gradients: Array | None) -> Place:
        parameters = np.ascontiguousarray(points[:, self.inputs :])
        return Place(
            self.layout.views(parameters),
            {} if gradients is None else self.layout.views(gradients),
            len(points),
            self.rows,
            self.shape,
            points.dtype,
            inputs_wanted=gradients is not None,
            training=True,
            seeds=[self.seed] * len(points),
        )

    def _forward(self, layer: Pass, place: Place, points: Array, scale: float = 1.0) -> Array:
        x = place.empty(*self.shape)
        x[...] = points[:, : self.inputs].reshape(x.shape) * scale
        return layer.forward(x)

    def label(self, index: int) -> str:
        if index < self.inputs:
            return entry("input", index, (self.rows, *self.shape))
        index -= self.inputs
        for name, columns in self.layout.slices().items():
            if index < columns.stop:
                return entry(name, index - columns.start, self.layout.shapes[name])
        raise IndexError(index)


def entry(name: str, index: int, shape: tuple[int, ...]) -> str:
    """`name[2, 0]` for the index into the flat array."""
    at: Any = np.unravel_index(index, shape)
    return f"{name}[{', '.join(str(i) for i in at)}]"


def parameters_of(layer: Layer, shape: tuple[int, ...], random: np.random.Generator) -> Any:
    """Parameters as a run starts from, then moved: no bias is 0, no scale is 1."""
    found = {name: np.zeros(size) for name, size in layer.parameters(shape).items()}
    layer.initialize(found, shape, random)
    for array in found.values():
        array += 0.3 * random.standard_normal(array.shape)
    return found


def projection(layer: Layer, rows: int, shape: tuple[int, ...], random: Any) -> Array:
    """What the outputs count for, (B, *output); no two alike."""
    size = (rows, *layer.output(shape))
    return np.asarray(random.standard_normal(math.prod(size)).reshape(size))
