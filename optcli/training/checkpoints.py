"""Checkpoints: a listener that writes state, history and best model as training goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.events import Ended, EpochEnded, Event, Progress
from optcli.core.jsonable import jsonable
from optcli.core.version import __version__
from optcli.storage import files
from optcli.training import State, checkpoint_migration
from optcli.training.history import History
from optcli.training.model_file import Trained, check_format

CHECKPOINT_SECONDS = 30.0


class Recorder:
    """Listens to one replica of a run and writes history, checkpoint and model.

    checkpoint_every: epochs between two checkpoints; without, about every half minute,
    within an epoch too, but for at most a twentieth of the time. identity: what the run is known
    by, its config and data, which the checkpoint keeps.
    """

    def __init__(
        self,
        folder: Path,
        history: History,
        trained: Trained,
        checkpoint_every: int | None,
        identity: Mapping[str, Any],
        replica: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.history, self.trained = folder, history, trained
        self.checkpoint_every, self.replica, self.clock = checkpoint_every, replica, clock
        self.identity = identity
        self._due = clock() + CHECKPOINT_SECONDS

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self.history.append(event.row(self.replica))
            if self.checkpoint_every and event.epoch % self.checkpoint_every == 0:
                self._checkpoint(event.state)
        elif isinstance(event, Ended):
            self._checkpoint(event.state)
        by_time = not self.checkpoint_every and self.clock() >= self._due
        if by_time and isinstance(event, EpochEnded | Progress):
            self._checkpoint(event.state)

    def _checkpoint(self, state: State) -> None:
        """The last complete state, the best parameters, and the history."""
        began = self.clock()
        columns = {
            f"history.{name}": np.array(values, np.float64)
            for name, values in self.history.columns.items()
        }
        description = {"format": checkpoint_migration.CHECKPOINT, "optcli": __version__}
        description |= {"run": self.identity}
        path = self.folder / "checkpoint.npz"
        files.write_arrays(path, {**state.arrays(), **columns}, description)
        files.write(self.folder / "history.csv", self.history.csv())
        # a run in which no epoch had a finite loss keeps what it started from
        rows = slice(self.replica, self.replica + 1)
        best, statistics = state.best[rows], state.best_statistics[rows]
        best_model = replace(self.trained, parameters=best, statistics=statistics)
        best_model.save(self.folder / "model.npz")
        now = self.clock()
        self._due = now + max(CHECKPOINT_SECONDS, 20 * (now - began))


def read_checkpoint(
    path: Path, identity: Mapping[str, Any] | None = None
) -> tuple[dict[str, Array], History, int]:
    """The state's arrays, the history and the format of checkpoint.npz; raises InvalidInput.

    identity: that of the run whose checkpoint it must be; version 0.1 did not keep it.
    """
    arrays, description = files.read_arrays(path)
    check_format(path, description, checkpoint_migration.CHECKPOINT)
    if found := _unlike(description.get("run"), jsonable(identity)):
        message = f"is of another run: {found}; restore the checkpoint of this run"
        raise InvalidInput(Fault(message, file=str(path)))
    history = History()
    try:
        if arrays["outcomes"].shape != (1,) or arrays["position"].shape != (3,):
            raise ValueError("it lacks the step")
        for name in [name for name in arrays if name.startswith("history.")]:
            column = arrays.pop(name)
            if column.dtype != np.float64 or column.ndim != 1:
                raise ValueError(f"{name} is {column.dtype} {column.shape}")
            key, values = name.removeprefix("history."), column.tolist()
            whole = key in ("epoch", "step")
            history.columns[key] = [int(value) for value in values] if whole else values
        if len({len(values) for values in history.columns.values()}) > 1:
            raise ValueError("the columns of its history differ in length")
    except (KeyError, ValueError, OverflowError) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    return arrays, history, description["format"]


def _unlike(there: Any, here: Any, key: str = "") -> str | None:
    """The first entry that two runs are known by, both, and that differs, in words."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        both = (name for name in there if name in here)
        found = (
            _unlike(there[name], here[name], f"{key}.{name}" if key else name) for name in both
        )
        return next((each for each in found if each), None)
    return f"{key} was {there!r}, is {here!r}" if key and there != here else None
