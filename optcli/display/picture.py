"""What is said of a picture that was drawn."""

from __future__ import annotations

from typing import TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.text import escaped


def plotted(name: str, stream: TextIO, *, json: bool) -> None:
    """Where it is."""
    if json:
        JsonLines(stream).emit("plot", {"picture": name})
    else:
        Output(stream).line(escaped(f"plot: {name}"))
