"""Heights: the loss at many points of parameter space, and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.parameters import Parameters
from optcli.data.batches import Batches, Source
from optcli.data.preparation import Part
from optcli.models import Network
from optcli.training.cohort import EVALUATION_ROWS, Cohort
from optcli.training.evaluation import Evaluation

# What the replicas of one chunk take, so that it stays in the cache; and their number, at most.
CHUNK_BYTES, MOST_AT_ONCE = 16_000_000, 256
# Writes the parameters (R, P) and the statistics (R, S) of some of the points.
Fill = Callable[[slice, Array, Array], None]


class Heights:
    """The loss on a part of the data as `evaluate` measures it, each point being a replica."""

    def __init__(self, cohort: Cohort, part: Part) -> None:
        self.cohort, self.part = cohort, part
        self.architecture = cohort.architecture()
        self.measuring: dict[int, tuple[Parameters, Parameters, Evaluation]] = {}

    def __call__(self, count: int, fill: Fill) -> Array:
        """The losses (M,) of M points, which `fill` writes.

        What is not finite stays so. Each has the bits of the point alone.
        """
        found = np.empty(count)
        most = min(count, self._at_once())
        with np.errstate(all="ignore"):
            for start in range(0, count, most):
                rows = min(most, count - start)
                parameters, statistics, evaluation = self._evaluation(rows)
                fill(slice(start, start + rows), parameters.buffer, statistics.buffer)
                found[start : start + rows], _ = evaluation(metrics=False)
        return found

    def _evaluation(self, rows: int) -> tuple[Parameters, Parameters, Evaluation]:
        if rows not in self.measuring:
            layouts = self.architecture.layout, self.architecture.statistics
            dtype = self.cohort.dtype
            made = [Parameters(of, np.empty((rows, of.size), dtype)) for of in layouts]
            parts = [self.part] * rows
            evaluation = Evaluation(self.cohort, self.architecture, made[0], parts, made[1])
            self.measuring = {rows: (made[0], made[1], evaluation)}
        return self.measuring[rows]

    def _at_once(self) -> int:
        architecture = self.architecture
        numbers = architecture.layout.size + len(self.part.x) * architecture.outputs
        batch = min(EVALUATION_ROWS, len(self.part.x))
        numbers += batch * sum(each.layer.buffer_size(each.shape) for each in architecture.steps)
        each = numbers * self.cohort.dtype.itemsize
        return max(1, min(MOST_AT_ONCE, CHUNK_BYTES // max(1, each)))


class Slopes:
    """The gradient of that loss on a part, for R points at once, in float64.

    It is the oracle of `optimizers.base.hessian_product`. statistics: (S,), the same for all.
    """

    def __init__(self, cohort: Cohort, part: Part, statistics: Array, replicas: int) -> None:
        self.loss, self.architecture = cohort.loss, cohort.architecture()
        shape = (replicas, self.architecture.layout.size)
        self.point = Parameters(self.architecture.layout, np.empty(shape))
        self.slope = Parameters(self.architecture.layout, np.empty(shape))
        own = np.broadcast_to(statistics.astype(np.float64), (replicas, len(statistics))).copy()
        self.statistics = Parameters(self.architecture.statistics, own)
        y = part.y.astype(np.float64) if part.y.dtype.kind == "f" else part.y
        weight = None if part.weight is None else part.weight.astype(np.float64)
        wide = Part(np.ascontiguousarray(part.x, np.float64), y, weight)
        sources = [Source(wide, 0)] * replicas
        self.batches = Batches(sources, EVALUATION_ROWS, shuffle=False)
        self.networks: dict[int, Network] = {}
        self.work = Workspace()

    def gradient(self, x: Array, out: Array) -> Array:
        """Return the loss (R,) at x (R, P), and write its gradient into `out`."""
        np.copyto(self.point.buffer, x)
        out.fill(0)
        total, loss = np.zeros(len(x)), np.zeros(len(x))
        with np.errstate(all="ignore"):
            for batch in self.batches.epoch(1):
                network = self._network(batch.stop - batch.start)
                scores = network.forward(batch.x)
                value = self.loss.value_and_gradient(
                    scores, batch.y, network.gradient, batch.weight, self.work
                )
                network.backward()
                counts = self.loss.counts(batch.y, batch.weight, self.work)
                rows = batch.stop - batch.start
                share = np.full(len(x), float(rows)) if counts is None else counts.sum(axis=1)
                np.multiply(self.slope.buffer, share[:, None], self.slope.buffer)
                out += self.slope.buffer
                total += share
                loss += value * share
            out /= total[:, None]
        return loss / total

    def _network(self, rows: int) -> Network:
        if rows not in self.networks:
            self.networks[rows] = Network(
                self.architecture,
                self.point,
                self.slope,
                rows,
                training=False,
                statistics=self.statistics,
            )
        return self.networks[rows]
