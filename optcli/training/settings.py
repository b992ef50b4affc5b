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
    """Penalty l2 · ½·ΣW² + l1 · Σ|W| on weights, not biases, added to the loss."""

    l2: Annotated[float, Ge(0), Doc("L2 regularization strength, of ½·ΣW²")] = 0.0
    l1: Annotated[float, Ge(0), Doc("L1 regularization strength, of Σ|W|")] = 0.0


@dataclass(frozen=True)
class EarlyStopping:
    """Early stopping when the monitored value has not improved for `patience` epochs."""

    patience: Annotated[int, Ge(1), Doc("epochs without improvement before stopping")] = 10
    min_delta: Annotated[float, Ge(0), Doc("smallest improvement that counts")] = 0.0
    monitor: Annotated[str, Doc("column of the history to monitor")] = "validation_loss"


@dataclass(frozen=True)
class GradientNoise:
    """Gaussian noise of variance eta/(1 + t)^gamma, added to the gradient of step t, from 0."""

    eta: Annotated[float, Gt(0), Doc("variance at the first step")] = 0.01
    gamma: Annotated[float, Ge(0), Doc("exponent of the variance decay")] = 0.55


@dataclass(frozen=True)
class Lookahead:
    """Lookahead: slow weights that follow the optimizer's weights and reset them."""

    every: Annotated[int, Ge(1), Doc("steps between updates of the slow weights")] = 5
    alpha: Annotated[float, Gt(0), Le(1), Doc("step size of the slow weights")] = 0.5


@dataclass(frozen=True)
class SAM:
    """Sharpness-aware minimization: the gradient at the worst point within radius rho."""

    rho: Annotated[float, Gt(0), Doc("radius of the neighbourhood")] = 0.05
    adaptive: Annotated[bool, Doc("scale the radius by |x|, as in ASAM")] = False


@dataclass(frozen=True)
class Training:
    """Length, batches, gradient transforms and limits of training."""

    epochs: Annotated[int, Ge(1), Doc("passes over the training rows")] = 100
    steps: Annotated[int | None, Ge(1), Doc("total number of steps, instead of epochs")] = None
    batch_size: Annotated[Count | Literal["full"], Doc("rows per step, or full")] = 32
    shuffle: Annotated[bool, Doc("shuffle the rows in every epoch")] = True
    clip_norm: Annotated[float | None, Gt(0), Doc("maximum norm of the gradient")] = None
    clip_value: Annotated[
        float | None, Gt(0), Doc("maximum absolute value of a gradient entry")
    ] = None
    clip_adaptive: Annotated[
        float | None, Gt(0), Doc("maximum ratio of gradient norm to weight norm, by unit")
    ] = None
    centralize: Annotated[bool, Doc("subtract the mean from the gradient of each unit")] = False
    gradient_noise: Annotated[GradientNoise | None, Doc("Gaussian noise added to the gradient")] = (
        None
    )
    accumulate: Annotated[int, Ge(1), Doc("gradient accumulation: batches per step")] = 1
    sam: Annotated[SAM | None, Doc("sharpness-aware minimization")] = None
    weight_decay: Annotated[
        float, Ge(0), Doc("weight decay of all parameters, for any optimizer")
    ] = 0.0
    decoupled_weight_decay: Annotated[bool, Doc("decay the parameters directly, as in AdamW")] = (
        False
    )
    lookahead: Annotated[Lookahead | None, Doc("lookahead with slow weights")] = None
    average: Annotated[
        Registered | None, Named("averages"), Doc("use an average of the parameters as the model")
    ] = None
    early_stopping: Annotated[EarlyStopping | None, Doc("early stopping")] = None
    stop_after: Annotated[
        int | None, Ge(1), Doc("epochs after which to stop, with the schedules of the whole length")
    ] = None
    sharpness: Annotated[
        int | None, Ge(1), Doc("epochs between measurements of the largest Hessian eigenvalue")
    ] = None
    checkpoint_every: Annotated[int | None, Ge(1), Doc("epochs between checkpoints")] = None
    time_limit: Annotated[float | None, Gt(0), Doc("time limit in seconds")] = None
    on_divergence: Annotated[
        Literal["stop", "continue"], Doc("stop or continue a run that diverged")
    ] = "stop"
    threads: Annotated[int, Ge(1), Le(1024), Doc("number of BLAS threads")] = 1
    log: Annotated[
        tuple[Literal["tensorboard", "mlflow"], ...], Doc("trackers that train logs to")
    ] = ()

    def __post_init__(self) -> None:
        twice = next((name for name in self.log if self.log.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(Fault(f"'{twice}' is named twice", "log"))
        if self.accumulate > 1 and self.batch_size == "full":
            message = f"is {self.accumulate}; a full batch leaves nothing to accumulate"
            raise InvalidInput(Fault(message, "accumulate"))

    def last_step(self, steps: int, per_epoch: int) -> int:
        """The step after which training ends. steps, per_epoch: of the whole, and of an epoch."""
        return min(steps, (self.stop_after or steps) * per_epoch)
