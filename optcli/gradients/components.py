"""Losses, layers and objectives as functions of all that they have a gradient with respect to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.parameters import Layout
from optcli.gradients.functions import Differentiable
from optcli.layers.activations import Activation
from optcli.layers.base import Binding, Layer, Pass
from optcli.losses.base import Loss
from optcli.losses.plain import PlainLoss
from optcli.objectives.base import Objective

# Scores up to which nothing overflows in float32, of a loss that says where it does in float64.
FLOAT32_SCORES = 80.0
# Numbers that float32 can square and sum without overflow.
FLOAT32_MOST = 1e30
FLOAT32_EPS = float(np.finfo(np.float32).eps)
# Tolerance between float32 and float64, relative to the largest number, for scores of about 1:
# a log near the edge of its domain loses three of its seven digits.
FLOAT32_RTOL = 5e-3
# Rows whose scores are changed, to check that the losses of other rows do not change.
MOST_MOVED = 8
# Relative tolerance for a loss when another row's scores change: rounding.
COUPLED = 1e-9


class LossFunction(Differentiable):
    """The mean loss of a batch as a function of its scores (B, C)."""

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

    def faults(self, *, float32: bool) -> tuple[str, ...]:
        """Rows that influence each other, and errors in float32."""
        found = self._coupled()
        if not float32 or (self.loss.scores and np.abs(self.x).max(initial=0) > FLOAT32_SCORES):
            return found
        target, weight = (_low(each) for each in (self.target, self.weight))
        low = LossFunction(self.loss, _low(self.x).reshape(self.shape), target, weight)
        return (*found, *in_float32(low, self))

    def _coupled(self) -> tuple[str, ...]:
        """Whether the loss of a row changes with the scores of another."""
        rows = self.shape[0]
        scores = self.x.reshape(self.shape)
        moved = np.unique(np.linspace(0, rows - 1, min(rows, MOST_MOVED)).astype(int))
        others = np.repeat(scores[None], len(moved) + 1, axis=0)  # the last one stays
        for replica, row in enumerate(moved):
            others[replica, row] = scores[row - 1]  # any other scores of the domain
        target, _ = self._rows(len(others))
        losses = np.array(self.loss.samples(others, target, None, self.work), dtype=float)
        base = losses[-1]
        changed = np.abs(losses[:-1] - base) > COUPLED * np.abs(base)
        changed[np.arange(len(moved)), moved] = False
        if not changed.any():
            return ()
        replica, row = (int(index) for index in np.argwhere(changed)[0])
        plain = "a plain loss" if isinstance(self.loss, PlainLoss) else "a loss"
        return (
            f"the loss of row {row} changes with the scores of row {moved[replica]}; "
            f"{plain} must treat each row separately",
        )

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
    """Σ c·y of a layer's output y, as a function of its input rows (B, …) and parameters.

    The gradient with respect to y is c; the layer's backward pass computes those with
    respect to input and parameters. Dropout's mask is that of the seed's first step; batch
    norm keeps no statistics.

    parameters: by name, (*shape). c: (B, *output).
    """

    def __init__(
        self, layer: Layer, x: Array, parameters: Mapping[str, Array], c: Array, seed: int = 0
    ) -> None:
        self.layer, self.rows, self.shape = layer, len(x), x.shape[1:]
        self.c, self.seed = c, seed
        self.own = parameters
        self.layout = Layout(layer.parameters(self.shape))
        own = [parameters[name].ravel() for name in self.layout.shapes]
        super().__init__(np.concatenate([x.ravel(), *own]))
        self.inputs = x.size

    def values(self, points: Array) -> Array:
        binding = self._binding(points, None)
        y = self._forward(self.layer.bind(binding), binding, points)
        products = y.reshape(len(points), -1) * self.c.ravel()
        return np.asarray(products.sum(axis=1))

    def gradients(self, points: Array) -> Array:
        found = np.empty_like(points)
        by_parameters = np.empty((len(points), self.layout.size), points.dtype)
        binding = self._binding(points, by_parameters)
        layer = self.layer.bind(binding)
        for scale in (0.7, 1.0):  # another batch goes first
            by_parameters.fill(np.nan)
            dy = np.empty_like(self._forward(layer, binding, points, scale))
            dy[...] = self.c * scale
            found[:, : self.inputs] = layer.backward(dy).reshape(len(points), -1)
        found[:, self.inputs :] = by_parameters
        return found

    def faults(self, *, float32: bool) -> tuple[str, ...]:
        """Entries of an activation that influence each other, and errors in float32."""
        found = self._coupled() if isinstance(self.layer, Activation) else ()
        if not float32:
            return found
        x = self.x[: self.inputs].reshape(self.rows, *self.shape)
        own = {name: _low(array) for name, array in self.own.items()}
        low = LayerFunction(self.layer, _low(x), own, _low(self.c), self.seed)
        return (*found, *in_float32(low, self))

    def _coupled(self) -> tuple[str, ...]:
        """Whether one output of an activation changes with the input of another."""
        if self.inputs < 2:
            return ()
        other = self.x.copy()
        other[0] = other[1] + 0.5
        binding = self._binding(self.x[None], None)
        layer = self.layer.bind(binding)
        base, moved = (
            self._forward(layer, binding, point[None]).copy().ravel() for point in (self.x, other)
        )
        changed = np.abs(moved - base) > COUPLED * np.abs(base)
        changed[0] = False
        if not changed.any():
            return ()
        at = entry("input", int(changed.argmax()), (self.rows, *self.shape))
        first = entry("input", 0, (self.rows, *self.shape))
        return (
            f"the output for {at} changes with {first}; "
            "an activation must treat each number separately",
        )

    def _binding(self, points: Array, gradients: Array | None) -> Binding:
        parameters = np.ascontiguousarray(points[:, self.inputs :])
        return Binding(
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

    def _forward(self, layer: Pass, binding: Binding, points: Array, scale: float = 1.0) -> Array:
        x = binding.empty(*self.shape)
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


def _low(array: Any) -> Any:
    """The array in float32; integers and None are returned unchanged."""
    if array is None or array.dtype.kind != "f":
        return array
    return array.astype(np.float32)


def in_float32(low: Differentiable, function: Differentiable) -> tuple[str, ...]:
    """Differences between a function's value and gradient in float32 and in float64.

    Models are trained in float32. A result that is not finite there, or far from that of
    float64 at the same point, shows overflow or cancellation of an intermediate result.
    """
    x = low.x.astype(float)
    with np.errstate(all="ignore"):
        value, gradient = function.values(x[None])[0], function.gradients(x[None])[0]
        largest = float(np.abs(gradient).max(initial=0))
        size = float(np.abs(x).max(initial=0))
        if not max(abs(value), largest, size) < FLOAT32_MOST:
            return ()
        found, slopes = low.values(low.x[None])[0], low.gradients(low.x[None])[0]
    part = FLOAT32_RTOL + 8 * FLOAT32_EPS * size
    wide = part * largest + FLOAT32_RTOL * FLOAT32_EPS
    off = np.flatnonzero(~(np.abs(slopes - gradient) <= wide))
    differences = []
    if not abs(found - value) <= part * max(1, abs(value)):
        differences.append(f"in float32 the value is {found:.6g}, in float64 {value:.6g}")
    if off.size:
        at = int(off[0])
        text = f"{function.label(at)} is {slopes[at]:.6g}, in float64 {gradient[at]:.6g}"
        differences.append(f"in float32 the gradient of {text}")
    return tuple(differences)


def entry(name: str, index: int, shape: tuple[int, ...]) -> str:
    """The entry with this index into the flat array, as in `name[2, 0]`."""
    at: Any = np.unravel_index(index, shape)
    return f"{name}[{', '.join(str(i) for i in at)}]"


def parameters_of(layer: Layer, shape: tuple[int, ...], random: np.random.Generator) -> Any:
    """Initial parameters plus noise: no bias is 0, no scale is 1."""
    found = {name: np.zeros(size) for name, size in layer.parameters(shape).items()}
    layer.initialize(found, shape, random)
    for array in found.values():
        array += 0.3 * random.standard_normal(array.shape)
    return found


def projection(layer: Layer, rows: int, shape: tuple[int, ...], random: Any) -> Array:
    """The weights c of the outputs, (B, *output), all different."""
    size = (rows, *layer.output(shape))
    return np.asarray(random.standard_normal(math.prod(size)).reshape(size))
