"""What is measured of a point: its distance to a minimum, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import TargetKind
from optcli.metrics import Metric
from optcli.objectives.base import Objective


@dataclass(frozen=True)
class Distance(Metric):
    """How far the nearest minimum is."""

    name: ClassVar[str] = "distance"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"values"})
    higher_is_better: ClassVar[bool] = False

    objective: Objective

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        return self.objective.distance(scores[:, 0])


@dataclass(frozen=True)
class First(Metric):
    """Where the point is, along the first axis."""

    name: ClassVar[str] = "x1"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"values"})

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        return scores[:, 0, 0].astype(np.float64)


@dataclass(frozen=True)
class Second(Metric):
    """And along the second."""

    name: ClassVar[str] = "x2"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"values"})

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        return scores[:, 0, 1].astype(np.float64)
