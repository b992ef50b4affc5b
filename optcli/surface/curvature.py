"""Curvature: the ends of the Hessian's spectrum by Lanczos, and its trace by Hutchinson.

Both need only products with the Hessian, H·v, which `optimizers.base.hessian_product` takes as
differences of gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import generator
from optcli.data.preparation import Part
from optcli.optimizers.base import hessian_product
from optcli.surface.heights import Slopes
from optcli.training.cohort import Cohort

MOST_STEPS = 100  # of Lanczos
BASIS_BYTES = 1 << 28  # of its vectors, at most
TOLERANCE = 1e-6  # of the largest eigenvalue: below, a residual is good enough
# The same where the largest eigenvalue alone is wanted, whose error is of the square of it.
ROUGH = 1e-3
# Shares of the usual step of differences: in 64 bits there are digits to spare, and small steps
# cross hardly a kink of relu or max pooling, which would make the products unsymmetric. The next
# one is taken where the residual is above SYMMETRIC of the eigenvalue.
STEPS, SYMMETRIC = (1e-3, 1e-4, 1e-5), 1e-4
PROBES = 64  # of Hutchinson
PROBES_AT_ONCE = 16


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue of a Hessian, with a unit vector (P,) of it.

    error: the residual ‖H·v − value·v‖; a symmetric H has an eigenvalue no further away.
    """

    value: float
    error: float
    vector: Array


@dataclass(frozen=True)
class Sharpness:
    """The curvature of the loss on the training rows, at one point.

    largest, smallest: of the Hessian's eigenvalues. trace: their sum; trace_error: the standard
    error of the estimate, 0 where it was computed from all P unit vectors. steps: of Lanczos.
    probes: of Hutchinson. gradient: the norm of the gradient. loss: at the point, in float64.
    """

    largest: Eigenvalue
    smallest: Eigenvalue
    trace: float
    trace_error: float
    steps: int
    probes: int
    gradient: float
    loss: float


def sharpness(
    cohort: Cohort,
    part: Part,
    parameters: Array,
    statistics: Array,
    *,
    seed: int,
    probes: int = PROBES,
) -> Sharpness:
    """The sharpness of the loss on a part, as `evaluate` measures it, at parameters (P,)."""
    point = parameters.astype(np.float64)
    alone = Slopes(cohort, part, statistics, 1)
    slope = np.empty((1, len(point)))
    loss = float(alone.gradient(point[None], slope)[0])
    tried = []
    for share in STEPS:
        found = ends(hessian(alone, point, share), len(point), seed=seed)
        tried.append((found[0].error, share, found))
        if not found[0].error > SYMMETRIC * abs(found[0].value):
            break
    _, share, (largest, smallest, steps) = min(tried, key=lambda each: each[0])
    count = min(PROBES_AT_ONCE, probes, len(point))
    trace, error, used = trace_of(
        hessian(Slopes(cohort, part, statistics, count), point, share),
        len(point),
        seed=seed,
        probes=probes,
        at_once=count,
    )
    size = float(np.linalg.norm(slope))
    return Sharpness(largest, smallest, trace, error, steps, used, size, loss)


def hessian(slopes: Slopes, point: Array, share: float) -> Callable[[Array], Array]:
    """The function that takes v (R, P) to H·v, at one point (P,); share: of the usual step."""
    shape = slopes.point.buffer.shape
    x = np.broadcast_to(point, shape)
    at, slope = np.empty(shape), np.empty(shape)

    def product(v: Array) -> Array:
        out = np.empty(shape)
        hessian_product(slopes, x, v, out, at, slope, share)  # type: ignore[arg-type]
        return out

    return product


def ends(
    product: Callable[[Array], Array], size: int, *, seed: int
) -> tuple[Eigenvalue, Eigenvalue, int]:
    """The largest and the smallest eigenvalue of a symmetric matrix, and how many steps it took.

    product: takes (1, P) to H times it. Lanczos's method with full reorthogonalization, from a
    random vector. Each eigenvalue is then the Rayleigh quotient of one more product, whose
    residual is its error: differences that are not quite linear, as at the kinks of a relu,
    count in it.
    """
    _, vectors, basis = _lanczos(product, size, seed, 1e3 * TOLERANCE, TOLERANCE)
    largest, smallest = (_checked(product, vectors[:, k] @ basis) for k in (-1, 0))
    return largest, smallest, len(basis)


def largest(product: Callable[[Array], Array], size: int, *, seed: int) -> float:
    """The largest eigenvalue of a symmetric matrix, to about a millionth of it, as in `ends`."""
    values, _, _ = _lanczos(product, size, seed, math.inf, ROUGH)
    return float(values[-1])


def _lanczos(
    product: Callable[[Array], Array], size: int, seed: int, smallest: float, largest: float
) -> tuple[Array, Array, Array]:
    """Eigenvalues (K,) and eigenvectors (K, K) on a basis (K, P) of the space of K products.

    smallest, largest: the residuals of the two ends that are good enough, as shares of the largest
    size of an eigenvalue. All is NaN where a product is not finite.
    """
    most = max(2, min(MOST_STEPS, size, BASIS_BYTES // (8 * size)))
    v = generator(seed, "landscape", 1).standard_normal(size)
    basis = np.empty((most, size))
    basis[0] = v / np.linalg.norm(v)
    diagonal: list[float] = []
    beside: list[float] = []
    steps = 0
    while True:
        own = basis[steps]
        w = product(own[None])[0]
        diagonal.append(float(own @ w))
        steps += 1
        known = basis[:steps]
        for _ in range(2):  # once is not enough in floating point
            w = w - known.T @ (known @ w)
        rest = float(np.linalg.norm(w))
        if not math.isfinite(rest):
            lost = [np.full(of, math.nan) for of in ((steps,), (steps, steps), (steps, size))]
            return lost[0], lost[1], lost[2]
        tridiagonal = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        values, vectors = np.linalg.eigh(tridiagonal)
        scale = float(np.abs(values).max())
        low, high = rest * np.abs(vectors[-1, [0, -1]])
        found = high <= largest * scale and low <= smallest * scale
        if steps == min(most, size) or rest <= 1e-12 * scale or (found and steps > 3):
            return values, vectors, known
        beside.append(rest)
        basis[steps] = w / rest


def _checked(product: Callable[[Array], Array], vector: Array) -> Eigenvalue:
    unit = vector / np.linalg.norm(vector)
    w = product(unit[None])[0]
    value = float(unit @ w)
    return Eigenvalue(value, float(np.linalg.norm(w - value * unit)), unit)


def trace_of(
    product: Callable[[Array], Array], size: int, *, seed: int, probes: int, at_once: int
) -> tuple[float, float, int]:
    """The trace of a symmetric matrix, its standard error, and how many probes were used.

    product: takes (at_once, P) to H times each. The mean of u·(H·u) over vectors u of random
    signs; where there are no more parameters than probes, the sum over all unit vectors.
    """
    found: list[float] = []
    exact = size <= probes
    probes = size if exact else probes
    random = generator(seed, "landscape", 2)
    for start in range(0, probes, at_once):
        rows = min(at_once, probes - start)
        u = np.zeros((at_once, size))
        if exact:
            u[np.arange(rows), start + np.arange(rows)] = 1.0
            u[rows:, 0] = 1.0
        else:
            u[:] = np.copysign(1.0, random.standard_normal((at_once, size)))
        found += np.vecdot(u, product(u))[:rows].tolist()
    values = np.array(found)
    if exact:
        return float(values.sum()), 0.0, probes
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(probes)), probes
