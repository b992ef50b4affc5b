"""Schedule: a factor on hyperparameters for each step."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Length, counted, in_steps, said
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.registry import Registry
from optcli.core.specs import Doc, Ge, Lt, MinLen, Registered

End = Annotated[float, Ge(0), Lt(1), Doc("final factor")]


@dataclass(frozen=True)
class Span:
    """The length of a run in steps. epoch: steps of an epoch. warmup: steps of the warm-up."""

    steps: int
    epoch: int = 1
    warmup: int = 0

    @property
    def rest(self) -> int:
        """Steps after the warm-up, at least 1."""
        return max(self.steps - self.warmup, 1)

    def length(self, length: float | str) -> float:
        """A length in steps, not rounded."""
        return in_steps(length, self.steps, self.epoch)

    def period(self, length: float | str) -> float:
        """A length in steps, at least 1, to divide by."""
        return max(self.length(length), 1.0)

    def said(self, length: float | str) -> str:
        """A length in words: `5 epochs (200 steps)`, `200 steps`."""
        return said(length, self.steps, self.epoch)


@dataclass(frozen=True)
class Schedule(Registered, ABC):
    """A factor on the learning rate or other hyperparameters for each step.

    Lengths below 1 are fractions of the run, whole numbers are steps; `5 epochs` is
    possible, too. During a warm-up of w steps the factor is t/w at step t; the schedule
    proper starts at step w + 1. Hyperparameters must stay in their range, except that the
    learning rate may become 0.
    """

    warmup: Annotated[Length, Doc("length of the linear warm-up from 0")] = 0.0
    of: Annotated[tuple[str, ...], MinLen(1), Doc("hyperparameters to multiply by the factor")] = (
        "lr",
    )

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if "memory" in vars(cls):  # the name of `state` in version 0.1
            cls.state = cls.memory  # type: ignore[attr-defined,method-assign]
            message = f"schedule {cls.__name__}: 'memory' is of version 0.1: now it is 'state'"
            hint = "(docs/plugins.md); it works until version 0.3"
            warnings.warn(f"{message} {hint}", DeprecationWarning, stacklevel=2)

    @abstractmethod
    def shape(self, done: Array, span: Span) -> Array:
        """The shape of the schedule after its warm-up, as a curve: the factors (K,).

        done: steps (K,) completed since the warm-up, from 0; it must not be changed.
        """

    def span(self, steps: int, steps_per_epoch: int) -> Span:
        """A run of `steps`, with the warm-up."""
        whole = Span(steps, steps_per_epoch)
        return Span(steps, steps_per_epoch, round(whole.length(self.warmup)))

    def factor(self, t: Array, steps: int, steps_per_epoch: int = 1) -> Array:
        """The factor (K,) at steps t (K,), counted from 1, of a run of `steps`."""
        span = self.span(steps, steps_per_epoch)
        done = np.clip(t - 1 - span.warmup, 0, span.rest)
        rise = t / max(span.warmup, 1)
        factor: Array = np.where(t <= span.warmup, rise, self.shape(done, span))
        return factor

    @property
    def sets(self) -> tuple[str, ...]:
        """The hyperparameters whose values it sets, regardless of the optimizer's."""
        return ()

    def values(self, t: Array, steps: int, steps_per_epoch: int = 1) -> dict[str, Array]:
        """The values (K,) at steps t of the hyperparameters that it sets."""
        return {}

    def factors(
        self,
        t: Array,
        steps: int,
        steps_per_epoch: int,
        state: Mapping[str, Array],
        hyperparameter: Callable[[str], Array],
    ) -> dict[str, Array]:
        """The factors, (K, R) or (K, 1), on each scheduled hyperparameter at steps t.

        state: of the schedule. hyperparameter: returns the optimizers' values (R,) by name.
        """
        factor = self.factor(t, steps, steps_per_epoch)[:, None] * self.scale(state)
        values = self.values(t, steps, steps_per_epoch)
        set_ = {name: value[:, None] / hyperparameter(name) for name, value in values.items()}
        return dict.fromkeys(self.of, factor) | set_

    def lengths(self) -> Mapping[str, float | str]:
        """The lengths, by key, that must not exceed the run's."""
        return {"warmup": self.warmup}

    def check(self, steps: int, steps_per_epoch: int, hyperparameters: Collection[str]) -> None:
        """Raise InvalidInput if the schedule does not fit the run or the optimizer."""
        span = Span(steps, steps_per_epoch)
        faults = [
            Fault(
                f"is {span.said(length)}; must be at most the run's {counted(steps)}",
                f"schedule.{name}",
            )
            for name, length in self.lengths().items()
            if round(span.length(length)) > steps
        ]
        for name in self.of:
            if name not in hyperparameters:
                hint = suggestion(name, hyperparameters)
                hint = hint or "; must be among " + ", ".join(hyperparameters)
                faults.append(
                    Fault(
                        f"names '{name}', not a numeric hyperparameter of the optimizer{hint}",
                        "schedule.of",
                    )
                )
        if faults:
            raise InvalidInput(*faults)

    # ---- schedules that depend on the history -----------------------------------------

    def watches(self, usual: str) -> str | None:
        """The column of the history that it monitors; `usual` is the default."""
        return None

    def state(self, replicas: int) -> dict[str, Array]:
        """The initial state of the schedule, arrays (R,) by name; empty by default."""
        return {}

    def watch(self, state: Mapping[str, Array], value: Array) -> None:
        """Update the state in place by an epoch's monitored value (R,); lower is better."""

    def scale(self, state: Mapping[str, Array]) -> Array | float:
        """A further factor (R,) on the steps to come."""
        return 1.0

    @property
    def least(self) -> float:
        """The lower bound of `scale`."""
        return 1.0


def whole(quotient: Array) -> Array:
    """The quotient rounded down, with a tolerance for rounding just below a whole number."""
    passed: Array = np.floor(quotient + 1e-9)
    return passed


SCHEDULES: Registry[Schedule] = Registry("schedule", "schedules", "optcli.schedules", Schedule)
