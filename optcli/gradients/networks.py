"""A network with its loss, data and regularization as a function of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.parameters import Layout, Parameters
from optcli.gradients.components import entry
from optcli.gradients.functions import Differentiable, chunks, cohort_size
from optcli.layers.activations import Activation
from optcli.layers.base import Binding, Pass, Step, bind_row
from optcli.layers.dense import Dense
from optcli.losses.base import Loss
from optcli.models import Architecture, Network
from optcli.training.settings import Regularization
from optcli.training.transforms import Regularize

# Layers that treat every row separately and alike: rows of all replicas may share a call.
ROW_BY_ROW = (Dense, Activation)


@dataclass(frozen=True)
class FixedBatch:
    """Rows x (B, …), targets y (B,) or (B, C), and the rows' weights (B,) or None."""

    x: Array
    y: Array
    weight: Array | None = None


class NetworkFunction(Differentiable):
    """Loss and penalty of a batch, as a function of the P parameters of a network in training.

    Dropout's mask is that of the seed's first step for all replicas; batch norm keeps no
    statistics. The output of the layers before the one whose parameter changes is computed
    once; the layers after it have the same parameters for all replicas.
    """

    def __init__(
        self,
        architecture: Architecture,
        x: Array,
        loss: Loss,
        batch: FixedBatch,
        regularization: Regularization,
        seed: int = 0,
    ) -> None:
        super().__init__(x)
        self.architecture, self.loss, self.batch = architecture, loss, batch
        self.regularization, self.seed = regularization, seed
        self.rows = len(batch.x)
        widths = sum(step.layer.buffer_size(step.shape) for step in architecture.steps)
        self.room = x.size + self.rows * widths
        self.work = Workspace()
        self.slices = architecture.layout.slices()
        self.weights = set(architecture.weights())
        views = architecture.layout.views(x[None])
        self.penalties = {name: self.penalty(name, views[name])[0] for name in views}

    def values(self, points: Array) -> Array:
        layout = self.architecture.layout
        scores = self.scores(points)
        penalty = sum(self.penalty(name, v) for name, v in layout.views(points).items())
        return np.asarray(self.losses(scores) + penalty)

    def label(self, index: int) -> str:
        for name, columns in self.slices.items():
            if index < columns.stop:
                return entry(name, index - columns.start, self.architecture.layout.shapes[name])
        raise IndexError(index)

    def moved(self, entries: Array, to: Array) -> Array:
        found = np.empty(len(entries), np.result_type(to, self.x))
        y = self._inputs()
        for index, step in enumerate(self.architecture.steps):
            names = [f"{step.name}.{name}" for name in step.layer.parameters(step.shape)]
            if names:
                start, stop = self.slices[names[0]].start, self.slices[names[-1]].stop
                own = np.flatnonzero((entries >= start) & (entries < stop))
                if own.size:
                    tail = Tail(self, index, y, slice(start, stop), found.dtype, own.size)
                    for part in chunks(own.size, tail.replicas):
                        at = own[part]
                        found[at] = tail.values(entries[at], to[at])
            y = self._through(step, index, y)
        return found

    def gradients(self, points: Array) -> Array:
        replicas = len(points)
        parameters = Parameters(self.architecture.layout, points.copy())
        gradients = Parameters(self.architecture.layout, np.full(points.shape, np.nan))
        network = Network(
            self.architecture,
            parameters,
            gradients,
            self.rows,
            training=True,
            seeds=[self.seed] * replicas,
        )
        x = self.batch.x.reshape(1, self.rows, -1)
        y, weight = self._targets(replicas)
        for order in (slice(None, None, -1), slice(None)):  # another batch goes first
            gradients.buffer.fill(np.nan)
            network.gradient.fill(np.nan)
            scores = network.forward(np.ascontiguousarray(x[:, order]))
            self.loss.value_and_gradient(scores, y, network.gradient, weight, self.work)
            network.backward()
        regularized = [(parameters.views[n], gradients.views[n]) for n in self.weights]
        Regularize(self.regularization, regularized)()
        return gradients.buffer

    def _inputs(self) -> Array:
        """The rows in the shape of the first layer's input."""
        return self.batch.x.reshape(self.rows, *self.architecture.shape)

    def scores(self, points: Array) -> Array:
        """Scores (R, B, C) of whole networks with parameters (R, P)."""
        inputs, replicas = self.architecture.shape, len(points)
        binding = self.binding(
            self.architecture.layout.views(points), replicas, inputs, points.dtype
        )
        passes = bind_row(self.architecture.steps, binding)
        y = binding.empty(*inputs)
        y[...] = self._inputs()
        for each in passes:
            y = each.forward(y)
        return y.reshape(replicas, self.rows, -1)

    def _through(self, step: Step, index: int, x: Array) -> Array:
        """The output (B, …) of one layer at the present parameters."""
        binding = self.binding_of(step, index, 1, self.x.dtype)
        own = binding.empty(*step.shape)
        own[...] = x
        return step.layer.bind(binding).forward(own).copy(order="K")

    def binding(
        self,
        views: dict[str, Array],
        replicas: int,
        shape: tuple[int, ...],
        dtype: Any,
        rows: int | None = None,
    ) -> Binding:
        """A binding for the forward pass only; rows: per replica, by default the batch's."""
        return Binding(
            views,
            {},
            replicas,
            rows or self.rows,
            shape,
            dtype,
            inputs_wanted=False,
            training=True,
            seeds=[self.seed] * replicas,
        )

    def binding_of(
        self, step: Step, index: int, replicas: int, dtype: Any, rows: int | None = None
    ) -> Binding:
        """A layer's binding with the same parameters for all replicas."""
        views = self.architecture.layout.views(self.x[None].astype(dtype))
        shared = {
            name: np.broadcast_to(view, (replicas, *view.shape[1:])) for name, view in views.items()
        }
        binding = self.binding(shared, replicas, self.architecture.shape, dtype, rows)
        return binding.inner(step, index, inputs_wanted=False)

    def _targets(self, replicas: int) -> tuple[Array, Array | None]:
        y, weight = self.batch.y, self.batch.weight
        repeated = np.repeat(y[None], replicas, axis=0)
        return repeated, None if weight is None else np.repeat(weight[None], replicas, axis=0)

    def losses(self, scores: Array) -> Array:
        """The loss (R,) of scores (R, B, C)."""
        replicas = len(scores)
        y, weight = self.work.constant(("targets", replicas), lambda: self._targets(replicas))
        return self.loss.value(scores, y, weight, self.work)

    def penalty(self, name: str, w: Array) -> Any:
        """l2 · ½·ΣW² + l1 · Σ|W| of parameters (R, …), as (R,)."""
        l2, l1 = self.regularization.l2, self.regularization.l1
        if name not in self.weights or not (l2 or l1):
            return np.zeros(len(w))
        w = w.reshape(len(w), -1)
        size = np.where(w.real < 0, -w, w)
        return (0.5 * l2 * w * w + l1 * size).sum(axis=1)


