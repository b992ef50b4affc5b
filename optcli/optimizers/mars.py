"""MARS: AdamW with variance reduction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import corrected, moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, norm


@OPTIMIZERS.register("mars")
@dataclass(frozen=True)
class MARS(Shaped):
    """MARS: AdamW on variance-reduced gradients.

        c = g + γ·β₁/(1 − β₁)·(g − g′)                (g at the first step)
        c ← c / max(1, ‖c‖)
        m ← β₁·m + (1 − β₁)·c
        v ← β₂·v + (1 − β₂)·c²
        x ← x − α·(m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε) + λ·x)

    with g′ the previous gradient, learning rate α = lr, γ = gamma, β₁ = beta1, β₂ = beta2,
    ε = eps, λ = weight_decay. The norm is that of each parameter tensor.

    State: three arrays of the parameters' size, m, v and g′.

    Neither torch nor optax has it. This is the approximate form: g′ is the gradient of the
    previous batch, not that of this batch at the previous parameters. The authors' code
    starts with g′ = 0 and updates vectors by adamw.

    Use it when networks train long and gradients of successive batches resemble each other. Avoid
    it where batches are tiny: the correction adds noise.

    Reference: H. Yuan and others, MARS: unleashing the power of variance reduction for
    training large models, 2024, algorithm 2 (MARS-AdamW).

    Example: `optimizer: {name: mars, lr: 0.003}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v", "g_prev")
    scratch: ClassVar[tuple[str, ...]] = ("c", "w")
    decay: ClassVar[Decay] = "decoupled"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 3e-3
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.95
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.99
    gamma: Annotated[float, Ge(0), Doc("scale of the variance-reduction term")] = 0.025
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        adam = corrected(self.lr, self.beta1, self.beta2, self.eps, t)
        share = self.gamma * self.beta1 / (1 - self.beta1)
        return {**adam, "share": np.where(t == 1, 0.0, share)}

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        g_prev: Array,
        c: Array,
        w: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
        share: Array,
    ) -> None:
        # c = g + γ·β₁/(1 − β₁)·(g − g′)
        np.subtract(g, g_prev, c)
        np.multiply(c, share, c)
        np.add(c, g, c)
        np.copyto(g_prev, g)
        np.divide(c, np.maximum(norm(c), 1), c)  # c / max(1, ‖c‖)
        moments(m, v, c, beta1, one_minus_beta1, beta2, one_minus_beta2, w)  # m, v
        quotient(m, v, eps_hat, w)  # m / (√v + ε̂)
        np.multiply(w, alpha_t, w)  # α, with both bias corrections
        np.subtract(x, w, x)
