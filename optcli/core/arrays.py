"""Arrays: the dtypes, and the work buffers that keep a step free of allocation.

Axis letters are law in all of optcli: R replicas, P parameters, B batch rows,
N rows of a table, D inputs, H hidden units, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
T = TypeVar("T")

DTYPES = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}


def product(a: Array, b: Array, out: Array) -> Array:
    """The matrix products (R, B, K) of a (R, B, C) and b (C, K), for each replica by itself.

    np.dot has the bits of np.matmul, and a single product costs half as much.
    """
    if len(a) == 1:
        np.dot(a[0], b, out[0])
        return out
    return np.matmul(a, b, out)


def joined(first: Array, second: Array) -> Array | None:
    """A view (…, M + 1, N) of arrays (…, M, N) and (…, N), if one follows the other in memory."""
    end = first.ctypes.data + first.shape[-2] * first.strides[-2]
    axes = zip(second.shape, second.strides, (*first.strides[:-2], first.strides[-1]), strict=True)
    if second.ctypes.data != end or any(own != other for n, own, other in axes if n > 1):
        return None
    shape = (*first.shape[:-2], first.shape[-2] + 1, first.shape[-1])
    return np.lib.stride_tricks.as_strided(first, shape)


def magnitude(x: Array, out: Array) -> Array:
    """|x|, analytically where x is complex: −x left of 0, x right of it."""
    if np.iscomplexobj(x):
        return np.multiply(x, np.where(x.real < 0, -1, 1), out)
    return np.abs(x, out)


def log1p(x: Array, out: Array) -> Array:
    """log(1 + x), to full precision near 0 for complex x too (NumPy's has only 1e-16 there).

    The imaginary part is that of the first order, as small ones want it.
    """
    if np.iscomplexobj(x):
        imaginary = x.imag / (1 + x.real)
        np.log1p(x.real, out.real)
        out.imag = imaginary
        return out
    return np.log1p(x, out)


def sigmoid(x: Array, out: Array) -> Array:
    """1/(1 + e⁻ˣ) as (1 + tanh(x/2))/2, which never overflows."""
    np.multiply(x, 0.5, out)
    np.tanh(out, out)
    np.multiply(out, 0.5, out)
    return np.add(out, 0.5, out)


def softplus(x: Array, out: Array, work: Array) -> Array:
    """log(1 + eˣ) as max(x, 0) + log1p(e^−|x|), which never overflows."""
    magnitude(x, work)
    np.negative(work, work)
    np.exp(work, work)
    log1p(work, work)
    np.maximum(x, 0, out=out)
    return np.add(out, work, out)


class Workspace:
    """Named buffers, made at first use and handed out again ever after.

    What a buffer holds between two calls is undefined.
    """

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def buffer(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialized array of this shape, the same one for the same arguments."""
        key = (name, shape, dtype)
        return self.constant(key, lambda: np.empty(shape, dtype))

    def constant(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` gives at first use; the same for the same key ever after."""
        made: T | None = self._made.get(key)
        if made is None:
            made = self._made[key] = make()
        return made
