"""Evaluation: losses and metrics of a cohort, on a part of the data or as they were seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.events import EpochEnded
from optcli.core.parameters import Parameters
from optcli.data.batches import Batches, Source
from optcli.data.preparation import Part
from optcli.metrics import TALLIED, Additive
from optcli.models import Architecture, Network
from optcli.training.cohort import EVALUATION_ROWS, Cohort
from optcli.training.model_file import Trained


class Evaluation:
    """Measures a cohort on one part of the data for each replica.

    Losses are in training units, metrics in those of the data. Nothing is
    learned, and dropout is off.
    """

    def __init__(
        self,
        cohort: Cohort,
        architecture: Architecture,
        parameters: Parameters,
        parts: Sequence[Part],
        statistics: Parameters | None = None,
    ) -> None:
        self.cohort, self.architecture, self.parameters = cohort, architecture, parameters
        self.statistics = statistics
        sources = [Source(part, 0) for part in parts]
        self.batches = Batches(sources, EVALUATION_ROWS, shuffle=False)
        self.networks: dict[int, Network] = {}
        self.work = Workspace()
        self.losses = np.empty((self.batches.steps, len(parts)), cohort.dtype)
        self.weights = np.empty_like(self.losses)
        streamed = self.batches.windows is not None
        self.tallies = Tallies(cohort, self.batches) if streamed else None
        rows = 0 if streamed else self.batches.total
        self.scores = np.empty((len(parts), rows, architecture.outputs), cohort.dtype)

    def __call__(self, *, metrics: bool = True) -> tuple[Array, dict[str, Array]]:
        """The mean loss (R,) and the metrics (R,), if wanted, by the parameters as they are."""
        for step, batch in enumerate(self.batches.epoch(1)):
            rows = batch.stop - batch.start
            scores = (self.networks.get(rows) or self._network(rows)).forward(batch.x)
            if self.tallies is not None:
                self.tallies.add(batch.start, scores, batch.y, batch.weight)
            else:
                self.scores[:, batch.start : batch.stop] = scores
            loss = self.cohort.loss
            self.losses[step] = loss.value(scores, batch.y, batch.weight, self.work)
            counts = loss.counts(batch.y, batch.weight, self.work)
            self.weights[step] = rows if counts is None else counts.sum(axis=1)
        mean = weighted_mean(self.losses, self.weights)
        if not metrics:
            return mean, {}
        if self.tallies is not None:
            return mean, self.tallies.result()
        return mean, measure(self.cohort, self.scores, *self.batches.targets(1))

    def _network(self, rows: int) -> Network:
        network = Network(
            self.architecture,
            self.parameters,
            None,
            rows,
            training=False,
            statistics=self.statistics,
        )
        return self.networks.setdefault(rows, network)


def evaluate(cohort: Cohort, trained: Trained, part: Part) -> dict[str, float]:
    """Loss and metrics of a trained model on a part of the data."""
    return scored(cohort, trained, part)[0]


def scored(cohort: Cohort, trained: Trained, part: Part) -> tuple[dict[str, float], Array]:
    """The same, and the raw scores (N, C), of no row where the part is streamed."""
    architecture = trained.architecture()
    parameters = Parameters(architecture.layout, trained.parameters)
    statistics = Parameters(architecture.statistics, trained.statistics)
    measuring = Evaluation(cohort, architecture, parameters, [part], statistics)
    with np.errstate(all="ignore"):  # of a diverged model
        loss, metrics = measuring()
    found = {"loss": float(loss[0])} | {name: float(of[0]) for name, of in metrics.items()}
    return found, measuring.scores[0]


class Tallies:
    """The metrics of a pass over streamed rows: sums, taken over as many rows as `metrics` takes.

    What `measure` would give for all rows at once, to the bit, with room for a few.
    """

    def __init__(self, cohort: Cohort, batches: Batches) -> None:
        self.cohort = cohort
        self.metrics = [metric for metric in cohort.metrics if isinstance(metric, Additive)]
        replicas = len(cohort.replicas)
        architecture, part = cohort.architecture(), batches.sources[0].part
        rows = min(TALLIED, batches.total) if self.metrics else 0
        self.scores = np.zeros((replicas, rows, architecture.outputs), cohort.dtype)
        self.y = np.zeros((batches.count, rows, *part.y.shape[1:]), part.y.dtype)
        self.weight: Array | None = None
        if part.weight is not None:
            self.weight = np.zeros((batches.count, rows), part.weight.dtype)
        # a tally of nothing tells how much room each takes
        nothing = self._tallied(1) if rows else {}
        self.sums = {name: np.zeros_like(tally) for name, tally in nothing.items()}
        self.place = np.zeros(2, np.int64)  # rows not yet in the sums, and blocks in them

    def add(self, start: int, scores: Array, y: Array, weight: Array | None) -> None:
        """Take down a batch whose first row is the `start`-th of the pass; 0 begins anew."""
        if not self.metrics:
            return
        if start == 0:
            self.place[:] = 0
        done, rows, room = 0, y.shape[1], self.scores.shape[1]
        while done < rows:
            filled = self.place[0]
            more = min(rows - done, room - filled)
            to, source = slice(filled, filled + more), slice(done, done + more)
            self.scores[:, to], self.y[:, to] = scores[:, source], y[:, source]
            if self.weight is not None and weight is not None:
                self.weight[:, to] = weight[:, source]
            done += more
            self.place[0] += more
            if self.place[0] == room:
                for name, tally in self._summed().items():
                    self.sums[name][:] = tally
                self.place[:] = 0, self.place[1] + 1

    def result(self) -> dict[str, Array]:
        """The metrics (R,) of the rows so far."""
        sums = self._summed() if self.place[0] else self.sums
        return {metric.name: metric.of(sums[metric.name]) for metric in self.metrics}

    def arrays(self) -> dict[str, Array]:
        """All of it by name, as live views, for a checkpoint within an epoch."""
        kept = {"scores": self.scores, "y": self.y, "weight": self.weight, "place": self.place}
        kept |= {f"sums.{name}": sums for name, sums in self.sums.items()}
        return {f"tallies.{name}": each for name, each in kept.items() if each is not None}

    def _tallied(self, rows: int) -> dict[str, Array]:
        """What the latest rows add."""
        weight = None if self.weight is None else self.weight[:, :rows]
        scores, y = in_data_units(self.cohort, self.scores[:, :rows], self.y[:, :rows])
        return {metric.name: metric.tally(scores, y, weight) for metric in self.metrics}

    def _summed(self) -> dict[str, Array]:
        """The sums with the latest rows."""
        found = self._tallied(int(self.place[0]))
        if not self.place[1]:
            return found
        return {m.name: m.merge(self.sums[m.name], found[m.name]) for m in self.metrics}


def measure(cohort: Cohort, scores: Array, y: Array, weight: Array | None) -> dict[str, Array]:
    """The metrics (R,) of scores (R, N, C), in the data's own units."""
    if not cohort.metrics:
        return {}
    scores, y = in_data_units(cohort, scores, y)
    return {metric.name: metric.measure(scores, y, weight) for metric in cohort.metrics}


