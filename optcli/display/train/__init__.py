"""What `optcli train` shows: a live table, plain lines, or JSON Lines; then the closing lines.

    live     the table in a terminal
    plain    lines in a pipe
    lines    JSON Lines
    columns  the columns of the table, in their order
    record   what is remembered of a run, however long it is
    closing  the last lines
    results  what a run scored beside its baseline, and the diagnosis

A listener is called with each event, then once with `finish(summary, folder, notes)`.
"""

from __future__ import annotations

from typing import TextIO

from optcli.display.listener import Listener, choose
from optcli.display.train.lines import TrainJsonLines
from optcli.display.train.live import LiveTable
from optcli.display.train.plain import PlainLines

__all__ = ["LiveTable", "PlainLines", "TrainJsonLines", "listener"]


def listener(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """The listener for a run that is told to `stream`."""
    return choose(quiet, json, stream, plain=PlainLines, lines=TrainJsonLines, live=LiveTable)
