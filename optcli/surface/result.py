"""Result: what `optcli landscape` finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optcli.core.arrays import Array
from optcli.surface.curvature import Sharpness


@dataclass(frozen=True)
class Cut:
    """The loss along a line.

    at: places on it (T,), 0 at the solution. train, validation: losses (T,). curvature: the second
    derivative at 0 along a unit step, where the line is that of the sharpest direction.
    """

    name: str
    at: Array
    train: Array
    validation: Array | None
    curvature: float | None = None


@dataclass(frozen=True)
class Walk:
    """The path of a run, seen from the plane.

    epochs, steps: of its points (K,). at: their coordinates (K, 2). distance: from the plane, (K,).
    train: the training loss (K,) at the points themselves, not below them in the plane. off: the
    share of the path, 0 to 1, that lies off the plane; see `Plane.share_off`.
    """

    epochs: Array
    steps: Array
    at: Array
    distance: Array
    train: Array
    off: float


@dataclass(frozen=True)
class Solution:
    """What one run found: its model. at: its coordinates. distance: from the plane."""

    label: str
    optimizer: str
    hyperparameters: Mapping[str, Any]
    outcome: str
    train: float
    validation: float | None
    at: tuple[float, float]
    distance: float
    sharpness: Sharpness | None = None
    walk: Walk | None = None


@dataclass(frozen=True)
class Landscape:
    """The loss around the solutions of one run or several, on a plane of G × G points.

    plane: `random`, `ends`, `path` or, of an objective of two numbers, `whole`. axes: what the two
    directions are. shares: of the variance of the points that the plane was laid through. x, y:
    coordinates (G,). train, validation: losses (G, G), by y and x. rows: of each part, how many
    were measured. notes: sentences that are worth saying.
    """

    title: str
    plane: str
    axes: tuple[str, str]
    shares: tuple[float, float] | None
    x: Array
    y: Array
    train: Array
    validation: Array | None
    cuts: tuple[Cut, ...]
    solutions: tuple[Solution, ...]
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()
