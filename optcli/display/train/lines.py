"""JSON Lines of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optcli.core.events import Ended, EpochEnded, Event, FoldsDone, Started
from optcli.display import jsonl


class TrainJsonLines(jsonl.JsonLines):
    """One object a line: `folds`, `started`, `epoch`, `ended`, `summary`."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, FoldsDone):
            self.emit("folds", {"done": event.done, "folds": event.folds})
        elif isinstance(event, Started):
            names = ("epochs", "steps", "steps_per_epoch", "rows", "parameters", "metrics")
            self.emit("started", {name: getattr(event, name) for name in (*names, "validates")})
        elif isinstance(event, EpochEnded):
            self.emit("epoch", event.row() | {"best": bool(event.best[0])})
        elif isinstance(event, Ended):
            fields = {
                "outcome": event.outcomes[0],
                "epochs": event.epochs[0],
                "steps": event.steps[0],
                "best_epoch": event.best_epoch[0],
                "seconds": event.seconds,
                "samples_per_second": event.samples_per_second,
            }
            self.emit("ended", fields)

    def finish(
        self, summary: Mapping[str, Any], folder: Path | None = None, notes: Iterable[str] = ()
    ) -> None:
        """The summary, with the run folder and the notes."""
        where = None if folder is None else str(folder)
        self.emit("summary", {**summary, "folder": where, "notes": list(notes)})
