"""`Objective`: a test function with its gradient and minima.

Points are x (R, n), one for each replica; values are (R,). Analytic functions accept complex
points, too, so that their gradients can be checked to rounding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.registry import Registry
from optcli.core.specs import Registered

Box = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Objective(Registered, ABC):
    """A function of n numbers with its gradient.

    domain: the range of the first two coordinates in plots. least: the minimum value, which
    it attains only at `minima`.
    """

    domain: ClassVar[Box]
    least: ClassVar[float] = 0.0
    # Whether the gradient is noisy.
    noisy: ClassVar[bool] = False
    # Whether `value` accepts complex points and is analytic in them.
    analytic: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """The number of dimensions n."""
        return int(getattr(self, "dimension", 2))

    @property
    def lowest(self) -> float:
        """The minimum value."""
        return self.least

    @property
    @abstractmethod
    def start(self) -> tuple[float, ...]:
        """The default starting point."""

    @property
    @abstractmethod
    def minima(self) -> Array:
        """The global minima (M, n)."""

    @abstractmethod
    def value(self, x: Array) -> Array:
        """The value (R,) at x (R, n)."""

    @abstractmethod
    def gradient(self, x: Array, out: Array) -> None:
        """Write the gradient at x (R, n) into `out` (R, n)."""

    def distance(self, x: Array) -> Array:
        """The distance from points x (R, n) to the nearest minimum, as (R,)."""
        apart = x[:, None] - self.minima
        found: Array = np.sqrt((apart * apart).sum(axis=2)).min(axis=1)
        return found

    def noise(self, normal: Array, out: Array) -> None:
        """Add noise to gradients `out` (R, n), from standard normal numbers (n,)."""


OBJECTIVES: Registry[Objective] = Registry(
    "objective", "objectives", "optcli.objectives.functions", Objective
)
