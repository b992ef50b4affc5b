"""Reduce on plateau: a drop when training has stalled."""

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
    """A drop to `gamma` times as much when the monitored value has stalled.

    It has stalled when it was not better than the best by the share `threshold` for more
    than `patience` epochs in a row. After a drop it is not judged for `cooldown` epochs.

    State: for each replica its best value, the epochs since, those of cooldown, the factor.

    The same as torch's ReduceLROnPlateau, stepped at the end of every epoch, except that
    negative values count by their size, too, and that the smallest drops are not left out.

    Example: `schedule: {name: reduce_on_plateau, gamma: 0.5, patience: 5}`
    """

    gamma: Annotated[float, Gt(0), Lt(1), Doc("the factor of a drop")] = 0.1
    patience: Annotated[int, Ge(0), Doc("epochs without improvement that are borne")] = 10
    threshold: Annotated[float, Ge(0), Doc("least change that counts, as a share")] = 1e-4
    cooldown: Annotated[int, Ge(0), Doc("epochs after a drop that are not judged")] = 0
    monitor: Annotated[
        str | None, Doc("a column of the history; by default the validation loss")
    ] = None
    end: Annotated[End, Doc("the least factor")] = 0.0

    def shape(self, done: Array, span: Span) -> Array:
        return np.ones_like(done)

    def watches(self, usual: str) -> str:
        return self.monitor or usual

    def memory(self, replicas: int) -> dict[str, Array]:
        return {
            "best": np.full(replicas, np.inf),
            "stale": np.zeros(replicas, np.int64),
            "cooling": np.zeros(replicas, np.int64),
            "factor": np.ones(replicas),
        }

    def watch(self, memory: Mapping[str, Array], value: Array) -> None:
        best, stale, cooling, factor = memory.values()
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

    def scale(self, memory: Mapping[str, Array]) -> Array:
        return memory["factor"]

    @property
    def least(self) -> float:
        return self.end
