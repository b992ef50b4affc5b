"""Outcome: what became of a path on an objective."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.objectives.base import Objective

# Largest distance to a minimum that counts as having reached it.
TOLERANCE = 0.01
# Diverged: a final loss this many times further above the least value than the first one.
FAR = 1e3
# Stationary: the largest move in the last fifth of the steps, and the norm of the gradient
# over that at the start.
STILL, LEVEL = 1e-3, 1e-2
# Oscillating: in the last fifth of the steps, the largest displacement over the length of the
# path; and the least decrease that counts as progress, as the ratio of the lowest loss to that
# of the fifth before.
STRAIGHT, LOWER = 0.1, 0.99

# The way straight down from the start: the most steps, the longest as a share of the domain's
# width, and the norm of the gradient at its end over that at the start. It has ended in another
# place than a path where they are APART of the width from each other.
DESCENT, LONGEST, FLAT, APART = 1500, 0.01, 1e-4, 0.05

Outcome = Literal["reached", "escaped", "elsewhere", "not converged", "oscillating", "diverged"]


def reached(distance: Array, noisy: bool = False) -> int | None:
    """The step from which on a path stays within TOLERANCE of a minimum; None without one.

    distance: (T + 1,), to the nearest minimum. noisy: whether the gradients are. A path that noise
    drives to and fro is within the tolerance at some steps, so it must stay for the last fifth.
    """
    outside = np.flatnonzero(~(distance <= TOLERANCE))
    after = int(outside[-1]) + 1 if len(outside) else 0
    latest = len(distance) - 1
    return after if after <= latest - noisy * (latest // 5) else None


def outcome(objective: Objective, x: Array, loss: Array, distance: Array) -> Outcome:
    """What became of a path x (T + 1, n) with losses and distances (T + 1,).

    `reached`: see the function; `escaped`: so, but of another minimum than that to which steepest
    descent in short steps leads from the start; `elsewhere`: it is stationary where the gradient
    vanishes; `oscillating`: it moves to and fro and gets no lower;
    `diverged`; `not converged`: none of these.
    """
    if reached(distance, objective.noisy) is not None:
        return "escaped" if _escaped(objective, x) else "reached"
    if _diverged(objective, x, loss):
        return "diverged"
    if _stationary(objective, x):
        return "elsewhere"
    if _oscillates(x, loss - objective.lowest):
        return "oscillating"
    return "not converged"


def _diverged(objective: Objective, x: Array, loss: Array) -> bool:
    """Whether a number is not finite, or the loss ended far above where it started."""
    if not (np.isfinite(x).all() and np.isfinite(loss).all()):
        return True
    above = loss - objective.lowest
    return bool(above[-1] > FAR * max(above[0], 1e-300))


def _stationary(objective: Objective, x: Array) -> bool:
    """Whether it no longer moves, and the gradient nearly vanishes."""
    g = np.empty((2, x.shape[1]))
    objective.gradient(x[[0, -1]], g)
    before, after = np.sqrt((g * g).sum(axis=1))
    way = np.abs(x[-(len(x) // 5 + 1) :] - x[-1]).max()
    return bool(way <= STILL and after <= LEVEL * before)


def _oscillates(x: Array, above: Array) -> bool:
    """Whether the last fifth of the steps moves to and fro, and no lower than the one before."""
    fifth = len(x) // 5
    if fifth < 5:  # too few to tell
        return False
    tail = x[-fifth - 1 :]
    way = float(np.sqrt((np.diff(tail, axis=0) ** 2).sum(axis=1)).sum())
    far = float(np.sqrt(((tail[-1] - tail[0]) ** 2).sum()))
    before, last = above[-2 * fifth : -fifth].min(), above[-fifth:].min()
    return way > 0 and far < STRAIGHT * way and bool(last >= LOWER * before)


def _escaped(objective: Objective, x: Array) -> bool:
    """Whether the path has left the valley in which it started."""
    end = _downhill(objective, tuple(map(float, x[0])))
    return end is not None and bool(np.abs(np.array(end) - x[-1]).max() > APART * _width(objective))


def _width(objective: Objective) -> float:
    return min(high - low for low, high in objective.domain)


@functools.lru_cache(maxsize=64)
def _downhill(objective: Objective, start: tuple[float, ...]) -> tuple[float, ...] | None:
    """Where steepest descent in short steps ends; None where it takes too many."""
    x, g = np.array([start]), np.empty((1, len(start)))
    longest = LONGEST * _width(objective)
    objective.gradient(x, g)
    loss, first = objective.value(x)[0], float(np.abs(g).max())
    length = longest
    for _ in range(DESCENT):
        slope = float(np.sqrt((g * g).sum()))
        if not slope > FLAT * first:
            return tuple(x[0].tolist())
        while True:  # the longest of these steps that leads down
            there = x - length / slope * g
            value = objective.value(there)[0]
            if value < loss:
                break
            length /= 2
            if length < 1e-9 * longest:
                return tuple(x[0].tolist()) if slope <= 0.01 * first else None
        x, loss, length = there, value, min(longest, 2 * length)
        objective.gradient(x, g)
    return None
