"""Events: what training says while it goes on.

Training is a generator of these and knows nobody who listens. While a listener
works, training is suspended and its clock stands. Arrays with a leading R hold
one entry a replica; `state` is a live view, to be copied by who wants to keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from optcli.core.arrays import Array

if TYPE_CHECKING:
    from optcli.training import State
    from optcli.training.evaluation import Evaluation

Outcome = Literal["completed", "stopped_early", "diverged", "interrupted", "timed_out"]


@dataclass(frozen=True)
class Started:
    """Training is about to begin (or to go on, from `state.epoch`)."""

    state: State
    epochs: int  # how many there will be at most
    steps: int  # the same in steps
    steps_per_epoch: int
    rows: int  # training rows an epoch
    parameters: int  # P, of one replica
    metrics: tuple[str, ...]
    validates: bool  # whether there are validation rows
    unit: str = "epoch"  # what people call an epoch: of a test function, "step"


@dataclass(frozen=True)
class FoldsDone:
    """Of a cross-validation, so many folds are done, before the model is trained on all rows."""

    done: int
    folds: int


@dataclass(frozen=True)
class Progress:
    """Some steps were done; comes a few times a second, within long epochs too."""

    state: State
    step: int
    seconds: float  # of training so far, by its own clock


@dataclass(frozen=True)
class Paused:
    """A step of the epoch that a listener asked for is done; `state.model` is that of now."""

    state: State
    step: int  # updates so far


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is over and has been measured. Values are float64 of shape (R,)."""

    state: State
    epoch: int  # from 1
    step: int  # updates so far
    lr: Array  # of the last step
    train_loss: Array
    train_metrics: Mapping[str, Array]
    validation_loss: Array | None
    validation_metrics: Mapping[str, Array]
    gradient_norm: Array  # of the last step, before clipping
    update_norm: Array  # of the last step
    best: Array  # bool: this epoch is the best so far
    seconds: float  # of training so far
    validation: Evaluation | None = None  # with the scores of the validation rows; a live view
    sharpness: Array | None = None  # NaN where it was not measured; None where it never is

    def row(self, replica: int = 0) -> dict[str, float]:
        """The epoch of one replica, by the names and in the order of history.csv."""
        row: dict[str, float] = {"epoch": self.epoch, "step": self.step}
        row["lr"] = float(self.lr[replica])
        row["train_loss"] = float(self.train_loss[replica])
        row |= {f"train_{name}": float(of[replica]) for name, of in self.train_metrics.items()}
        if self.validation_loss is not None:
            row["validation_loss"] = float(self.validation_loss[replica])
        for name, of in self.validation_metrics.items():
            row[f"validation_{name}"] = float(of[replica])
        row["gradient_norm"] = float(self.gradient_norm[replica])
        row["update_norm"] = float(self.update_norm[replica])
        if self.sharpness is not None:
            row["sharpness"] = float(self.sharpness[replica])
        row["seconds"] = self.seconds
        return row


@dataclass(frozen=True)
class Ended:
    """Training is over."""

    state: State
    outcomes: tuple[Outcome, ...]  # one a replica
    epochs: Array  # (R,) epochs begun
    steps: Array  # (R,) updates done
    best_epoch: Array  # (R,) from 1; 0 where no epoch had a finite loss
    seconds: float
    samples_per_second: float  # rows of all replicas together
    gradient_evaluations: Array  # (R,) forward and backward passes over the rows of a batch


TrainingEvent = Started | Progress | Paused | EpochEnded | Ended  # what a cohort yields
Event = FoldsDone | TrainingEvent
