"""Cautious AdamW: AdamW with updates masked by sign agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import corrected, moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot


@OPTIMIZERS.register("cautious_adamw", "cadamw")
@dataclass(frozen=True)
class CautiousAdamW(Shaped):
    """AdamW that updates only entries in which step and gradient agree in sign.

        u = m̂ / (√v̂ + ε)                              m̂, v̂ as in adam
        φ = 1 where u·g > 0, else 0
        x ← x − α·(u·φ / max(mean of φ, 0.001) + λ·x)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. The mean
    is taken over each weight and bias separately.

    State: two arrays of the parameters' size, m and v.

    Neither torch nor optax has it. As in the authors' code, the mean has a lower
    bound of 0.001; the preprint adds ε to it instead.

    Use it when adamw works and might be a little faster, with no more state. Avoid it where
    gradients are so noisy that signs agree by chance only.

    Reference: K. Liang and others, Cautious optimizers: improving training with one line
    of code, 2024 (arXiv 2411.16085, version 4), algorithm 1.

    Example: `optimizer: {name: cautious_adamw, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "phi")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return corrected(self.lr, self.beta1, self.beta2, self.eps, t)

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        phi: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        quotient(m, v, eps_hat, s)  # m / (√v + ε̂) = u·α/α_t
        # φ = 1 where u·g > 0, else 0
        np.multiply(s, g, phi)
        np.greater(phi, 0, out=phi)
        np.multiply(s, phi, s)
        # as φ² = φ, the sum of squares is the number of ones
        share = np.maximum(dot(phi, phi) / x[0].size, 1e-3)
        np.multiply(s, alpha_t / share, s)
        np.subtract(x, s, x)
