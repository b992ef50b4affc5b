"""What `optcli gradcheck` shows: a line for each name, or for each case of it.

    table  the table, for a terminal or a pipe
    lines  JSON Lines
    tally  what the checks came to so far

A listener is called with each name and its results, then once with `finish(seconds, notes)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from optcli.display.gradcheck.lines import GradientLines
from optcli.display.gradcheck.table import GradientTable
from optcli.display.listener import Listener, choose

if TYPE_CHECKING:
    from optcli.gradients.case import CaseSet

FEW = 3  # names, up to which each case has a line


def listener(
    case_sets: Sequence[CaseSet], quiet: bool, json: bool, stream: TextIO | None
) -> Listener:
    """What the checks are told to. Few names get a line for each case."""
    cases = len(case_sets) <= FEW
    return choose(
        quiet,
        json,
        stream,
        plain=lambda stream: GradientTable(stream, case_sets, cases=cases),
        lines=GradientLines,
    )
