"""Tracking: the listener that tells trackers of a training, and outlives their failures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optcli.core.errors import EnvironmentFailed, Fault, Grave, InvalidInput
from optcli.core.events import Ended, EpochEnded, Event
from optcli.trackers.base import Beginning, Tracker, missing


def _made(name: str) -> Tracker:
    if name == "tensorboard":
        from optcli.trackers.tensorboard import TensorBoard

        return TensorBoard()
    from optcli.trackers.mlflow import MLflow

    return MLflow()


class Tracking:
    """Listens to one run for the trackers that its config names.

    notes: a warning for each tracker that has failed.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.notes: tuple[str, ...] = ()
        self._trackers: dict[str, Tracker] = {}
        self._logged: dict[str, int] = {}  # the last epoch of each
        self._outcome: str | None = None
        self._epoch = 0

    def begin(self, run: Beginning, rows: Sequence[Mapping[str, float]] = ()) -> None:
        """Connect all trackers; rows: the epochs before, of a run that goes on.

        A tracker that cannot begin ends a new run before it trains: raises InvalidInput for a
        package that cannot be imported, EnvironmentFailed for the rest. A run that goes on does
        so without it.
        """
        self._epoch = run.epoch
        for place, name in enumerate(self.names):
            try:
                tracker = _made(name)
                self._logged[name] = tracker.begin(run)
                self._trackers[name] = tracker
            except Exception as error:
                if run.epoch:
                    self._let_go(name, error)
                    continue
                self.close()
                if isinstance(error, ImportError):
                    raise InvalidInput(missing(name, place)) from error
                message = f"'{name}' cannot begin: {_told(error)}; correct that, or remove it"
                raise EnvironmentFailed(Fault(message, f"training.log[{place}]")) from error
        for row in rows:
            self._log(row)

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self._epoch = event.epoch
            if self._trackers:
                self._log(event.row())
        elif isinstance(event, Ended):
            self._outcome = event.outcomes[0]

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Log what the training came to, and disconnect."""
        self._each(lambda name: self._trackers[name].finish(summary))
        self.close()

    def close(self) -> None:
        """Disconnect those that are left; may be called again."""
        self._each(lambda name: self._trackers[name].close(self._outcome))
        self._trackers.clear()

    def _log(self, row: Mapping[str, float]) -> None:
        def log(name: str) -> None:
            if row["epoch"] > self._logged[name]:
                self._trackers[name].log(row)

        self._each(log)

    def _each(self, call: Callable[[str], None]) -> None:
        for name in list(self._trackers):
            try:
                call(name)
            except Exception as error:
                self._let_go(name, error)

    def _let_go(self, name: str, error: Exception) -> None:
        if tracker := self._trackers.pop(name, None):
            with contextlib.suppress(Exception):
                tracker.close(None)
        when = f"after epoch {self._epoch}" if self._epoch else "before the first epoch"
        message = f"training.log: '{name}' failed {when} ({_told(error)}); the run itself is whole"
        self.notes += (Grave(message),)


def _told(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:199]}…"
