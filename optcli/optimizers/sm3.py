"""SM3: memory-efficient Adagrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Shaped, mix


@OPTIMIZERS.register("sm3")
@dataclass(frozen=True)
class SM3(Shaped):
    """SM3: Adagrad with accumulators for rows and columns instead of entries.

        ν_ij = min(r_i, c_j) + g_ij²
        u = g / √(ν + ε)                              0 where ν is 0
        m ← β·m + (1 − β)·u
        x ← x − α·m
        r_i ← max over j of ν_ij,   c_j ← max over i of ν_ij

    with learning rate α = lr, β = momentum, ε = 1e-8. An array of more dimensions has one
    accumulator for each index of each dimension; a vector has r = ν, as in Adagrad.

    State: one array of the parameters' size, and one number for each row and column.

    The same as optax's sm3, which has no default learning rate. The paper has no ε.

    Use it when adagrad suits and memory is short. Avoid it for small models: adagrad fits.

    Reference: R. Anil and others, Memory efficient adaptive optimization, 2019, algorithm
    SM3-II.

    Example: `optimizer: {name: sm3, lr: 0.1}`
    """

    scratch: ClassVar[tuple[str, ...]] = ("nu", "w")

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 0.1
    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.9

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        lines = {
            f"axis{axis}": tuple(n if i == axis else 1 for i, n in enumerate(shape))
            for axis in range(len(shape))
        }
        return {"m": shape, **lines}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "beta": self.momentum,
            "one_minus_beta": 1 - np.asarray(self.momentum),
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        nu: Array,
        w: Array,
        lr: Array,
        beta: Array,
        one_minus_beta: Array,
        **lines: Array,
    ) -> None:
        # ν = min(r, c) + g²
        first, *others = lines.values()
        np.copyto(nu, first)
        for line in others:
            np.minimum(nu, line, out=nu)
        np.multiply(g, g, w)
        np.add(nu, w, nu)
        # r_i ← max over j of ν_ij,   c_j ← max over i of ν_ij
        for axis, line in enumerate(lines.values(), 1):
            over = tuple(i for i in range(1, x.ndim) if i != axis)
            np.max(nu, axis=over, out=line, keepdims=True)
        # u = g / √(ν + ε)
        np.add(nu, 1e-8, nu)
        np.sqrt(nu, nu)
        np.divide(g, nu, nu)
        mix(m, nu, beta, one_minus_beta, nu)  # m ← β·m + (1 − β)·u
        np.multiply(m, lr, nu)
        np.subtract(x, nu, x)
