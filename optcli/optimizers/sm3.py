"""SM3: Adagrad in the memory of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Shaped
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("sm3")
@dataclass(frozen=True)
class SM3(Shaped):
    """Adagrad that keeps one number for each row and column instead of each entry.

        ν_ij = min(r_i, c_j) + g_ij²
        u = g / √(ν + ε)                              0 where ν is 0
        m ← β·m + (1 − β)·u
        x ← x − α·m
        r_i ← max over j of ν_ij,   c_j ← max over i of ν_ij

    with learning rate α = lr, β = momentum, ε = 1e-8. An array of more dimensions has a
    number for each index of each; a vector has r = ν, as Adagrad.

    State: one array of the parameters' size, and a number for each row and column.

    The same as optax's sm3, which has no default learning rate. The paper has no ε.

    Reference: R. Anil and others, Memory efficient adaptive optimization, 2019, algorithm
    SM3-II.

    Example: `optimizer: {name: sm3, lr: 0.1}`
    """

    scratch: ClassVar[int] = 2

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 0.1
    momentum: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        lines = {
            f"axis{axis}": tuple(n if i == axis else 1 for i, n in enumerate(shape))
            for axis in range(len(shape))
        }
        return {"mean": shape, **lines}

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        return self.lr, self.momentum, 1 - np.asarray(self.momentum)

    def update(self, x: Array, g: Array, m: Array, *rest: Array) -> None:
        *lines, s, w, lr, momentum, new = rest
        np.copyto(s, lines[0])
        for line in lines[1:]:
            np.minimum(s, line, out=s)
        np.multiply(g, g, w)
        np.add(s, w, s)
        for axis, line in enumerate(lines, 1):
            others = tuple(i for i in range(1, x.ndim) if i != axis)
            np.max(s, axis=others, out=line, keepdims=True)
        np.add(s, 1e-8, s)
        np.sqrt(s, s)
        np.divide(g, s, s)
        np.multiply(s, new, s)
        np.multiply(m, momentum, m)
        np.add(m, s, m)
        np.multiply(m, lr, s)
        np.subtract(x, s, x)
