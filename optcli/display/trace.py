"""What `optcli trace` says: the learning rates it took, and how far each optimizer came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from optcli.display.aligned import fitted, terminal_width
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.verdict import wrapped
from optcli.display.words import escaped, number, short

OUTCOMES = {"elsewhere": "stands elsewhere"}


class TraceTable:
    """A table, the best optimizer first, and the folder."""

    def __init__(self, stream: TextIO) -> None:
        self.output = Output(stream)

    def interrupted(self) -> None:
        """A signal ended it."""
        self.output.line("interrupted; nothing was kept")

    def tuned(self, found: Sequence[tuple[str, float]]) -> None:
        """The learning rate of each label."""
        said = ", ".join(f"{label} {short(lr)}" for label, lr in found)
        if said:
            self.output.line(escaped(f"learning rates found: {said}"))

    def paths(self, rows: Sequence[dict[str, Any]], *, folder: Path, hint: str) -> None:
        """What became of each, with a hint where there is one to give."""
        for line in table(rows, terminal_width(100)):
            self.output.line(escaped(line))
        for line in wrapped(hint, terminal_width(100)) if hint else ():
            self.output.line(line)
        self.output.line(escaped(f"run folder: {folder}"))


class TraceLines:
    """The same for programs: `tuned` and `path`, one object each, then `summary`."""

    def __init__(self, stream: TextIO) -> None:
        self.lines = JsonLines(stream)

    def interrupted(self) -> None:
        """A signal ended it."""
        self.lines.emit("interrupted", {"kept": None})

    def tuned(self, found: Sequence[tuple[str, float]]) -> None:
        """The learning rate of each label."""
        for label, lr in found:
            self.lines.emit("tuned", {"label": label, "lr": lr})

    def paths(self, rows: Sequence[dict[str, Any]], *, folder: Path, hint: str) -> None:
        """What became of each."""
        for row in rows:
            self.lines.emit("path", row)
        self.lines.emit("summary", {"paths": len(rows), "folder": str(folder)})


def table(rows: Sequence[dict[str, Any]], width: int) -> list[str]:
    """Aligned lines; where there is no room the loss goes first, then the rate."""
    columns = {
        "#": [str(i) for i in range(1, len(rows) + 1)],
        "optimizer": [row["label"] for row in rows],
        "lr": [short(row["hyperparameters"]["lr"]) for row in rows],
        "loss": [number(row["loss"]) for row in rows],
        "distance": [number(row["distance"], 4) for row in rows],
        "steps": [_steps(row["steps_to_tolerance"]) for row in rows],
        "outcome": [OUTCOMES.get(row["outcome"], row["outcome"]) for row in rows],
    }
    return fitted(columns, width, spare=("loss", "lr"), left={"optimizer", "outcome"})


def _steps(steps: int | None) -> str:
    return "-" if steps is None else f"{steps:,}"
