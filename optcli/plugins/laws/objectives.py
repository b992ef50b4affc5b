"""Laws of objectives: rows apart, minima where they are said to be."""

from __future__ import annotations

import numpy as np

from optcli.core.arrays import Array
from optcli.objectives.base import Objective
from optcli.plugins.laws.base import FIELDS, Law, same


def points(objective: Objective, count: int = 50) -> Array:
    """Points of the domain (N, n)."""
    random = np.random.default_rng(0)
    low, high = np.array(objective.domain).T
    low, high = (np.resize(each, objective.size) for each in (low, high))
    return np.asarray(random.uniform(low, high, (count, objective.size)))


def slopes(objective: Objective, x: Array) -> Array:
    """The gradient at x, in a buffer that held no numbers before."""
    out = np.full_like(x, np.nan)
    objective.gradient(x, out)
    return out


def keeps_points_apart(objective: Objective) -> str:
    """Whether each point has the bits that it has alone, and stays as it is."""
    x = points(objective, 7)
    kept = x.copy()
    values, found = objective.value(x), slopes(objective, x)
    if np.shape(values) != (7,):
        return f"value gives shape {np.shape(values)} for 7 points; must give one number for each"
    if np.isnan(found).any():
        return "gradient leaves `out` unwritten; write into it, as in out[:] = …"
    if not same(x, kept):
        return "changes the points x that it is given; make new arrays"
    for r in range(7):
        own = x[r : r + 1]
        if not (
            same(objective.value(own), values[r : r + 1])
            and same(slopes(objective, own), found[r : r + 1])
        ):
            return (
                "a point evaluated alongside others differs from the same point alone: "
                "x is (R, n); treat its rows separately"
            )
    return ""


def has_its_minima(objective: Objective) -> str:
    """Whether the minima are level and have the least value."""
    minima = np.asarray(objective.minima, float)
    if minima.ndim != 2 or minima.shape[1] != objective.size:
        return f"minima has shape {minima.shape}; must be (M, {objective.size})"
    steepest = np.abs(slopes(objective, minima)).max()
    if not steepest < 1e-6:
        return f"the gradient at its minima is {steepest:.2g}; must be 0"
    least = objective.value(minima)
    if not np.allclose(least, objective.lowest, rtol=1e-9, atol=1e-9):
        return f"has the value {least[0]:.6g} at its minimum, but `least` is {objective.lowest:.6g}"
    around = objective.value(points(objective, 500)).min()
    if around < objective.lowest - 1e-9 * max(1, abs(objective.lowest)):
        return f"has a value of {around:.6g} in its domain, below `least`, {objective.lowest:.6g}"
    return ""


def starts_in_the_picture(objective: Objective) -> str:
    """Whether start and minima are in the domain, and the start is not level."""
    start = np.array([objective.start], float)
    if start.shape != (1, objective.size):
        return f"start has {start.size} numbers; must have {objective.size}"
    for what, at in [("start", start[0]), *(("a minimum", each) for each in objective.minima)]:
        for (low, high), value in zip(objective.domain, at, strict=False):
            if not low < value < high:
                return f"{what} is at {value:g}, outside of the domain [{low:g}, {high:g}]"
    if not np.abs(slopes(objective, start)).max() > 1e-6:
        return "the gradient at its start is 0: no optimizer would move"
    return ""


def _of_its_class(objective: Objective) -> str:
    return FIELDS.fault(type(objective))


LAWS: tuple[Law[Objective], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("points are taken apart and left as they are", keeps_points_apart),
    Law("its minima are level and have the least value", has_its_minima),
    Law("start and minima are in the picture", starts_in_the_picture),
)