class Tail:
    """A network from one layer on, for replicas that differ in that layer's parameters."""

    def __init__(
        self, whole: NetworkFunction, index: int, x: Array, columns: slice, dtype: Any, wanted: int
    ) -> None:
        self.whole, self.columns = whole, columns
        steps = whole.architecture.steps
        first, *rest = steps[index:]
        widths = sum(step.layer.buffer_size(step.shape) for step in steps[index:])
        own = columns.stop - columns.start
        # numbers per replica: its parameters, and its rows in the layers that follow
        self.replicas = max(2, min(cohort_size(own + whole.rows * widths), wanted))

        names = list(first.layer.parameters(first.shape))
        shapes = {name: whole.architecture.layout.shapes[f"{first.name}.{name}"] for name in names}
        self.base = whole.x[columns].astype(dtype)
        self.buffer = np.tile(self.base, (self.replicas, 1))
        self.views = Layout(shapes).views(self.buffer)
        binding = whole.binding({}, self.replicas, first.shape, dtype)
        binding.parameters, binding.position = self.views, (index,)
        self.first = first.layer.bind(binding)
        self.x, self.input = x, binding.empty(*first.shape)
        self.rest = [self._bound(step, i, dtype) for i, step in enumerate(rest, index + 1)]
        self.penalty = sum(
            value
            for name, value in whole.penalties.items()
            if name not in {f"{first.name}.{own}" for own in names}
        )
        self.names = {name: f"{first.name}.{name}" for name in names}

    def _bound(self, step: Step, index: int, dtype: Any) -> tuple[Pass, tuple[int, ...]]:
        """A layer bound to its buffers, and the shape of its input."""
        whole = self.whole
        if isinstance(step.layer, ROW_BY_ROW):
            rows = self.replicas * whole.rows
            binding = whole.binding_of(step, index, 1, dtype, rows)
        else:
            binding = whole.binding_of(step, index, self.replicas, dtype)
        return step.layer.bind(binding), (*binding.leading, *step.shape)

    def values(self, entries: Array, to: Array) -> Array:
        """The values (K,) of at most as many replicas as are bound."""
        count = len(entries)
        rows, columns = np.arange(count), entries - self.columns.start
        self.buffer[rows, columns] = to
        np.copyto(self.input, self.x)
        y = self.first.forward(self.input)
        for each, shape in self.rest:
            y = each.forward(y.reshape(shape))
        whole = self.whole
        found = whole.losses(y.reshape(self.replicas, whole.rows, -1))
        penalty = self.penalty + sum(
            whole.penalty(name, self.views[own]) for own, name in self.names.items()
        )
        self.buffer[rows, columns] = self.base[columns]
        return np.asarray((found + penalty)[:count])
