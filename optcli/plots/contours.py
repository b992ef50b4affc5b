"""Contours: the ground below the paths of a trace, as polygons."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array

if TYPE_CHECKING:
    from optcli.objectives.base import Objective

GRID = 241  # points of the grid along each side
BANDS, BELOW = 12, 2  # contours of equal areas; and below the lowest of them
Range = tuple[float, float]


class Ground(NamedTuple):
    """Heights of an objective of two numbers above its minimum on a grid.

    x, y: (G,). height: (G, G), by y and x. levels: heights that cut the picture into equal areas,
    and some below the lowest of these.
    """

    x: Array
    y: Array
    height: Array
    levels: Array


def ground(objective: Objective, x: Range, y: Range, points: int = GRID) -> Ground:
    """The heights within two ranges."""
    across, up = np.linspace(*x, points), np.linspace(*y, points)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    height = objective.value(grid).reshape(points, points) - objective.lowest
    return Ground(across, up, height, _levels(height))


def shown_range(domain: Range, at: float) -> Range:
    """The domain, wider where the start is at its edge or outside."""
    low, high = domain
    free = 0.05 * (high - low)
    return min(low, at - free), max(high, at + free)


def _levels(height: Array) -> Array:
    seen = height[np.isfinite(height)]
    equal = np.quantile(seen, np.linspace(1 / BANDS, 1, BANDS))
    below = equal[0] * 4.0 ** -np.arange(BELOW, 0, -1)
    return np.unique(np.concatenate([[min(0.0, float(seen.min()))], below, equal]))


def polygons(of: Ground) -> list[list[Array]]:
    """For each level but the first and the last, the highest first, what lies below it.

    Each is rings (K, 2): those within another are holes (the even-odd rule).
    """
    from contourpy import FillType, contour_generator

    heights = np.ma.masked_invalid(of.height)
    generator = contour_generator(of.x, of.y, heights, fill_type=FillType.OuterOffset)
    bottom = float(of.levels[0]) - 1.0
    found: list[list[Array]] = []
    for level in of.levels[-2:0:-1]:
        filled: Any = generator.filled(bottom, float(level))
        outlines = zip(*filled, strict=True)
        found.append([ring for points, ends in outlines for ring in _rings(points, ends)])
    return found


def _rings(points: Array, offsets: Sequence[int]) -> list[Array]:
    return [points[a:b] for a, b in itertools.pairwise(offsets)]
