"""Rprop: resilient backpropagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("rprop")
@dataclass(frozen=True)
class Rprop(Optimizer):
    """Rprop: step sizes for each parameter, adapted by the signs of its gradient.

        g ← g + λ·x                                   before `update`, by the Stepper
        Δ ← min(η⁺·Δ, Δmax)              where g·g′ > 0
        Δ ← max(η⁻·Δ, Δmin), g ← 0       where g·g′ < 0
        x ← x − sign(g)·Δ
        g′ ← g

    with g′ the previous gradient, η⁺ = eta_plus, η⁻ = eta_minus, Δmax = step_max, Δmin =
    step_min, and Δ = lr initially, λ = weight_decay. A learning-rate schedule has no
    effect. Use `batch_size: full`: with mini-batches the signs are mostly noise.

    State: two arrays of the parameters' size.

    The same as torch's Rprop, with its `etas` and `step_sizes` as separate keys. optax's
    rprop (0.2.8) applies every step one gradient late.

    Use it when batches are full: signs alone are enough. Avoid it with mini-batches, whose noise
    turns the signs.

    Reference: M. Riedmiller and H. Braun, A direct adaptive method for faster
    backpropagation learning, 1993; this form: C. Igel and M. Hüsken, Improving the Rprop
    learning algorithm, 2000, iRprop⁻ (Rprop⁻ with g ← 0).

    Example: `optimizer: {name: rprop, lr: 0.01}`
    """

    state: ClassVar[tuple[str, ...]] = ("g_prev", "delta")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    initial_only: ClassVar[tuple[str, ...]] = ("lr",)
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("initial step size")] = 1e-2
    eta_minus: Annotated[float, Gt(0), Lt(1), Doc("factor after a sign change")] = 0.5
    eta_plus: Annotated[float, Gt(1), Doc("factor while the sign is unchanged")] = 1.2
    step_min: Annotated[float, Ge(0), Doc("minimum step size")] = 1e-6
    step_max: Annotated[float, Gt(0), Doc("maximum step size")] = 50.0
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def start(self, delta: Array) -> None:
        delta[:] = self.lr

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "less": self.eta_minus - np.ones_like(t),
            "more": self.eta_plus - np.ones_like(t),
            "delta_min": self.step_min,
            "delta_max": self.step_max,
        }

    def update(
        self,
        x: Array,
        g: Array,
        g_prev: Array,
        delta: Array,
        s: Array,
        w: Array,
        less: Array,
        more: Array,
        delta_min: Array,
        delta_max: Array,
    ) -> None:
        np.multiply(g, g_prev, s)
        np.less(s, 0, out=g_prev)  # 1 where the sign has changed
        np.greater(s, 0, out=w)  # 1 where it has stayed
        # the factor: 1 + (η⁻ − 1), 1 + (η⁺ − 1), or 1
        np.multiply(g_prev, less, s)
        np.multiply(w, more, w)
        np.add(s, w, s)
        np.add(s, 1, s)
        np.multiply(delta, s, delta)
        np.maximum(delta, delta_min, out=delta)
        np.minimum(delta, delta_max, out=delta)
        # g where the sign has not changed, else 0
        np.subtract(1, g_prev, g_prev)
        np.multiply(g, g_prev, g_prev)
        # x ← x − sign(g)·Δ
        np.sign(g_prev, s)
        np.multiply(s, delta, s)
        np.subtract(x, s, x)
