"""Plain lines: a run told to a file or a pipe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from optcli.core.events import Ended, EpochEnded, Event, FoldsDone, Started
from optcli.display.output import Output
from optcli.display.text import escaped, metric, number, short
from optcli.display.train.closing import closing
from optcli.display.train.record import round_stride

MOST = 50


class PlainLines:
    """One line an epoch, without control codes, flushed.

    With more than 50 epochs only every n-th, the first and the last, where n is the
    least of 2, 5, 10, 20, 50, … that leaves at most 50; and the best one, as the last with
    that mark.
    """

    def __init__(self, stream: TextIO) -> None:
        self.output = Output(stream)
        self._stride = 1
        self._epochs, self._unit = 0, "epoch"
        self._first = 1
        self._unsaid: EpochEnded | None = None
        self._best: EpochEnded | None = None  # better than all that was said

    def __call__(self, event: Event) -> None:
        if isinstance(event, FoldsDone):
            self.output.line(f"cross-validation: {event.done} of {event.folds} folds")
        elif isinstance(event, Started):
            self._epochs, self._first = event.epochs, event.state.epoch + 1
            self._unit = event.unit
            self._stride = round_stride(event.epochs - event.state.epoch, MOST)
        elif isinstance(event, EpochEnded):
            self._unsaid = event
            self._best = event if event.best[0] else self._best
            if event.epoch in (self._first, self._epochs) or event.epoch % self._stride == 0:
                self._say()
        elif isinstance(event, Ended):
            self._say()

    def _say(self) -> None:
        """The last epoch, after the best one since the last line where that is another."""
        last, best = self._unsaid, self._best
        self._unsaid = self._best = None
        for event in (None if best is last else best, last):
            if event is not None:
                self._line(event)

    def _line(self, event: EpochEnded) -> None:
        row = event.row()
        digits = len(str(self._epochs))
        words = [f"{self._unit} {event.epoch:{digits}d}/{self._epochs}"]
        for key, value in row.items():
            if key.startswith(("train_", "validation_")):
                words.append(f"{key} {number(value) if key.endswith('loss') else metric(value)}")
        words += [f"lr {short(row['lr'])}"]
        if math.isfinite(row.get("sharpness", math.nan)):
            words.append(f"sharpness {number(row['sharpness'])}")
        if event.best[0]:
            words.append("best")
        self.output.line(escaped("  ".join(words)))

    def finish(
        self, summary: Mapping[str, Any], folder: Path | None = None, notes: Iterable[str] = ()
    ) -> None:
        """Say how it ended."""
        for line in closing(summary, folder, notes):
            self.output.line(line)

    def close(self) -> None:
        """Nothing is left open."""
