"""Display: what a run looks like while it goes on, and what is said at its end.

    pick     which listener fits the stream
    live     `LiveTable`, for a terminal
    plain    `PlainLines`, for a file or a pipe
    jsonl    `JsonLines`, for programs
    table    the columns of the table, and which of them fit
    record   the last rows, and a thinned memory of the others
    aligned  tables in lines of text, fitted to the terminal's width
    words    numbers, bars, and the closing lines
    terminal rich, as all live views use it
    output   a stream that neither dies of an encoding nor of a closed pipe
    faults   errors and notes on stderr
    pages    what is said at once: lists, and the plan of a run
    gradients    the table of gradient checks
    comparison, verdict   a comparison while it goes on, and in words
    trace, runs  what these commands say
    predictions  of new rows
    explanation  pages on names, and the way of a batch through a model

A listener is called with each event, then once with `finish(summary, folder, notes)`;
`close()` leaves the terminal in order whenever that does not come about.
"""

from __future__ import annotations

from optcli.display.explain import pages, passes
from optcli.display.faults import faults, say
from optcli.display.jsonl import JsonLines
from optcli.display.live import LiveTable
from optcli.display.pages import catalog, plan, schema
from optcli.display.pick import Listener, Quiet, pick
from optcli.display.plain import PlainLines
from optcli.display.predict import FORMS, as_csv, evaluation, packed, predictions

__all__ = [
    "FORMS",
    "JsonLines",
    "Listener",
    "LiveTable",
    "PlainLines",
    "Quiet",
    "as_csv",
    "catalog",
    "evaluation",
    "faults",
    "packed",
    "pages",
    "passes",
    "pick",
    "plan",
    "predictions",
    "say",
    "schema",
]
