"""Tails: a network from one layer on, for replicas that differ in one number of that layer.

Finite differences move one number at a time. All before its layer stays as it is, so that a
replica begins there; and where that number enters one unit of the layer's output alone, as in a
dense layer or a convolution, the rest of the output stays, too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from optcli.core.arrays import Array
from optcli.core.parameters import Layout
from optcli.gradients.functions import FEWEST_POINTS, chunks, cohort_size
from optcli.layers.activations import Activation
from optcli.layers.base import Binding, Layer, Pass, rows_last
from optcli.layers.convolution import Convolution, pair
from optcli.layers.dense import Dense

if TYPE_CHECKING:
    from optcli.gradients.networks import NetworkFunction

# Layers that treat every row separately and alike: rows of all replicas may share a call.
ROW_BY_ROW = (Dense, Activation)
# The largest number of values of the replicas of a call of `UnitTail` (2 MB).
UNIT_NUMBERS = 2**18


class Tail(ABC):
    """A network from one of its layers on, for a number of replicas at once."""

    def __init__(
        self, whole: NetworkFunction, index: int, after: int, replicas: int, dtype: Any
    ) -> None:
        """index: of the layer. after: of the first that is computed anew, as a whole."""
        self.whole, self.index, self.replicas, self.dtype = whole, index, replicas, dtype
        steps = whole.architecture.steps
        self.first = steps[index]
        self.rest = [self._bound(i) for i in range(after, len(steps))]

    def losses(self, entries: Array, to: Array) -> Array:
        """The losses (K,) at x with one entry each, `entries` (K,) of the layer, replaced."""
        found = np.empty(len(entries), self.dtype)
        for part in chunks(len(entries), self.replicas):
            y = self.changed(entries[part], to[part])
            for each, shape in self.rest:
                y = each.forward(y.reshape(shape))
            y = y.reshape(self.replicas, self.whole.rows, -1)
            found[part] = self.whole.losses(y)[: part.stop - part.start]
        return found

    @abstractmethod
    def changed(self, entries: Array, to: Array) -> Array:
        """The input of the layers that are computed anew, for at most `replicas` entries."""

    def _bound(self, index: int) -> tuple[Pass, tuple[int, ...]]:
        """A layer bound to its buffers, and the shape of its input."""
        whole, step = self.whole, self.whole.architecture.steps[index]
        if isinstance(step.layer, ROW_BY_ROW):
            rows = self.replicas * whole.rows
            binding = whole.binding_of(step, index, 1, self.dtype, rows)
        else:
            binding = whole.binding_of(step, index, self.replicas, self.dtype)
        if len(step.output) == 1:  # so that rows of all replicas are rows of one matrix
            binding.place = np.empty((*binding.leading, *step.output), self.dtype)
        return step.layer.bind(binding), (*binding.leading, *step.shape)


class WholeTail(Tail):
    """The tail whose first layer is computed with parameters of its own for each replica."""

    def __init__(self, whole: NetworkFunction, index: int, dtype: Any, wanted: int) -> None:
        steps = whole.architecture.steps
        widths = sum(step.layer.buffer_size(step.shape) for step in steps[index:])
        self.columns = whole.columns(index)
        own = self.columns.stop - self.columns.start
        # numbers per replica: its parameters, and its rows in the layers that follow
        replicas = max(2, min(cohort_size(own + whole.rows * widths), wanted))
        super().__init__(whole, index, index + 1, replicas, dtype)

        first = self.first
        names = list(first.layer.parameters(first.shape))
        shapes = {name: whole.architecture.layout.shapes[f"{first.name}.{name}"] for name in names}
        self.base = whole.x[self.columns].astype(dtype)
        self.buffer = np.tile(self.base, (replicas, 1))
        self.views = Layout(shapes).views(self.buffer)
        binding = whole.binding({}, replicas, first.shape, dtype)
        binding.parameters, binding.position = self.views, (index,)
        self.own = first.layer.bind(binding)
        self.input = binding.empty(*first.shape)

    def changed(self, entries: Array, to: Array) -> Array:
        rows, columns = np.arange(len(entries)), entries - self.columns.start
        self.buffer[rows, columns] = to
        np.copyto(self.input, self.whole.inputs[self.index])
        y = self.own.forward(self.input)
        self.buffer[rows, columns] = self.base[columns]
        return y


class UnitTail(Tail):
    """The tail of a dense layer or a convolution, of whose output one unit changes.

    A unit is the sum of its sources (see `Sources`) by its weights. A weight moved by δ adds δ
    times its source: an update of rank one instead of a product. The layers that treat units
    alike see this unit alone, and a dense layer after them adds Δ·W_u, the unit's change Δ (B,)
    times its weights. What is added is small, so that its own rounding does not count.
    """

    def __init__(self, whole: NetworkFunction, index: int, dtype: Any, wanted: int) -> None:
        steps = whole.architecture.steps
        first, after = steps[index], index + 1
        while after < len(steps) and whole.alike[after]:
            after += 1
        alike = steps[index + 1 : after]
        self.before = whole.inputs[after]  # all units, of which one changes
        self.W: Array | None = None
        if after < len(steps) and isinstance(steps[after].layer, Dense) and whole.linear[after]:
            self.W = whole.parameters(after)["weight"]
            after += 1
        self.base = whole.inputs[after]

        # numbers per replica: of the unit, and of all units once they are changed
        numbers = sum(step.layer.buffer_size((1, *step.shape[1:])) for step in (first, *alike))
        numbers += sum(step.layer.buffer_size(step.shape) for step in steps[after:])
        most = UNIT_NUMBERS // (whole.rows * numbers + 2 * self.base.size)
        super().__init__(whole, index, after, max(2, min(max(FEWEST_POINTS, most), wanted)), dtype)

        def binding(*shape: int) -> Binding:
            return whole.binding({}, self.replicas, shape, dtype)

        self.start = whole.columns(index).start
        self.sources = Sources(first.layer, whole.inputs[index])
        self.outputs = by_unit(whole.inputs[index + 1])
        self.unit = binding().empty(1, *first.output[1:])
        memory = self.unit if self.unit.ndim == 3 else rows_last(self.unit)
        self.unit_rows = memory.reshape(self.replicas, -1, copy=False)
        self.alike = [step.layer.bind(binding(1, *step.shape[1:])) for step in alike]
        self.y = binding().empty(*self.base.shape[1:])
        if self.base.ndim == 2:  # rows, as `_bound` has them
            self.base = np.ascontiguousarray(self.base)
            self.y = np.empty(self.y.shape, dtype)

    def changed(self, entries: Array, to: Array) -> Array:
        replicas = slice(len(entries))
        units, sources = self.sources.places(entries - self.start)
        step = to - self.whole.x[entries]
        change = step[:, None] * self.sources.values[sources]
        np.add(self.outputs[units], change, self.unit_rows[replicas])
        u = self.unit
        for each in self.alike:
            u = each.forward(u)
        if self.W is None:
            np.copyto(self.y, self.base)
            self.y[np.arange(len(entries)), :, units] = u[replicas, :, 0]
        else:
            change = u[replicas, :, 0] - self.before.T[units]
            np.multiply(change[:, :, None], self.W[units, None], self.y[replicas])
            np.add(self.y, self.base, self.y)
        return self.y


class Sources:
    """What a dense layer or a convolution sums by its weights, to give each of its units.

    The numbers of a row, or the pixels of a window, and 1, whose weight is the bias. values:
    (S, L) for L rows, or for each window of each row.
    """

    def __init__(self, layer: Layer, x: Array) -> None:
        """x: the layer's input (B, …)."""
        self.layer = layer
        values = _windows(layer, x) if isinstance(layer, Convolution) else x.T
        self.values = np.concatenate([values, np.ones_like(values[:1])])

    def places(self, entries: Array) -> tuple[Array, Array]:
        """The unit and the source to which entries (K,) of the layer's parameters belong."""
        last = len(self.values) - 1  # the bias's
        if isinstance(self.layer, Convolution):  # weights (F, S), then biases (F,)
            weights = self.layer.channels * last
            of_bias = entries >= weights
            units = np.where(of_bias, entries - weights, entries // last)
            return units, np.where(of_bias, last, entries % last)
        assert isinstance(self.layer, Dense)
        sources, units = np.divmod(entries, self.layer.units)  # weights (D, H), then biases (H,)
        return units, sources

    def sums(self, weights: Array, bias: Array) -> Array:
        """The units (H, L) by these weights."""
        if isinstance(self.layer, Convolution):
            weights = weights.reshape(len(weights), -1).T
        return np.asarray(np.concatenate([weights, bias[None]]).T @ self.values)


def by_unit(x: Array) -> Array:
    """The units (H, L) of rows (B, H), or of images (B, H, …), whose rows go innermost."""
    return x.T if x.ndim == 2 else rows_last(x).reshape(x.shape[1], -1)


def _windows(layer: Convolution, x: Array) -> Array:
    """The pixels (C·h·w, H'·W'·B) of the windows of images x (B, C, H, W)."""
    over, beside = pair(layer.padding)
    down, right = pair(layer.stride)
    image = np.pad(rows_last(x), ((0, 0), (over, over), (beside, beside), (0, 0)))
    found = sliding_window_view(image, pair(layer.kernel), (1, 2))[:, ::down, ::right]
    return found.transpose(0, 4, 5, 1, 2, 3).reshape(len(image) * math.prod(found.shape[4:]), -1)
