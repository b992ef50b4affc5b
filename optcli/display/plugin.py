"""What `optcli plugin check` says: law by law, for the plug-in's author."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, TextIO

from optcli.core.durations import counted
from optcli.display.jsonl import JsonLines
from optcli.display.listener import Listener, choose
from optcli.display.output import Output
from optcli.display.sections import WIDEST
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import duration
from optcli.plugins.laws.base import Finding

if TYPE_CHECKING:
    from optcli.api.plugin import Inspected

WORDS = {True: "BROKEN", False: "note"}
VERDICTS = [f"  {word}" for word in ("holds", *WORDS.values())]


class LawTable:
    """A heading for each class, a line for each law, and what to write instead."""

    def __init__(self, stream: TextIO) -> None:
        self.output = Output(stream)
        columns = [Column("verdict", cells=VERDICTS, left=True), Column("law", wrap=True)]
        self.table = Table(columns, width_of(WIDEST))
        self.laws = self.broken = self.notes = 0

    def __call__(self, found: Inspected) -> None:
        """What was found of one class."""
        self._say(f"{found.kind} {found.name}{_place(found.file, found.line)}")
        for each in found.findings:
            self.laws += each.grave
            self.broken += bool(each.fault and each.grave)
            self.notes += not each.grave
            self._law(each, found.file)

    def _law(self, found: Finding, file: str | None) -> None:
        word = WORDS[found.grave] if found.fault else "holds"
        rows = [(f"  {word}", found.law if found.grave else found.fault)]
        if found.fault and found.grave:
            place = f"{file}:{found.line}: " if found.line is not None and file else ""
            rows.append(("", f"{place}{found.fault}"))
        for verdict, law in rows:
            for line in self.table.row({"verdict": verdict, "law": law}):
                self.output.line(line)

    def finish(self, seconds: float) -> None:
        """What it all came to."""
        notes = f", {counted(self.notes, 'note')}" if self.notes else ""
        laws = counted(self.laws, "law")
        said = f"BROKEN: {self.broken} of {laws}" if self.broken else f"all {laws} hold"
        self.output.line("")
        self._say(f"{said}{notes}, {duration(seconds)}")

    def _say(self, text: str) -> None:
        for line in textwrap.wrap(
            text, self.table.width, subsequent_indent="  ", break_on_hyphens=False
        ):
            self.output.line(line)

    def close(self) -> None:
        """Nothing is left open."""


class LawLines:
    """One JSON object for each law of each class, `law` or `note`; then `summary`."""

    def __init__(self, stream: TextIO) -> None:
        self.lines = JsonLines(stream)
        self.laws = self.broken = self.notes = 0

    def __call__(self, found: Inspected) -> None:
        """A line for each law."""
        for each in found.findings:
            self.laws += each.grave
            self.broken += bool(each.fault and each.grave)
            self.notes += not each.grave
            fields = {
                "kind": found.kind,
                "name": found.name,
                "file": found.file,
                "line": found.line if each.line is None else each.line,
                "law": each.law,
                "holds": not each.fault,
                "fault": each.fault or None,
            }
            self.lines.emit("law" if each.grave else "note", fields)

    def finish(self, seconds: float) -> None:
        """What it all came to."""
        fields = {"ok": not self.broken, "laws": self.laws, "broken": self.broken}
        self.lines.emit("summary", {**fields, "notes": self.notes, "seconds": seconds})

    def close(self) -> None:
        """Nothing is left open."""


def _place(file: str | None, line: int | None) -> str:
    if file is None:
        return ""
    return f", {file}:{line}" if line is not None else f", {file}"


def listener(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """What the inspection is told to."""
    return choose(quiet, json, stream, plain=LawTable, lines=LawLines)
