"""Reduce on plateau: decay when the monitored value stops improving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.schedules.base import SCHEDULES, End, Schedule, Span


@SCHEDULES.register("reduce_on_plateau", "plateau")
@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Decay by the factor `gamma` when the monitored value stops improving.

    It counts as improved if it is better than the best by the relative `threshold`. After
    more than `patience` epochs without improvement the factor decays; the next `cooldown`
    epochs are not counted.

    State: for each replica the best value, epochs since then, remaining cooldown, and factor.

    The same as torch's ReduceLROnPlateau, called at the end of every epoch, except that the
    threshold of negative values is relative to their absolute value, and that there is no
    minimum change of the learning rate (torch's eps).

    Use it when neither length nor pace is known. Avoid it with noisy validation: the rate falls
    by accident.

    Example: `schedule: {name: reduce_on_plateau, gamma: 0.5, patience: 5}`
    """

    gamma: Annotated[float, Gt(0), Lt(1), Doc("factor of each decay")] = 0.1
    patience: Annotated[int, Ge(0), Doc("epochs without improvement before a decay")] = 10
    threshold: Annotated[float, Ge(0), Doc("relative improvement that counts")] = 1e-4
    cooldown: Annotated[int, Ge(0), Doc("epochs after a decay before patience counts again")] = 0
    monitor: Annotated[
        str | None, Doc("column of the history to monitor; by default the validation loss")
    ] = None
    end: Annotated[End, Doc("lower bound of the factor")] = 0.0

    def shape(self, done: Array, span: Span) -> Array:
        return np.ones_like(done)

    def watches(self, usual: str) -> str:
        return self.monitor or usual

    def state(self, replicas: int) -> dict[str, Array]:
        return {
            "best": np.full(replicas, np.inf),
            "stale": np.zeros(replicas, np.int64),
            "cooling": np.zeros(replicas, np.int64),
            "factor": np.ones(replicas),
        }

    def watch(self, state: Mapping[str, Array], value: Array) -> None:
        best, stale, cooling, factor = state.values()
        finite = np.where(np.isfinite(best), best, 0)
        better = value < best - self.threshold * np.abs(finite)
        best[better] = value[better]
        stale[:] = np.where(better, 0, stale + 1)
        stale[cooling > 0] = 0
        cooling[:] = np.maximum(cooling - 1, 0)
        stalled = stale > self.patience
        factor[stalled] = np.maximum(factor[stalled] * self.gamma, self.end)
        stale[stalled] = 0
        cooling[stalled] = self.cooldown

    def scale(self, state: Mapping[str, Array]) -> Array:
        return state["factor"]

    @property
    def least(self) -> float:
        return self.end
