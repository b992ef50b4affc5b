"""What `optcli trace` says: the learning rates it took, and how far each optimizer came."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.listener import Listener, choose
from optcli.display.output import Output
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import alike, escaped, short, wrapped

WIDEST = 100
# What the words of summary.json are on the screen.
OUTCOMES = {
    "reached": "converged",
    "escaped": "escaped to another minimum",
    "elsewhere": "stuck",
    "oscillating": "oscillates",
}


@dataclass(frozen=True)
class Tuned:
    """The learning rates that were found, by label."""

    rates: Mapping[str, float]


class InterruptedTrace:
    """A signal ended the trace."""


class TraceTable:
    """A table, the best optimizer first, and the folder."""

    def __init__(self, stream: TextIO) -> None:
        self.output = Output(stream)

    def __call__(self, event: Tuned | InterruptedTrace) -> None:
        """The learning rate of each, or that a signal ended it."""
        if isinstance(event, InterruptedTrace):
            self.output.line("interrupted; nothing was saved")
        elif event.rates:
            found = ", ".join(f"{label} {short(lr)}" for label, lr in event.rates.items())
            self.output.line(escaped(f"tuned learning rates: {found}"))

    def finish(
        self, rows: Sequence[dict[str, Any]], *, folder: Path, hint: str, page: Path | None = None
    ) -> None:
        """What became of each, with a hint where there is one to give."""
        for line in report(rows, width_of(WIDEST)):
            self.output.line(escaped(line))
        for line in wrapped(hint, width_of(WIDEST)) if hint else ():
            self.output.line(line)
        self.output.line(escaped(f"run folder: {folder}"))
        if page is not None:
            self.output.line(escaped(f"page: {page}"))

    def close(self) -> None:
        """Nothing is left open."""


class TraceLines:
    """The same for programs: `tuned` and `path`, one object each, then `summary`."""

    def __init__(self, stream: TextIO) -> None:
        self.lines = JsonLines(stream)

    def __call__(self, event: Tuned | InterruptedTrace) -> None:
        """The learning rate of each label, or that a signal ended it."""
        if isinstance(event, InterruptedTrace):
            self.lines.emit("interrupted", {"kept": None})
            return
        for label, lr in event.rates.items():
            self.lines.emit("tuned", {"label": label, "lr": lr})

    def finish(
        self, rows: Sequence[dict[str, Any]], *, folder: Path, hint: str, page: Path | None = None
    ) -> None:
        """What became of each."""
        for row in rows:
            self.lines.emit("path", row)
        more = {} if page is None else {"page": str(page)}
        self.lines.emit("summary", {"paths": len(rows), "folder": str(folder), **more})

    def close(self) -> None:
        """Nothing is left open."""


def listener(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """What the trace is told to."""
    return choose(quiet, json, stream, plain=TraceTable, lines=TraceLines)


def report(rows: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """The table, and what its columns are."""
    return [*table(rows, width), *wrapped(headings(rows), width)]


def headings(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the columns are."""
    tolerance = f"{rows[0]['tolerance']:g}" if rows else ""
    return f"distance: to the nearest minimum; steps: until it stays within {tolerance}"


def table(rows: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Aligned lines; where there is no room the loss goes first, then the rate."""
    return Table(columns(rows), width).lines()


def columns(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """A row for each optimizer, best first."""
    rates = [short(row["hyperparameters"]["lr"]) for row in rows]
    losses, distances = ([_known(row[name]) for row in rows] for name in ("loss", "distance"))
    outcomes = [OUTCOMES.get(row["outcome"], row["outcome"]) for row in rows]
    return [
        Column("#", "#", [str(i) for i in range(1, len(rows) + 1)]),
        Column("optimizer", "optimizer", [row["label"] for row in rows], left=True, cut=True),
        Column("lr", "lr", rates, rank=1),
        Column("loss", "loss", alike(losses), rank=2),
        Column("distance", "distance", alike(distances)),
        Column("steps", "steps", [_steps(row["steps_to_tolerance"]) for row in rows]),
        Column("outcome", "outcome", outcomes, left=True),
    ]


def _known(value: float | None) -> float:
    """A number that summary.json may have as null, where it is not finite."""
    return math.nan if value is None else value


def _steps(steps: int | None) -> str:
    return "-" if steps is None else f"{steps:,}"
