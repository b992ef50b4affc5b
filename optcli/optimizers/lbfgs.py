"""L-BFGS: limited-memory quasi-Newton method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Le
from optcli.optimizers.base import OPTIMIZERS, Shaped, row_by_row


@OPTIMIZERS.register("lbfgs")
@dataclass(frozen=True)
class LBFGS(Shaped):
    """L-BFGS: limited-memory quasi-Newton method, without a line search.

        y = g − g′,  s = x − x′                       stored where y·s > 1e-10
        q = −g
        newest to oldest:  aᵢ = sᵢ·q/(yᵢ·sᵢ),  q ← q − aᵢ·yᵢ
        d = q · (y·s)/(y·y)                           with the newest pair
        oldest to newest:  d ← d + (aᵢ − yᵢ·d/(yᵢ·sᵢ))·sᵢ
        x ← x + α·d                                   at the first step α·min(1, 1/‖g‖₁)

    with step size α = lr, and g′, x′ the previous gradient and parameters. There is no step
    where max |g| ≤ tolerance_grad or g·d > −tolerance_change. Without a line search it is
    meant for `batch_size: full` and convex problems, where α = 1 is right.

    State: 2·history_size + 2 arrays of the parameters' size, and 3 + history_size numbers.

    The same as torch's LBFGS with max_iter=1: one gradient per step. torch's default of 20
    evaluates the same batch up to 20 times.

    Use it when the batch is full and the problem smooth, as with tables and linear models. Avoid
    it with mini-batches or dropout: noise spoils its picture of the curvature.

    Reference: D. C. Liu and J. Nocedal, On the limited memory BFGS method for large scale
    optimization, 1989; the recursion: J. Nocedal, Updating quasi-Newton matrices with
    limited storage, 1980.

    Example: `optimizer: {name: lbfgs, lr: 1, history_size: 10}`
    """

    whole: ClassVar[bool] = True
    structure: ClassVar[tuple[str, ...]] = ("history_size",)

    lr: Annotated[float, Gt(0), Doc("step size")] = 1.0
    history_size: Annotated[int, Ge(1), Le(1000), Doc("number of stored pairs (s, y)")] = 100
    tolerance_grad: Annotated[float, Ge(0), Doc("stop moving where max |g| is at most this")] = 1e-7
    tolerance_change: Annotated[float, Ge(0), Doc("stop moving where g·d is above minus this")] = (
        1e-9
    )

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        pairs = (self.history_size, *shape)
        arrays = {"s": pairs, "y": pairs, "g_prev": shape, "step": shape}
        return {**arrays, "ys": (self.history_size,), "numbers": (3,)}

    def scratch_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"d": shape, "w": shape, "a": (self.history_size,)}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "tolerance_grad": self.tolerance_grad,
            "tolerance_change": self.tolerance_change,
        }

    @row_by_row
    def update(
        self,
        x: Array,
        g: Array,
        s: Array,
        y: Array,
        g_prev: Array,
        step: Array,
        ys: Array,
        numbers: Array,
        d: Array,
        w: Array,
        a: Array,
        lr: Array,
        tolerance_grad: Array,
        tolerance_change: Array,
    ) -> None:
        """One replica's step; numbers: steps taken, pairs kept so far, and y·s/(y·y)."""
        np.abs(g, w)
        if w.max() <= tolerance_grad:
            return
        if numbers[0] == 0:
            numbers[2] = 1
            lr = lr * min(1, 1 / w.sum())
        else:
            np.subtract(g, g_prev, w)  # y
            product = np.vdot(w, step)
            if product > 1e-10:
                newest = int(numbers[1]) % self.history_size
                s[newest], y[newest], ys[newest] = step, w, product
                numbers[1] += 1
                numbers[2] = product / np.vdot(w, w)
        numbers[0] += 1
        count = int(numbers[1])
        kept = [i % self.history_size for i in range(max(0, count - self.history_size), count)]
        # q = −g; q ← q − aᵢ·yᵢ with aᵢ = sᵢ·q/(yᵢ·sᵢ), newest to oldest
        np.negative(g, d)
        for i in reversed(kept):
            a[i] = np.vdot(s[i], d) / ys[i]
            np.multiply(y[i], a[i], w)
            np.subtract(d, w, d)
        # d = q · (y·s)/(y·y); d ← d + (aᵢ − yᵢ·d/(yᵢ·sᵢ))·sᵢ, oldest to newest
        np.multiply(d, numbers[2], d)
        for i in kept:
            np.multiply(s[i], a[i] - np.vdot(y[i], d) / ys[i], w)
            np.add(d, w, d)
        np.copyto(g_prev, g)
        if np.vdot(g, d) > -tolerance_change:
            step.fill(0)
            return
        np.multiply(d, lr, step)
        np.add(x, step, x)
