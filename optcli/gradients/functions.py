"""Functions of P numbers, evaluated at many points at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput

# Points evaluated together: enough to hide the overhead of a call, few enough for the cache.
MOST_POINTS, FEWEST_POINTS = 64, 8
# The largest number of values of the points of one call (16 MB).
MOST_NUMBERS = 2**21


def cohort_size(numbers: int) -> int:
    """How many points of so many numbers each are evaluated together."""
    return max(FEWEST_POINTS, min(MOST_POINTS, MOST_NUMBERS // max(1, numbers)))


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover 0 … count."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


class Function(ABC):
    """A scalar function, and the point x (P,) at which its gradient is checked.

    room: roughly how many numbers an evaluation at one point needs.
    """

    def __init__(self, x: Array) -> None:
        self.x, self.room = x, x.size

    @abstractmethod
    def values(self, points: Array) -> Array:
        """The values (K,) at a few points (K, P), which may be complex."""

    def label(self, index: int) -> str:
        """The name of an entry of x, such as `dense1.weight[3, 4]`."""
        return f"x[{index}]"

    def along(self, directions: Array, t: Array) -> Array:
        """The values at x + t·direction; directions (L, P), t (S, L), values (S, L)."""
        found = np.empty(t.size, np.result_type(t, self.x))
        steps, lines = t.ravel(), np.tile(np.arange(len(directions)), len(t))
        for part in chunks(t.size, cohort_size(self.room)):
            points = self.x + steps[part, None] * directions[lines[part]]
            found[part] = self.values(points)
        return found.reshape(t.shape)

    def moved(self, entries: Array, to: Array) -> Array:
        """The values (K,) at x with one entry each, `entries` (K,), replaced by `to` (K,)."""
        found = np.empty(len(entries), np.result_type(to, self.x))
        for part in chunks(len(entries), cohort_size(self.room)):
            own = entries[part]
            points = np.repeat(self.x[None].astype(found.dtype), len(own), axis=0)
            points[np.arange(len(own)), own] = to[part]
            found[part] = self.values(points)
        return found


class Differentiable(Function):
    """A function with an analytic gradient, for R replicas at once."""

    @abstractmethod
    def gradients(self, points: Array) -> Array:
        """The analytic gradients (R, P) at the points (R, P), computed as in training.

        The buffers are filled with NaN and used with other data before, to detect values
        that are left over.
        """

    def faults(self, *, float32: bool) -> tuple[str, ...]:
        """Faults other than a wrong gradient, as sentences.

        float32: whether to compare float32 with float64, which is meaningless at a kink.
        """
        return ()


class PlainFunction(Function):
    """A user's function of an array, called point by point unless it is vectorized."""

    def __init__(self, f: Callable[[Any], Any], x: Array, *, vectorized: bool) -> None:
        super().__init__(x.ravel())
        self.f, self.shape, self.vectorized = f, x.shape, vectorized

    def values(self, points: Array) -> Array:
        points = points.reshape(len(points), *self.shape)
        if self.vectorized:
            found = np.asarray(self.f(points))
            if found.shape != (len(points),):
                raise InvalidInput(
                    f"f gives shape {found.shape} for {len(points)} points; "
                    f"must be ({len(points)},), a value for each (vectorized=True)"
                )
            return found
        return np.array([self.number(self.f(point)) for point in points])

    @staticmethod
    def number(value: Any) -> Any:
        """The one number that f returned."""
        found = np.asarray(value)
        if found.size != 1 or found.dtype.kind not in "fciub":
            raise InvalidInput(
                f"f gives {type(value).__name__} of shape {found.shape}; must be one number"
            )
        return found.item()

    def label(self, index: int) -> str:
        if not self.shape:
            return "x"
        at = np.unravel_index(index, self.shape)
        return f"x[{', '.join(str(i) for i in at)}]"
