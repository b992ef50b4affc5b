"""Adafactor: a second moment factored into rows and columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Le
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, norm, power


@OPTIMIZERS.register("adafactor")
@dataclass(frozen=True)
class Adafactor(Shaped):
    """Adafactor: adaptive steps with a second moment factored into rows and columns.

        β_t = 1 − t^decay
        r ← β_t·r + (1 − β_t)·(mean of g² along rows)        c: the same along columns
        v = r·c / mean(r)
        u = g / √max(v, ε₁²)
        u ← u / max(1, rms(u)/d)
        ρ = min(α, 1/√t)
        x ← x − α·λ·x − max(ε₂, rms(x))·ρ·u

    with learning rate α = lr, decay = beta2_decay, ε₁ the machine epsilon of the dtype, ε₂
    = eps, λ = weight_decay; every array is scaled separately. Rows and columns are the last
    two dimensions; a vector keeps the full v ← β_t·v + (1 − β_t)·g². rms(u) is the root
    mean square of all entries of u.

    State: one number for each row and column of a weight, one for each entry of a bias.

    The same as torch's Adafactor with its default ε₁; the paper's is 1e-30, added to g².
    optax's adafactor keeps rows and columns only where two dimensions have at least 128
    entries (min_dim_size_to_factor), and the whole v elsewhere; it adds 1e-30 to g² (eps),
    does not limit the learning rate to 1/√t, and has optional momentum.

    Use it when the optimizer's memory counts: it keeps a row and a column for each weight matrix.
    Avoid it for small models, where adam fits and is more exact.

    Reference: N. Shazeer and M. Stern, Adafactor: adaptive learning rates with sublinear
    memory cost, 2018, algorithms 4 and 5.

    Example: `optimizer: {name: adafactor, lr: 0.01}`
    """

    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("upper bound of the relative step size")] = 1e-2
    beta2_decay: Annotated[
        float, Le(0), Doc("exponent of t in the decay rate β_t = 1 − t^decay")
    ] = -0.8
    eps: Annotated[float, Ge(0), Doc("lower bound of an array's root mean square")] = 1e-3
    d: Annotated[float, Ge(1), Doc("clipping threshold for the root mean square of u")] = 1.0
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) < 2:
            return {"v": shape}
        return {"r": (*shape[:-1], 1), "c": (*shape[:-2], 1, shape[-1])}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "one_minus_beta_t": power(t, self.beta2_decay),
            "rho": np.minimum(self.lr, 1 / np.sqrt(t)),
            "shrink": 1 - self.lr * np.asarray(self.weight_decay),
            "eps": self.eps,
            "d": self.d,
        }

    def update(
        self,
        x: Array,
        g: Array,
        s: Array,
        one_minus_beta_t: Array,
        rho: Array,
        shrink: Array,
        eps: Array,
        d: Array,
        **moments: Array,
    ) -> None:
        least = np.finfo(x.dtype).eps  # ε₁
        np.multiply(g, g, s)
        if x.ndim == 2:  # a vector of each replica
            v = moments["v"]
            np.subtract(s, v, s)
            np.multiply(s, one_minus_beta_t, s)
            np.add(v, s, v)  # v ← v + (1 − β_t)·(g² − v)
            np.maximum(v, least**2, out=s)
        else:
            r, c = moments["r"], moments["c"]
            r += one_minus_beta_t * (s.mean(axis=-1, keepdims=True) - r)
            c += one_minus_beta_t * (s.mean(axis=-2, keepdims=True) - c)
            # v = r·c / mean(r)
            np.multiply(r, c, s)
            np.divide(s, np.maximum(r.mean(axis=-2, keepdims=True), least), s)
            np.maximum(s, least**2, out=s)
        # u = g / √max(v, ε₁²)
        np.sqrt(s, s)
        np.divide(g, s, s)
        root = math.sqrt(x[0].size)  # rms(u) = ‖u‖ / root
        # max(ε₂, rms(x))·ρ / max(1, rms(u)/d)
        length = np.maximum(eps, norm(x) / root) * rho / np.maximum(1, norm(s) / (root * d))
        np.multiply(s, length, s)
        np.multiply(x, shrink, x)  # x ← x − α·λ·x
        np.subtract(x, s, x)
