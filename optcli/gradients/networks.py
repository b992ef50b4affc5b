"""A network with its loss, data and regularization as a function of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.parameters import Parameters
from optcli.core.randomness import generator
from optcli.gradients.components import entry
from optcli.gradients.functions import Differentiable
from optcli.gradients.tails import Sources, UnitTail, WholeTail, by_unit
from optcli.layers.activations import Activation
from optcli.layers.base import Binding, Step, bind_row
from optcli.layers.convolution import Convolution
from optcli.layers.dense import Dense
from optcli.layers.pooling import Pooling
from optcli.losses.base import Loss
from optcli.models import Architecture, Network
from optcli.training.settings import Regularization
from optcli.training.transforms import Regularize

# Layers whose units are sums of sources, and layers that treat each unit by itself.
LINEAR, ALIKE = (Dense, Convolution), (Activation, Pooling)
# The largest error, relative to the largest number, of equals.
ROUNDING = 1e-12


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
        self.regularized = np.concatenate(
            [np.full(views[name][0].size, name in self.weights) for name in views]
        )

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
        found = self.penalty_moved(entries, to)
        for index in range(len(self.architecture.steps)):
            columns = self.columns(index)
            own = np.flatnonzero((entries >= columns.start) & (entries < columns.stop))
            if own.size:
                kind = UnitTail if self.linear[index] else WholeTail
                found[own] += kind(self, index, found.dtype, own.size).losses(entries[own], to[own])
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

    def scores(self, points: Array) -> Array:
        """Scores (R, B, C) of whole networks with parameters (R, P)."""
        inputs, replicas = self.architecture.shape, len(points)
        binding = self.binding(
            self.architecture.layout.views(points), replicas, inputs, points.dtype
        )
        passes = bind_row(self.architecture.steps, binding)
        y = binding.empty(*inputs)
        y[...] = self.inputs[0]
        for each in passes:
            y = each.forward(y)
        return y.reshape(replicas, self.rows, -1)

    @cached_property
    def inputs(self) -> list[Array]:
        """The input (B, …) of each layer at the present parameters, and the last one's output."""
        found = [self.batch.x.reshape(self.rows, *self.architecture.shape)]
        for index in range(len(self.architecture.steps)):
            found.append(self._through(index, found[-1], self.parameters(index)))
        return found

    def _through(self, index: int, x: Array, parameters: Mapping[str, Array]) -> Array:
        """The output (B, …) of one layer, with these parameters."""
        step = self.architecture.steps[index]
        binding = self.binding({}, 1, step.shape, self.x.dtype)
        binding.parameters, binding.position = dict(parameters), (index,)
        own = binding.empty(*step.shape)
        own[...] = x
        return step.layer.bind(binding).forward(own).copy(order="K")

    def columns(self, index: int) -> slice:
        """Where the parameters of a layer stand in x; an empty slice if it has none."""
        step = self.architecture.steps[index]
        own = [self.slices[f"{step.name}.{name}"] for name in step.layer.parameters(step.shape)]
        return slice(own[0].start, own[-1].stop) if own else slice(0, 0)

    def parameters(self, index: int, x: Array | None = None) -> dict[str, Array]:
        """The parameters of a layer by name, without the axis R."""
        step = self.architecture.steps[index]
        views = self.architecture.layout.views((self.x if x is None else x)[None])
        names = step.layer.parameters(step.shape)
        return {name: views[f"{step.name}.{name}"][0] for name in names}

    @cached_property
    def linear(self) -> list[bool]:
        """Which layers give sums of their sources, as those of `LINEAR` should.

        It is the forward pass that is checked, so that it is asked here: by each layer's output
        at the present point and at a random one.
        """
        return [type(each.layer) in LINEAR and self._sums(i) for i, each in self._numbered()]

    def _sums(self, index: int) -> bool:
        layer, random = self.architecture.steps[index].layer, generator(self.seed, "sums", index)
        x, point = self.inputs[index], self.x
        for _ in range(2):
            own = self.parameters(index, point)
            wanted = Sources(layer, x).sums(own["weight"], own["bias"])
            if not _equal(by_unit(self._through(index, x, own)), wanted):
                return False
            x = x + random.standard_normal(x.shape)
            point = point + random.standard_normal(point.shape)
        return True

    @cached_property
    def alike(self) -> list[bool]:
        """Which layers treat each unit by itself, as activations and pooling should."""
        return [isinstance(each.layer, ALIKE) and self._alone(i) for i, each in self._numbered()]

    def _alone(self, index: int) -> bool:
        step, x = self.architecture.steps[index], self.inputs[index]
        if step.layer.parameters(step.shape):
            return False
        binding = self.binding({}, x.shape[1], (1, *step.shape[1:]), x.dtype)
        units = binding.empty(1, *step.shape[1:])
        units[:, :, 0] = x.swapaxes(0, 1)
        alone = step.layer.bind(binding).forward(units)[:, :, 0]
        return _equal(alone.swapaxes(0, 1), self.inputs[index + 1])

    def _numbered(self) -> Iterator[tuple[int, Step]]:
        return enumerate(self.architecture.steps)

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

    def penalty_moved(self, entries: Array, to: Array) -> Array:
        """The penalty (K,) with one entry each, `entries` (K,), replaced by `to` (K,)."""
        change = self._penalties(to) - self._penalties(self.x[entries])
        return np.asarray(
            sum(self.penalties.values()) + np.where(self.regularized[entries], change, 0)
        )

    def penalty(self, name: str, w: Array) -> Any:
        """l2 · ½·ΣW² + l1 · Σ|W| of parameters (R, …), as (R,)."""
        if name not in self.weights or not (self.regularization.l2 or self.regularization.l1):
            return np.zeros(len(w))
        return self._penalties(w.reshape(len(w), -1)).sum(axis=1)

    def _penalties(self, w: Array) -> Array:
        """l2 · ½·w² + l1 · |w| of each weight."""
        size = np.where(w.real < 0, -w, w)
        return np.asarray(0.5 * self.regularization.l2 * w * w + self.regularization.l1 * size)


def _equal(found: Array, wanted: Array) -> bool:
    """Whether two arrays are equal up to rounding."""
    return bool(np.abs(found - wanted).max() <= ROUNDING * np.abs(wanted).max())
