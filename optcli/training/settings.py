"""The sections `training` and `regularization` of a config, as specs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import Doc, Named, Registered

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Regularization:
    """Adds l2 · ½·ΣW² + l1 · Σ|W| over weights, not biases, to what is minimised."""

    l2: Annotated[float, Ge(0), Doc("weight of ½·ΣW²")] = 0.0
    l1: Annotated[float, Ge(0), Doc("weight of Σ|W|")] = 0.0


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the monitored value has not improved for `patience` epochs."""

    patience: Annotated[int, Ge(1), Doc("epochs without improvement")] = 10
    min_delta: Annotated[float, Ge(0), Doc("least change that counts")] = 0.0
    monitor: Annotated[str, Doc("a column of the history")] = "validation_loss"


@dataclass(frozen=True)
class GradientNoise:
    """Adds normal numbers of variance eta/(1 + t)^gamma to the gradient of step t, from 0."""

    eta: Annotated[float, Gt(0), Doc("variance at the first step")] = 0.01
    gamma: Annotated[float, Ge(0), Doc("how fast it falls")] = 0.55


@dataclass(frozen=True)
class Lookahead:
    """Slow weights follow the optimizer's, which then start again from them."""

    every: Annotated[int, Ge(1), Doc("steps from one to the next")] = 5
    alpha: Annotated[float, Gt(0), Le(1), Doc("share of the way that the slow weights go")] = 0.5


@dataclass(frozen=True)
class SAM:
    """Sharpness-aware minimization: the gradient of the worst point nearby."""

    rho: Annotated[float, Gt(0), Doc("how far it is to that point")] = 0.05
    adaptive: Annotated[bool, Doc("in units of the parameters' own size")] = False


@dataclass(frozen=True)
class Training:
    """How long, in what batches, with what limits."""

    epochs: Annotated[int, Ge(1), Doc("passes over the training rows")] = 100
    steps: Annotated[int | None, Ge(1), Doc("updates in all, instead of epochs")] = None
    batch_size: Annotated[Count | Literal["full"], Doc("rows a step, or full")] = 32
    shuffle: Annotated[bool, Doc("a new order of the rows in every epoch")] = True
    clip_norm: Annotated[float | None, Gt(0), Doc("largest norm of the whole gradient")] = None
    clip_value: Annotated[float | None, Gt(0), Doc("largest size of one entry")] = None
    clip_adaptive: Annotated[
        float | None, Gt(0), Doc("largest norm of a unit's gradient, as a share of the unit's")
    ] = None
    centralize: Annotated[bool, Doc("take its mean from the gradient of each unit")] = False
    gradient_noise: Annotated[GradientNoise | None, Doc("noise added to the gradient")] = None
    accumulate: Annotated[int, Ge(1), Doc("batches whose gradients make one step")] = 1
    sam: Annotated[SAM | None, Doc("the gradient of the worst point nearby")] = None
    weight_decay: Annotated[float, Ge(0), Doc("of all parameters, for any optimizer")] = 0.0
    decoupled_weight_decay: Annotated[
        bool, Doc("decay the parameters themselves, and not through the gradient")
    ] = False
    lookahead: Annotated[Lookahead | None, Doc("slow weights that follow every few steps")] = None
    average: Annotated[
        Registered | None, Named("averages"), Doc("the model is a mean of the points on the way")
    ] = None
    early_stopping: Annotated[EarlyStopping | None, Doc("when to stop early")] = None
    checkpoint_every: Annotated[int | None, Ge(1), Doc("epochs between checkpoints")] = None
    time_limit: Annotated[float | None, Gt(0), Doc("seconds of training")] = None
    on_divergence: Annotated[
        Literal["stop", "continue"], Doc("whether a run that diverged goes on")
    ] = "stop"
    threads: Annotated[int, Ge(1), Le(1024), Doc("BLAS threads")] = 1

    def __post_init__(self) -> None:
        if self.accumulate > 1 and self.batch_size == "full":
            message = f"is {self.accumulate}; a full batch leaves nothing to accumulate"
            raise InvalidInput(Fault(message, "accumulate"))
