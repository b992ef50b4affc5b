"""What `optcli landscape` says: losses and sharpness of each solution, where its path lies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.listener import Listener, choose
from optcli.display.output import Output
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import alike, escaped, short, wrapped

WIDEST = 100


class InterruptedLandscape:
    """A signal ended the command."""


class LandscapeTable:
    """A table of the solutions, what its columns are, and the folder."""

    def __init__(self, stream: TextIO) -> None:
        self.output = Output(stream)

    def __call__(self, event: InterruptedLandscape) -> None:
        """That a signal ended it."""
        self.output.line("interrupted; nothing was saved")

    def finish(self, summary: Mapping[str, Any], *, folder: Path) -> None:
        """What was found."""
        for line in report(summary, width_of(WIDEST)):
            self.output.line(escaped(line))
        self.output.line(escaped(f"run folder: {folder}"))

    def close(self) -> None:
        """Nothing is left open."""


class LandscapeLines:
    """The same for programs: `solution`, one object each, then `summary`."""

    def __init__(self, stream: TextIO) -> None:
        self.lines = JsonLines(stream)

    def __call__(self, event: InterruptedLandscape) -> None:
        """That a signal ended it."""
        self.lines.emit("interrupted", {"kept": None})

    def finish(self, summary: Mapping[str, Any], *, folder: Path) -> None:
        """What was found."""
        for row in summary["solutions"]:
            self.lines.emit("solution", row)
        rest = {name: value for name, value in summary.items() if name != "solutions"}
        self.lines.emit("summary", {**rest, "folder": str(folder)})

    def close(self) -> None:
        """Nothing is left open."""


def listener(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """What the landscape is told to."""
    return choose(quiet, json, stream, plain=LandscapeTable, lines=LandscapeLines)


def report(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table, and what its columns are."""
    return [
        *Table(columns(summary["solutions"]), width).lines(),
        *(line for text in remarks(summary) for line in wrapped(text, width)),
    ]


def remarks(summary: Mapping[str, Any]) -> list[str]:
    """What the columns are, and what the plane shows."""
    found, rows = [], summary["solutions"]
    if any(row["sharpness"] is not None for row in rows):
        found.append(
            "λmax, λmin: largest and smallest eigenvalue of the Hessian of the training loss; "
            "±: residual, for the trace standard error"
        )
    if any(row["off_plane"] is not None for row in rows) and summary["plane"] != "whole":
        found.append("off plane: share of the path's squared distances to its end")
    if summary["shares"] is not None:
        first, second = (f"{100 * share:.3g} %" for share in summary["shares"])
        found.append(f"the plane holds {first} and {second} of the points' variance")
    return found


def columns(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """A row for each solution; what none has is left out."""
    found = [
        Column("run", "run", [row["label"] for row in rows], left=True, cut=True),
        Column("train", "train\nloss", alike([_known(row["train_loss"]) for row in rows])),
    ]
    if any(row["validation_loss"] is not None for row in rows):
        losses = alike([_known(row["validation_loss"]) for row in rows])
        found.append(Column("validation", "validation\nloss", losses))
    sharp = [row["sharpness"] for row in rows]
    if any(each is not None for each in sharp):
        for key, heading, rank in (
            ("largest_eigenvalue", "λmax", 0),
            ("smallest_eigenvalue", "λmin", 2),
            ("trace", "trace", 1),
        ):
            cells = [_estimate(each, key) for each in sharp]
            found.append(Column(key, heading, cells, rank=rank))
    if any(row["off_plane"] is not None for row in rows):
        shares = [_share(row["off_plane"]) for row in rows]
        found.append(Column("off", "off\nplane", shares))
    return found


def _estimate(sharp: Mapping[str, Any] | None, key: str) -> str:
    """`3.142 ± 0.001`; without the error where it is below what is shown."""
    if sharp is None:
        return "-"
    value, error = _known(sharp[key]), _known(sharp[f"{key}_error"])
    if not error > 5e-4 * abs(value):
        return short(value)
    return f"{short(value)} ± {error:.1g}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _known(value: float | None) -> float:
    """A number that summary.json may have as null, where it is not finite."""
    return math.nan if value is None else value
