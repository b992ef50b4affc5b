"""AdamW: Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from optcli.core.specs import Doc, Ge
from optcli.optimizers.adam import Adam
from optcli.optimizers.base import OPTIMIZERS, Decay


@OPTIMIZERS.register("adamw")
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay.

        x ← x − α·λ·x
        x ← x − α · m̂ / (√v̂ + ε)                     m̂, v̂ as in adam

    with learning rate α = lr and λ = weight_decay.

    State: two arrays of the parameters' size, as in adam.

    The same as torch's AdamW. optax's is the same with a default λ of 1e-4.

    Use it when you train a network and want weight decay: the usual first choice. Avoid it for
    convex problems on small tables, where lbfgs or newton end sooner and exactly.

    Reference: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019,
    algorithm 2, with the schedule multiplier η in α.

    Example: `optimizer: {name: adamw, lr: 0.001, weight_decay: 0.1}`
    """

    decay: ClassVar[Decay] = "decoupled"

    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 1e-2
