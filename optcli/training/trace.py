"""Trace: optimizers on an objective, all from one start, as one cohort.

    found = trace(objective, entries, steps=500)
    for path in found.paths: path.x, path.loss, path.outcome

`tune` first finds the best learning rate of each; all candidates of all are one cohort.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optcli.core.arrays import Array
from optcli.core.events import Progress, Started
from optcli.objectives.base import Objective
from optcli.objectives.dataset import ObjectiveDataset
from optcli.objectives.loss import ObjectiveLoss
from optcli.objectives.model import ObjectiveModel
from optcli.objectives.outcome import Outcome, outcome, reached
from optcli.optimizers.base import Optimizer
from optcli.schedules.constant import Constant
from optcli.training.cohort import Cohort, Replica
from optcli.training.loop import train_cohort
from optcli.training.settings import Regularization, Training

# Learning rates that tuning tries: so many decades to each side of the default.
DECADES, PER_DECADE = 3, 4
# Numbers whose losses tuning computes in one go.
BLOCK = 1 << 14


@dataclass(frozen=True)
class TracedOptimizer:
    """An optimizer that takes part. tunable: whether `tune` may set its learning rate."""

    label: str
    optimizer: Optimizer
    tunable: bool = True


@dataclass(frozen=True)
class Path:
    """The path of one optimizer, of T steps.

    x: the points (T + 1, n), the start first. loss, distance: the objective, and the distance
    to the nearest minimum, (T + 1,). reached: the step from which on it stays within the
    tolerance of a minimum, None without one. outcome: see `objectives.outcome`.
    """

    entry: TracedOptimizer
    x: Array
    loss: Array
    distance: Array
    reached: int | None
    outcome: Outcome

    @classmethod
    def of(cls, objective: Objective, entry: TracedOptimizer, x: Array) -> Path:
        """The path through the points x (T + 1, n)."""
        with np.errstate(all="ignore"):
            loss, distance = objective.value(x), objective.distance(x)
            found = outcome(objective, x, loss, distance)
        return cls(entry, x, loss, distance, reached(distance, objective.noisy), found)

    @classmethod
    def descended(
        cls,
        objective: Objective,
        optimizer: Optimizer,
        columns: Mapping[str, Sequence[float]],
        end: Array,
    ) -> Path:
        """The path of a training run on an objective of two numbers.

        columns: of its history, which has each point before its step. end: (1, 2).
        """
        before = np.stack([columns["train_x1"], columns["train_x2"]], axis=1)
        x = np.concatenate([before, end.astype(np.float64)])
        return cls.of(objective, TracedOptimizer(optimizer.name, optimizer), x)

    @property
    def label(self) -> str:
        """What it is called."""
        return self.entry.label

    @property
    def lr(self) -> float:
        """The learning rate that was used."""
        return self.entry.optimizer.lr


@dataclass(frozen=True)
class Trace:
    """Paths on an objective from one start, the best first."""

    objective: Objective
    start: tuple[float, ...]
    steps: int
    seed: int
    paths: tuple[Path, ...]

    @property
    def title(self) -> str:
        """`rosenbrock, 1,000 steps from (-1.5, 2)`."""
        at = ", ".join(f"{x:.4g}" for x in self.start[:3])
        at += ", …" if len(self.start) > 3 else ""
        return f"{self.objective.name}, {self.steps:,} steps from ({at})"

    @property
    def fault(self) -> str:
        """What is not finite at the start, in words; empty where all is."""
        x = np.array([self.start], np.float64)
        slope = np.empty_like(x)
        with np.errstate(all="ignore"):
            loss = float(self.objective.value(x)[0])
            self.objective.gradient(x, slope)
        if not math.isfinite(loss):
            return "the loss was not finite at the start"
        if not np.isfinite(slope).all():
            return f"the gradient was not finite at the first step, where the loss was {loss:.5g}"
        return ""

    @property
    def diverged(self) -> bool:
        """Whether every path diverged."""
        return all(path.outcome == "diverged" for path in self.paths)


def trace(
    objective: Objective,
    entries: Sequence[TracedOptimizer],
    *,
    steps: int,
    start: Sequence[float] | None = None,
    seed: int = 0,
) -> Trace:
    """Let every optimizer take `steps` steps from one start."""
    begin = tuple(objective.start if start is None else start)
    optimizers = [entry.optimizer for entry in entries]
    x = np.empty((steps + 1, len(entries), len(begin)))
    for t, points in enumerate(_points(objective, optimizers, begin, steps, seed)):
        x[t] = points
    paths = [
        Path.of(objective, entry, np.ascontiguousarray(x[:, r])) for r, entry in enumerate(entries)
    ]
    return Trace(objective, begin, steps, seed, tuple(sorted(paths, key=_rank)))


def tune(
    objective: Objective,
    entries: Sequence[TracedOptimizer],
    *,
    steps: int,
    start: Sequence[float] | None = None,
    seed: int = 0,
) -> list[TracedOptimizer]:
    """The entries, each with the candidate learning rate that serves it best.

    Best is what reaches a minimum first, or else ends lowest; of equals the smaller rate.
    """
    begin = tuple(objective.start if start is None else start)
    candidates = [(i, o) for i, entry in enumerate(entries) for o in _candidates(entry)]
    loss, distance = _heights(objective, [o for _, o in candidates], begin, steps, seed)
    tail = max(1, steps // 10)  # where noise or a swing is averaged away
    best: dict[int, tuple[tuple[float, float, float], Optimizer]] = {}
    for r, (i, optimizer) in enumerate(candidates):
        first = reached(distance[:, r], objective.noisy)
        end = float(loss[-tail:, r].mean())
        score = (
            math.inf if first is None else first,
            end if math.isfinite(end) else math.inf,
            optimizer.lr,
        )
        best[i] = min(best.get(i, (score, optimizer)), (score, optimizer), key=lambda each: each[0])
    return [replace(entry, optimizer=best[i][1]) for i, entry in enumerate(entries)]


def rates(default: float) -> list[float]:
    """The learning rates that tuning tries, in three digits, and the default."""
    count = 2 * DECADES * PER_DECADE + 1
    tried = default * np.logspace(-DECADES, DECADES, count)
    return sorted({float(f"{rate:.3g}") for rate in tried} | {default})


def _candidates(entry: TracedOptimizer) -> list[Optimizer]:
    if not entry.tunable:
        return [entry.optimizer]
    return [replace(entry.optimizer, lr=rate) for rate in rates(entry.optimizer.lr)]


def _points(
    objective: Objective,
    optimizers: Sequence[Optimizer],
    start: tuple[float, ...],
    steps: int,
    seed: int,
) -> Iterator[Array]:
    """The points (R, n) of all at the start and after each step; a view, to be copied."""
    data = ObjectiveDataset(objective=objective, start=start).prepared(np.float64)
    cohort = Cohort(
        replicas=[Replica(optimizer, data, seed) for optimizer in optimizers],
        model=ObjectiveModel(objective, start),
        loss=ObjectiveLoss(objective),
        schedule=Constant(),
        regularization=Regularization(),
        training=Training(steps=steps, batch_size="full", shuffle=False, on_divergence="continue"),
        metrics=(),
        dtype=np.dtype(np.float64),
    )
    # an epoch is one step
    for event in train_cohort(cohort, every=math.inf, measure=False):
        if isinstance(event, Started | Progress):
            yield event.state.model.buffer


def _heights(
    objective: Objective,
    optimizers: Sequence[Optimizer],
    start: tuple[float, ...],
    steps: int,
    seed: int,
) -> tuple[Array, Array]:
    """Losses and distances (T + 1, R); the points are kept no longer than it takes."""
    count, n = len(optimizers), len(start)
    loss, distance = np.empty((2, steps + 1, count))
    x = np.empty((min(steps + 1, max(1, BLOCK // (count * n))), count, n))
    for t, points in enumerate(_points(objective, optimizers, start, steps, seed)):
        k = t % len(x)
        x[k] = points
        if k == len(x) - 1 or t == steps:
            block, every = slice(t - k, t + 1), x[: k + 1].reshape(-1, n)
            with np.errstate(all="ignore"):
                loss[block] = objective.value(every).reshape(-1, count)
                distance[block] = objective.distance(every).reshape(-1, count)
    return loss, distance


def _rank(path: Path) -> tuple[bool, float, float]:
    """The best first: who arrived first, then who came lowest; the diverged last."""
    steps = math.inf if path.reached is None else path.reached
    diverged = path.outcome == "diverged"
    return diverged, steps, 0.0 if diverged else float(path.loss[-1])
