"""Oracles: the loss and its derivatives at any point, for optimizers that need them.

Newton needs curvatures, SVRG the gradient at a snapshot, SAGA that of each row. The protocol
is `optimizers.base.Oracle`; `OfModel` implements it for a network and its data, and counts
gradient evaluations: a forward and a backward pass over the rows of one batch are one, a pass in
one direction is half of one, and a pass over all training rows counts as many as it has batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.parameters import Parameters
from optcli.data.batches import Batch, Batches, Source
from optcli.losses.base import Loss
from optcli.models import Architecture, Network
from optcli.optimizers.base import FOUR_POINTS, difference
from optcli.training.settings import Regularization
from optcli.training.transforms import Regularize

# Rows of one pass of those over all training rows. Fixed, so that a replica's sums have
# the same bits whatever the company.
ROWS = 256


class OfModel:
    """The oracle of R replicas of a model, with networks of its own beside the cohort's.

    sources: of the replicas' training rows. rows: their rows in the cohort. batches: the
    cohort's batches, for the order of the rows.
    """

    def __init__(
        self,
        architecture: Architecture,
        loss: Loss,
        regularization: Regularization,
        sources: Sequence[Source],
        rows: slice,
        batches: Batches,
        dtype: np.dtype[Any],
    ) -> None:
        self.architecture, self.loss, self.regularization = architecture, loss, regularization
        self.replicas, self.sources, self.batches = rows, sources, batches
        self.steps_per_epoch = batches.steps
        shape = (len(sources), architecture.layout.size)
        self.point = Parameters(architecture.layout, np.empty(shape, dtype))
        self.slope = Parameters(architecture.layout, np.empty(shape, dtype))
        self.weights = [(self.point.views[n], self.slope.views[n]) for n in architecture.weights()]
        self.regularize = Regularize(regularization, self.weights)
        self.regularize_squares = Regularize(Regularization(l2=regularization.l2), self.weights)
        self.work = Workspace()
        self.networks: dict[tuple[int, int], Network] = {}
        self.evaluations = np.zeros(len(sources))  # so far, of each replica
        self.needed: Array | None = None
        self.known = 0  # the epoch that `order` and `shares` are of

    def see(self, epoch: int, step: int, batch: Batch) -> None:
        """Select the rows of a step; epoch from 1, step of the training from 0."""
        self.epoch, self.step, self.start, self.stop = epoch, step, batch.start, batch.stop
        self.x, self.y = self._own(batch.x), self._own(batch.y)
        self.weight = None if batch.weight is None else self._own(batch.weight)

    def _own(self, array: Array) -> Array:
        """The part of the oracle's replicas, of (S, …) for those of the cohort."""
        return array if len(array) == 1 else array[self.replicas]

    def gradient(self, x: Array, out: Array) -> Array:
        loss = self._pass(x, self.x, self.y, self.weight)
        self._count(1)
        self.regularize()
        np.copyto(out, self.slope.buffer)
        return loss + self._penalty()

    def full_gradient(self, x: Array, out: Array) -> None:
        every = Batches(self.sources, self._rows_of_a_pass(), shuffle=False)
        self._count(self.steps_per_epoch)
        total = self._counts(*every.targets(1)).sum(axis=1, dtype=np.float64)
        out.fill(0)
        for batch in every.epoch(1):
            self._pass(x, batch.x, batch.y, batch.weight, whole=True)
            share = self._counts(batch.y, batch.weight).sum(axis=1, dtype=np.float64) / total
            np.multiply(self.slope.buffer, share[:, None].astype(out.dtype), self.slope.buffer)
            np.add(out, self.slope.buffer, out)
        np.copyto(self.slope.buffer, out)
        self.regularize()
        np.copyto(out, self.slope.buffer)

    def _rows_of_a_pass(self) -> int:
        """Rows per pass such that no single row remains, for which batch norm would return 0."""
        total = len(self.sources[0].part.x)
        return next((rows for rows in range(ROWS, 2, -1) if total % rows != 1), ROWS)

    def gauss_newton(self, x: Array, v: Array, out: Array) -> None:
        network = self._network(self.point, self.slope, self.x.shape[1])
        h = difference(v)
        change = np.zeros_like(network.gradient)  # of ∂loss/∂scores, along v
        for place, weight in FOUR_POINTS:
            np.multiply(v, place * h, self.point.buffer)
            np.add(x, self.point.buffer, self.point.buffer)
            scores = network.forward(self.x, self.step)
            self.loss.value_and_gradient(scores, self.y, network.gradient, self.weight, self.work)
            change += network.gradient * (weight / h)[..., None]
        np.copyto(self.point.buffer, x)
        network.forward(self.x, self.step)
        np.copyto(network.gradient, change)
        network.backward()
        self._count((len(FOUR_POINTS) + 1) / 2 + 1 / 2)
        np.copyto(self.point.buffer, v)
        self.regularize_squares()
        np.copyto(out, self.slope.buffer)

    def rows(self) -> tuple[Array, Array, Array]:
        if self.known != self.epoch:
            self._know()
        part = slice(self.start, self.stop)
        in_all = self.shares[:, part]
        total = in_all.sum(axis=1, keepdims=True)
        share = np.divide(in_all, total, out=np.zeros_like(in_all), where=total > 0)
        return self.order[:, part], share, in_all

    def _know(self) -> None:
        """Store the order of the epoch's rows, and their weights in the loss on all of them."""
        batches, replicas = self.batches, len(self.sources)
        y, weight = batches.targets(self.epoch)
        counts = self._counts(self._own(y), None if weight is None else self._own(weight))
        shares = counts / counts.sum(axis=1, keepdims=True)
        order = self._own(batches.order(self.epoch))
        self.known = self.epoch
        self.shares = np.broadcast_to(shares, (replicas, batches.total))
        self.order = np.broadcast_to(order, (replicas, batches.total))

    def row_gradients(self, x: Array) -> Array:
        """Each row is a replica of its own, of a cohort of R·B with one row."""
        replicas, rows = len(x), self.x.shape[1]
        shape = (replicas * rows, x.shape[1])
        point = self.work.buffer("row points", shape, x.dtype)
        slope = self.work.buffer("row slopes", shape, x.dtype)
        point.reshape(replicas, rows, -1)[:] = x[:, None]
        layout = self.architecture.layout
        network = self._network(Parameters(layout, point), Parameters(layout, slope), 1)
        scores = network.forward(self._apart(self.x), self.step)
        y = self._apart(self.y)
        self.loss.value_and_gradient(scores, y, network.gradient, None, self.work)
        network.backward()
        self._count(1)
        return slope.reshape(replicas, rows, -1)

    def _count(self, evaluations: float) -> None:
        """Add gradient evaluations of each replica that needs them."""
        self.evaluations[slice(None) if self.needed is None else self.needed] += evaluations

    def _apart(self, array: Array) -> Array:
        """Rows (S, B, …) as (R·B, 1, …)."""
        whole = np.broadcast_to(array, (len(self.sources), *array.shape[1:]))
        return whole.reshape(-1, 1, *array.shape[2:])

    def _pass(
        self, at: Array, x: Array, y: Array, weight: Array | None, whole: bool = False
    ) -> Array:
        """The loss (R,), and its gradient into `slope`, without regularization."""
        np.copyto(self.point.buffer, at)
        network = self._network(self.point, self.slope, x.shape[1])
        network.clock.whole = whole
        scores = network.forward(x, self.step)
        loss = self.loss.value_and_gradient(scores, y, network.gradient, weight, self.work)
        network.backward()
        return loss

    def _penalty(self) -> Array | float:
        """The regularization penalty, (R,)."""
        l1, l2 = self.regularization.l1, self.regularization.l2
        flat = [w.reshape(len(w), -1) for w, _ in self.weights]
        squares = sum(0.5 * l2 * np.vecdot(w, w) for w in flat) if l2 else 0.0
        sizes = sum(l1 * np.abs(w).sum(axis=1) for w in flat) if l1 else 0.0
        return squares + sizes

    def _counts(self, y: Array, weight: Array | None) -> Array:
        """The weight of each row in the mean, (S, B)."""
        counts = self.loss.counts(y, weight, self.work)
        return np.ones(y.shape[:2], self.point.buffer.dtype) if counts is None else counts

    def _network(self, parameters: Parameters, gradients: Parameters, rows: int) -> Network:
        """The network on these parameters for so many rows, made once; dropout as in training."""
        key = (id(parameters.buffer), rows)
        if key not in self.networks:
            each = len(parameters.buffer) // len(self.sources)
            self.networks[key] = Network(
                self.architecture,
                parameters,
                gradients,
                rows,
                training=True,
                seeds=[source.seed for source in self.sources for _ in range(each)],
            )
        return self.networks[key]