def in_data_units(cohort: Cohort, scores: Array, y: Array) -> tuple[Array, Array]:
    """What metrics are of: responses (R, N, C) and targets in the data's own units."""
    scores = cohort.loss.respond(scores)
    if cohort.loss.target == "values":
        scale, mean = (
            np.stack([getattr(replica.data, name) for replica in cohort.replicas])[:, None]
            for name in ("target_scale", "target_mean")
        )
        scores, y = scores * scale + mean, y * scale + mean
    return scores, y


def weighted_mean(values: Array, weights: Array) -> Array:
    """The mean (R,) of values (K, R) by weights (K, R), in float64."""
    # row by row, so that a replica's sum has the same bits in any company
    rows = np.ascontiguousarray(values.T, np.float64)
    shares = np.ascontiguousarray(weights.T, np.float64)
    mean: Array = np.vecdot(rows, shares) / shares.sum(axis=1)
    return mean


def monitored(column: str, cohort: Cohort) -> Callable[[EpochEnded], Array]:
    """How to read a column of the history off an event, turned so that less is better."""
    if column in ("train_loss", "validation_loss"):
        return lambda event: cast("Array", getattr(event, column))
    part, _, name = column.partition("_")
    metric = next(metric for metric in cohort.metrics if metric.name == name)
    sign = -1 if metric.higher_is_better else 1
    return lambda event: sign * cast("Array", getattr(event, f"{part}_metrics")[name])
