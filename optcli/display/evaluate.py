"""What `optcli evaluate` shows: loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.text import escaped
from optcli.display.train.closing import measures


def evaluation(found: Mapping[str, float], *, quiet: bool, json: bool, stream: TextIO) -> None:
    """Loss and metrics, by name."""
    if json:
        JsonLines(stream).emit("evaluation", found)
    elif not quiet:
        Output(stream).line(escaped(measures(found)))
