"""Sophia: second-order clipped stochastic optimization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Oracle, Shaped, hessian_product, mix, power


@OPTIMIZERS.register("sophia")
@dataclass(frozen=True)
class Sophia(Shaped):
    """Sophia: momentum divided by a diagonal Hessian estimate, clipped by entry.

        m ← β₁·m + (1 − β₁)·g,   m̂ = m / (1 − β₁ᵗ)
        x ← x − α·(clip(m̂ / max(γ·h, ε), ±ρ) + λ·x)
        h ← β₂·h + (1 − β₂)·u∘(H·u)              every `frequency` steps, from the first on

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, γ = gamma, ε = eps, ρ = clip and λ =
    weight_decay. H is the Hessian of the batch's loss at the x before the step, and u a
    vector of random signs: u∘(H·u) is Hutchinson's unbiased estimate of the diagonal of H.
    H·u is a four-point difference of gradients. Where h ≤ 0, and so at the first step, the
    denominator is ε, and an entry of the step is almost always ±α·ρ. The signs are
    determined by the run's seed and the step. ρ bounds the entries of m̂ / max(γ·h, ε); λ·x
    is added after clipping.

    h is updated after x, as in optax: a new estimate is used from the next step on.

    State: two arrays of the parameters' size, m and h; the signs need one more array.

    The same as optax.contrib.sophia, which has both γ and ρ. The paper's first version has
    ρ and no γ, that of ICLR 2024 has γ and a bound of 1. The paper has no bias correction,
    updates h before x, draws u from a normal distribution (Sophia-H), and has a second
    estimate from sampled labels (Sophia-G).

    Use it when curvature differs much between parameters and networks train long. Avoid it for
    short runs: its estimate costs extra gradients.

    Reference: H. Liu and others, Sophia: a scalable stochastic second-order optimizer for
    language model pre-training, 2023, algorithms 1 and 3.

    Example: `optimizer: {name: sophia, lr: 0.001, gamma: 0.01}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "h")
    scratch: ClassVar[tuple[str, ...]] = ("step", "s", "at", "gradient")
    whole: ClassVar[bool] = True
    needs_oracle: ClassVar[bool] = True
    decay: ClassVar[Decay] = "own"
    structure: ClassVar[tuple[str, ...]] = ("frequency",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-3
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.965
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the Hessian estimate")] = 0.99
    eps: Annotated[float, Gt(0), Doc("lower bound of the denominator")] = 1e-8
    gamma: Annotated[
        float, Gt(0), Doc("multiplier of the Hessian estimate; smaller values clip more")
    ] = 0.01
    clip: Annotated[float, Gt(0), Doc("bound on each entry of m̂ / max(γ·h, ε)")] = 1.0
    frequency: Annotated[int, Ge(1), Doc("steps between Hessian estimates")] = 10
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 1e-4

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "beta1": self.beta1,
            "one_minus_beta1": 1 - self.beta1,
            "correction": 1 / (1 - power(self.beta1, t)),
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "eps": self.eps,
            "gamma": self.gamma,
            "clip": self.clip,
            "weight_decay": self.weight_decay,
            "steps_since_estimate": (t - 1) % self.frequency,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        h: Array,
        noise: Array,
        step: Array,
        s: Array,
        at: Array,
        gradient: Array,
        lr: Array,
        beta1: Array,
        one_minus_beta1: Array,
        correction: Array,
        beta2: Array,
        one_minus_beta2: Array,
        eps: Array,
        gamma: Array,
        clip: Array,
        weight_decay: Array,
        steps_since_estimate: Array,
        oracle: Oracle,
    ) -> None:
        mix(m, g, beta1, one_minus_beta1, s)  # m ← β₁·m + (1 − β₁)·g
        # clip(m̂ / max(γ·h, ε), ±ρ) + λ·x
        np.multiply(h, gamma, s)
        np.maximum(s, eps, out=s)
        np.divide(m, s, step)
        np.multiply(step, correction, step)  # m̂ in place of m
        np.clip(step, -clip, clip, out=step)
        np.multiply(x, weight_decay, s)
        np.add(step, s, step)
        # equal for all replicas, as `frequency` is in `structure`: the first stands for all
        if steps_since_estimate.item(0) == 0:
            # h ← β₂·h + (1 − β₂)·u∘(H·u); u overwrites the noise, which is new in every step
            u = np.copysign(1, noise, noise)
            hessian_product(oracle, x, u, s, at, gradient)
            np.multiply(s, u, s)
            mix(h, s, beta2, one_minus_beta2, s)
        np.multiply(step, lr, step)
        np.subtract(x, step, x)
