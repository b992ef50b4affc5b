"""JSON lines: a run told to a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from optcli.core.events import Ended, EpochEnded, Event, Started
from optcli.display.output import Output
from optcli.storage.files import jsonable


class JsonLines:
    """One object a line, its kind under `event`: `started`, `epoch`, `ended`, `summary`.

    Numbers that are not finite are null.
    """

    def __init__(self, stream: TextIO) -> None:
        self.output = Output(stream)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
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

    def emit(self, event: str, fields: Mapping[str, Any]) -> None:
        """One line of any kind."""
        self.output.line(json.dumps({"event": event, **jsonable(fields)}, allow_nan=False))

    def close(self) -> None:
        """Nothing is left open."""
