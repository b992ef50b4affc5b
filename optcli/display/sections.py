"""Headed lists of names and what they are, wrapped to the terminal's width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

from optcli.display.output import Output
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import escaped

WIDEST = 100


def sections(pairs: Mapping[str, Sequence[tuple[str, str]]], stream: TextIO) -> None:
    """The name and the text of each pair, under the headings; a blank line between two lists."""
    output = Output(stream)
    names = [f"  {escaped(name)}" for rows in pairs.values() for name, _ in rows]
    columns = [Column("name", cells=names, left=True), Column("text", wrap=True)]
    table = Table(columns, width_of(WIDEST))
    for number, (heading, rows) in enumerate(pairs.items()):
        if number:
            output.line("")
        output.line(heading)
        for name, text in rows:
            for line in table.row({"name": f"  {escaped(name)}", "text": escaped(text)}):
                output.line(line)
