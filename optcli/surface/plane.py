"""Plane: two directions through parameter space, and where points lie beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optcli.core.arrays import Array
from optcli.core.parameters import Layout
from optcli.core.randomness import generator
from optcli.models import Architecture


@dataclass(frozen=True)
class Plane:
    """The points `origin + a·axes[0] + b·axes[1]`, in float64.

    origin: (P,). axes: (2, P), in any length and at any angle. statistics: the running
    statistics (S,) at the origin; statistic_axes: how they change along the axes, (2, S).
    variances: (S,), which statistics are variances; they are kept at 0 or above. shares: of the
    variance of the points that the axes were made from, (2,); None of random directions.
    """

    origin: Array
    axes: Array
    statistics: Array
    statistic_axes: Array
    variances: Array
    shares: Array | None = None

    def fill(self, coordinates: Array, parameters: Array, statistics: Array) -> None:
        """Write parameters (R, P) and statistics (R, S) of the points at coordinates (R, 2)."""
        for row, (a, b) in enumerate(coordinates.tolist()):
            parameters[row] = self.origin + (a * self.axes[0] + b * self.axes[1])
            statistics[row] = self.statistics + (
                a * self.statistic_axes[0] + b * self.statistic_axes[1]
            )
        statistics[:, self.variances] = np.maximum(statistics[:, self.variances], 0)

    def locate(self, points: Array) -> tuple[Array, Array]:
        """Coordinates (K, 2) of the nearest points of the plane, and squared distances (K,)."""
        apart = points - self.origin
        coordinates, *_ = np.linalg.lstsq(self.axes.T, apart.T, rcond=None)
        rest = apart - coordinates.T @ self.axes
        return coordinates.T, np.vecdot(rest, rest)

    def share_off(self, points: Array) -> float:
        """The share, 0 to 1, of the path's extent that lies off the plane.

        Of points (K, P), the last of which is the path's end, the sum of the squared distances
        to that end is split into what lies in the plane's directions and what is at right angles
        to them; the share is that of the latter.
        """
        apart = points - points[-1]
        whole = float(np.vecdot(apart, apart).sum())
        if not whole:
            return 0.0
        _, squares = replace(self, origin=points[-1]).locate(points)
        return float(squares.sum()) / whole


def through(
    points: Array, statistics: Array, variances: Array, origin: int | None, weights: Array
) -> Plane:
    """The plane of the two principal components of points (K, P), K > 1.

    statistics: (K, S), those of the points. origin: the point through which it goes; None: the
    weighted mean. weights: of the points, (K,). Three points lie in it exactly. Axes have
    length 1. Where the points lie on a line the second axis is zero.
    """
    shares = (weights / weights.sum())[:, None]
    middle = np.zeros((len(points), 1)) + shares
    if origin is not None:
        middle = np.zeros((len(points), 1))
        middle[origin] = 1.0
    start, own = (middle * points).sum(axis=0), (middle * statistics).sum(axis=0)
    root = np.sqrt(shares)
    # by the products of the points with one another: K is far below P
    apart = root * (points - start)
    values, vectors = np.linalg.eigh(apart @ apart.T)
    order = np.argsort(values)[::-1][:2]
    lengths = np.sqrt(np.maximum(values[order], 0))
    lengths[lengths <= 1e-7 * max(lengths[0], np.finfo(float).tiny)] = np.inf
    mix = vectors[:, order].T / lengths[:, None]
    axes = mix @ apart
    # points go to the right and up on the whole, so that the picture has one orientation
    for k in range(2):
        long = int(np.abs(vectors[:, order[k]]).argmax())
        if vectors[long, order[k]] < 0:
            axes[k], mix[k] = -axes[k], -mix[k]
    total = max(float(values.sum()), np.finfo(float).tiny)
    return Plane(
        start,
        axes,
        own,
        mix @ (root * (statistics - own)),
        variances,
        np.maximum(values[order], 0) / total,
    )


def random_plane(
    origin: Array, statistics: Array, variances: Array, layout: Layout, seed: int
) -> Plane:
    """Two filter-normalized random directions through a point.

    Each has normal entries; those of a filter, the weights into one unit or channel, are scaled
    to the norm of that filter. Biases, and scales and shifts of normalizations, stay as they
    are; a model that has nothing but vectors is one filter in all. (H. Li and others, Visualizing
    the loss landscape of neural nets, 2018, section 4.)
    """
    random = generator(seed, "landscape")
    draws = random.standard_normal((2, len(origin)))
    whole = all(len(shape) < 2 for shape in layout.shapes.values())
    axes = np.zeros_like(draws)
    for name, columns in layout.slices().items():
        shape = layout.shapes[name]
        if whole or len(shape) > 1:
            own = _filters(origin[columns], shape)
            for draw, axis in zip(_apart(draws[:, columns], shape), axes, strict=True):
                axis[columns] = _scaled(draw, own, shape)
    if whole:
        axes = _apart(draws, (len(origin),))
        axes *= (np.linalg.norm(origin) or 1.0) / np.linalg.norm(axes, axis=1, keepdims=True)
    nothing = np.zeros((2, len(statistics)))
    return Plane(origin, axes, statistics, nothing, variances)


def coordinate_plane(origin: Array) -> Plane:
    """The plane of the first two parameters: all there is of an objective of two numbers."""
    axes = np.zeros((2, len(origin)))
    axes[0, 0] = axes[1, 1] = 1.0
    return Plane(origin, axes, np.empty(0), np.empty((2, 0)), np.empty(0, bool))


def _filters(array: Array, shape: Sequence[int]) -> Array:
    """A parameter's numbers as filters (F, K): of a matrix its columns, else by the first axis."""
    shaped = array.reshape(shape)
    return shaped.T if len(shape) == 2 else shaped.reshape(len(shaped), -1)


def _scaled(draw: Array, own: Array, shape: Sequence[int]) -> Array:
    """A drawn array with the norm of each of its filters as it is in `own` (F, K)."""
    filters = _filters(draw, shape)
    norms = np.linalg.norm(filters, axis=1, keepdims=True)
    sizes = np.linalg.norm(own, axis=1, keepdims=True)
    scaled = filters * np.divide(sizes, norms, out=np.zeros_like(norms), where=norms > 0)
    flat: Array = (scaled.T if len(shape) == 2 else scaled).ravel()
    return flat


def _apart(draws: Array, shape: Sequence[int]) -> Array:
    """Two draws (2, K), the second of which is made orthogonal to the first by filter."""
    first, second = (_filters(draw, shape if len(shape) > 1 else (1, *shape, 1)) for draw in draws)
    if first.shape[1] > 1:
        along = np.vecdot(first, second) / np.maximum(np.vecdot(first, first), 1e-300)
        second = second - along[:, None] * first
    if len(shape) == 2:
        second = second.T
    return np.stack([draws[0], second.ravel()])


def variances(architecture: Architecture) -> Array:
    """Which running statistics (S,) are variances."""
    found = np.zeros(architecture.statistics.size, bool)
    for name, columns in architecture.statistics.slices().items():
        found[columns] = name.endswith(".variance")
    return found
