"""Tracing: optimizers on an objective, all from one start, as one cohort.

    traced = trace(objective, entries, steps=500)
    for path in traced.paths: path.x, path.loss, path.outcome

`tune` first gives each its best learning rate; all candidates of all are one cohort.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import Stream
from optcli.objectives.functions import Objective
from optcli.optimizers.base import Optimizer
from optcli.optimizers.stepper import Stepper
from optcli.training.oracles import OfObjective

# How near to a minimum is there.
TOLERANCE = 0.01
# Learning rates that tuning tries: so many decades to each side of the default.
DECADES, PER_DECADE = 3, 4
# Steps whose coefficients are computed in one go.
PLANNED_STEPS = 256
# A loss so many times higher over the least than at the start is called diverged.
FAR = 1e3
# Standing still: so little way in the last fifth of the steps, and a gradient so many
# times smaller than at the start.
STILL, LEVEL = 1e-3, 1e-2

# Oscillating: in the last fifth of the steps it came no further than this share of the way
# that it went, and its lowest loss is not lower than so much of that of the fifth before.
STRAIGHT, LOWER = 0.1, 0.99

Ending = Literal["reached", "elsewhere", "on the way", "oscillating", "diverged"]


@dataclass(frozen=True)
class Entry:
    """One that takes part. tunable: whether its learning rate is to be found."""

    label: str
    optimizer: Optimizer
    tunable: bool = True


@dataclass(frozen=True)
class Path:
    """Where one optimizer went in T steps.

    x: the points (T + 1, n), the start first. loss, distance: the objective, and how far
    the nearest minimum is, (T + 1,). reached: after how many steps it was within
    TOLERANCE of a minimum for good, None where it was not. outcome: `reached`;
    `elsewhere`: it stands still where the gradient vanishes; `oscillating`: it moves to and
    fro without getting lower; `on the way`; `diverged`.
    """

    entry: Entry
    x: Array
    loss: Array
    distance: Array
    reached: int | None
    outcome: Ending

    @property
    def label(self) -> str:
        """What it is called."""
        return self.entry.label

    @property
    def lr(self) -> float:
        """The learning rate that was used."""
        return self.entry.optimizer.lr


@dataclass(frozen=True)
class Traced:
    """What `trace` found. paths: the best first."""

    objective: Objective
    start: tuple[float, ...]
    steps: int
    seed: int
    paths: tuple[Path, ...]

    @property
    def fault(self) -> str:
        """What was not finite where all began, in words; empty where all was."""
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
    entries: Sequence[Entry],
    *,
    steps: int,
    start: Sequence[float] | None = None,
    seed: int = 0,
) -> Traced:
    """Let every optimizer go `steps` steps from one start."""
    begin = tuple(objective.start if start is None else start)
    x, loss, distance = _descend(objective, [e.optimizer for e in entries], begin, steps, seed)
    paths = [
        _path(objective, entry, x[:, r], loss[:, r], distance[:, r])
        for r, entry in enumerate(entries)
    ]
    return Traced(objective, begin, steps, seed, tuple(sorted(paths, key=_rank)))


def described(traced: Traced) -> str:
    """`rosenbrock, 1,000 steps from (-1.5, 2)`."""
    at = ", ".join(f"{x:.4g}" for x in traced.start[:3])
    at += ", …" if len(traced.start) > 3 else ""
    return f"{traced.objective.name}, {traced.steps:,} steps from ({at})"


def followed(objective: Objective, entry: Entry, x: Array, seed: int) -> Traced:
    """The same of a way that was taken already, by its points x (T + 1, n)."""
    with np.errstate(all="ignore"):
        path = _path(objective, entry, x, objective.value(x), objective.distance(x))
    return Traced(objective, tuple(x[0].tolist()), len(x) - 1, seed, (path,))


def tune(
    objective: Objective,
    entries: Sequence[Entry],
    *,
    steps: int,
    start: Sequence[float] | None = None,
    seed: int = 0,
) -> list[Entry]:
    """The entries with the learning rate each does best with.

    Best is what reaches a minimum first, or else ends lowest; of equals the smaller rate.
    """
    begin = tuple(objective.start if start is None else start)
    candidates = [(i, o) for i, entry in enumerate(entries) for o in _candidates(entry)]
    found = _descend(objective, [o for _, o in candidates], begin, steps, seed, keep=False)
    _, loss, distance = found
    tail = max(1, steps // 10)  # where noise or a swing is averaged away
    best: dict[int, tuple[tuple[float, float, float], Optimizer]] = {}
    for r, (i, optimizer) in enumerate(candidates):
        reached = _reached(distance[:, r])
        end = float(loss[-tail:, r].mean())
        score = (
            math.inf if reached is None else reached,
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


def _candidates(entry: Entry) -> list[Optimizer]:
    if not entry.tunable:
        return [entry.optimizer]
    return [replace(entry.optimizer, lr=rate) for rate in rates(entry.optimizer.lr)]


def _descend(
    objective: Objective,
    optimizers: Sequence[Optimizer],
    start: tuple[float, ...],
    steps: int,
    seed: int,
    *,
    keep: bool = True,
) -> tuple[Array, Array, Array]:
    """Points (T + 1, R, n) (without `keep` the last alone), losses and distances (T + 1, R)."""
    count, n = len(optimizers), len(start)
    x = np.tile(np.array(start, np.float64), (count, 1))
    g, model = np.empty_like(x), x.copy()
    stepper = Stepper(optimizers, x, g, seeds=[seed] * count)
    oracle = OfObjective(objective)
    stepper.ask(lambda rows: oracle)
    noise = Stream(seed, "objective")
    points = np.empty((steps + 1 if keep else 1, count, n))
    loss, distance = np.empty((steps + 1, count)), np.empty((steps + 1, count))
    with np.errstate(all="ignore"):
        for t in range(steps + 1):
            k = t % PLANNED_STEPS
            if k == 0:
                stepper.plan(t + 1, PLANNED_STEPS)  # and at first, begin
            if t:
                stepper.model(model)
            points[t if keep else 0] = model
            loss[t] = objective.value(model)
            distance[t] = objective.distance(model)
            if t == steps:
                break
            objective.gradient(x, g)
            if objective.noisy:
                oracle.normal = noise.at(t).standard_normal(n)
                objective.noise(oracle.normal, g)
            stepper.step(k, objective.value(x) if stepper.averages else loss[t])
    return points, loss, distance


def _reached(distance: Array) -> int | None:
    """After how many steps it is within the tolerance for good."""
    outside = np.flatnonzero(~(distance <= TOLERANCE))
    after = int(outside[-1]) + 1 if len(outside) else 0
    return after if after < len(distance) else None


def _path(objective: Objective, entry: Entry, x: Array, loss: Array, distance: Array) -> Path:
    reached = _reached(distance)
    outcome: Ending = "on the way"
    if reached is not None:
        outcome = "reached"
    elif _diverged(objective, x, loss):
        outcome = "diverged"
    elif _stands_still(objective, x):
        outcome = "elsewhere"
    elif _oscillates(x, loss - objective.lowest):
        outcome = "oscillating"
    return Path(entry, x, loss, distance, reached, outcome)


def _diverged(objective: Objective, x: Array, loss: Array) -> bool:
    """Whether a number ceased to be finite, or the loss ended far above where it started."""
    if not (np.isfinite(x).all() and np.isfinite(loss).all()):
        return True
    above = loss - objective.lowest
    return bool(above[-1] > FAR * max(above[0], 1e-300))


def _stands_still(objective: Objective, x: Array) -> bool:
    """Whether it has ceased to move, where the gradient is nearly nothing."""
    g = np.empty((2, x.shape[1]))
    objective.gradient(x[[0, -1]], g)
    before, after = np.sqrt((g * g).sum(axis=1))
    way = np.abs(x[-(len(x) // 5 + 1) :] - x[-1]).max()
    return bool(way <= STILL and after <= LEVEL * before)


def _oscillates(x: Array, above: Array) -> bool:
    """Whether the last fifth of the steps leads to and fro, and no lower than the one before."""
    fifth = len(x) // 5
    if fifth < 5:  # too few to tell
        return False
    tail = x[-fifth - 1 :]
    way = float(np.sqrt((np.diff(tail, axis=0) ** 2).sum(axis=1)).sum())
    far = float(np.sqrt(((tail[-1] - tail[0]) ** 2).sum()))
    before, last = above[-2 * fifth : -fifth].min(), above[-fifth:].min()
    return way > 0 and far < STRAIGHT * way and bool(last >= LOWER * before)


def _rank(path: Path) -> tuple[bool, float, float]:
    """The best first: who arrived first, then who came lowest; the diverged last."""
    steps = math.inf if path.reached is None else path.reached
    diverged = path.outcome == "diverged"
    return diverged, steps, 0.0 if diverged else float(path.loss[-1])
