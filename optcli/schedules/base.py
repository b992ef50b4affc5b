"""Schedule: a factor on hyperparameters, step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Length, counted, in_steps, said
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.registry import Registry
from optcli.core.specs import Doc, Ge, Lt, MinLen, Registered

End = Annotated[float, Ge(0), Lt(1), Doc("the factor it ends at")]


@dataclass(frozen=True)
class Span:
    """The run as a schedule sees it. epoch: steps of one. warmup: steps before all else."""

    steps: int
    epoch: int = 1
    warmup: int = 0

    @property
    def rest(self) -> int:
        """Steps after the warm-up, 1 at least."""
        return max(self.steps - self.warmup, 1)

    def length(self, length: float | str) -> float:
        """A length in steps, not rounded."""
        return in_steps(length, self.steps, self.epoch)

    def period(self, length: float | str) -> float:
        """The same, and one step at least: what is divided by."""
        return max(self.length(length), 1.0)

    def said(self, length: float | str) -> str:
        """A length in words: `5 epochs (200 steps)`, `200 steps`."""
        return said(length, self.steps, self.epoch)


@dataclass(frozen=True)
class Schedule(Registered, ABC):
    """A factor on the learning rate, or on other hyperparameters, step by step.

    Lengths below 1 are fractions of the run, whole numbers are steps, `5 epochs` is what
    it says. The factor of the warm-up is t/w at the steps t = 1 … w; what the schedule
    says begins at w + 1. A hyperparameter must stay in its range, but for a rate of 0.
    """

    warmup: Annotated[Length, Doc("length of a linear rise from 0, before all else")] = 0.0
    of: Annotated[tuple[str, ...], MinLen(1), Doc("the hyperparameters that it multiplies")] = (
        "lr",
    )

    @abstractmethod
    def shape(self, done: Array, span: Span) -> Array:
        """The factor when `done` steps were taken since the warm-up, from 0; (K,) -> (K,)."""

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
        """The hyperparameters whose values it sets, whatever the optimizer's are."""
        return ()

    def values(self, t: Array, steps: int, steps_per_epoch: int = 1) -> dict[str, Array]:
        """The values (K,) at steps t of the hyperparameters that it sets."""
        return {}

    def factors(
        self,
        t: Array,
        steps: int,
        steps_per_epoch: int,
        memory: Mapping[str, Array],
        hyperparameter: Callable[[str], Array],
    ) -> dict[str, Array]:
        """The factors, (K, R) or (K, 1), on each hyperparameter that it moves at steps t.

        memory: what it keeps of how training goes. hyperparameter: gives that of each
        replica (R,) by name, as the optimizer has it.
        """
        factor = self.factor(t, steps, steps_per_epoch)[:, None] * self.scale(memory)
        values = self.values(t, steps, steps_per_epoch)
        set_ = {name: value[:, None] / hyperparameter(name) for name, value in values.items()}
        return dict.fromkeys(self.of, factor) | set_

    def lengths(self) -> Mapping[str, float | str]:
        """The lengths, by key, that must not exceed the run."""
        return {"warmup": self.warmup}

    def check(self, steps: int, steps_per_epoch: int, hyperparameters: Collection[str]) -> None:
        """Raise InvalidInput where the schedule does not fit the run or the optimizer."""
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
                        f"names '{name}', which is no number that the optimizer has{hint}",
                        "schedule.of",
                    )
                )
        if faults:
            raise InvalidInput(*faults)

    # ---- those that watch how training goes --------------------------------------------

    def watches(self, usual: str) -> str | None:
        """The column of the history that it watches; `usual` is that of most."""
        return None

    def memory(self, replicas: int) -> dict[str, Array]:
        """What is kept for each replica, arrays (R,) by name; nothing by default."""
        return {}

    def watch(self, memory: Mapping[str, Array], value: Array) -> None:
        """Take note, in place, of the monitored value (R,) of an epoch: the less the better."""

    def scale(self, memory: Mapping[str, Array]) -> Array | float:
        """A further factor (R,) on all that is to come."""
        return 1.0

    @property
    def least(self) -> float:
        """The least that `scale` may come to."""
        return 1.0


def whole(quotient: Array) -> Array:
    """How often something has passed; a quotient just below a whole number is that number."""
    passed: Array = np.floor(quotient + 1e-9)
    return passed


SCHEDULES: Registry[Schedule] = Registry("schedule", "schedules", "optcli.schedules", Schedule)
