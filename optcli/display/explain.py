"""Explanation: pages on names, and the way of a batch through a model."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, TextIO

from optcli.display.aligned import terminal_width
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.pages import WIDEST, sections
from optcli.display.words import escaped, number


class Page(Protocol):
    """What is said of one name."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def text(self) -> str: ...
    @property
    def facts(self) -> Mapping[str, str]: ...
    @property
    def fields(self) -> Mapping[str, str]: ...


def pages(found: Iterable[Page], *, json: bool, stream: TextIO) -> None:
    """Each page: what it is, its docstring, its domain and its fields."""
    output = Output(stream)
    for count, page in enumerate(found):
        if json:
            names = ("kind", "name", "aliases", "text", "facts", "fields")
            JsonLines(stream).emit("page", {name: getattr(page, name) for name in names})
            continue
        if count:
            output.line("")
        also = f", also {', '.join(page.aliases)}" if page.aliases else ""
        title = escaped(f"{page.name} ({page.kind}{also})")
        for line in textwrap.wrap(title, terminal_width(WIDEST), break_on_hyphens=False):
            output.line(line)
        output.line("")
        for line in reflowed(page.text, terminal_width(WIDEST)):
            output.line(line)
        lists = {"domain": list(page.facts.items()), "keys": list(page.fields.items())}
        lists = {heading: rows for heading, rows in lists.items() if rows}
        if lists:
            output.line("")
            sections(lists, stream)


def reflowed(text: str, width: int) -> list[str]:
    """The lines of a docstring, its paragraphs filled to the width; what is indented stays.

    Of a formula too wide, the note at its side goes below it.
    """
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        if lines:
            lines.append("")
        rows = paragraph.splitlines()
        if any(row.startswith(" ") for row in rows):
            lines += (line for row in rows for line in _formula(row, width))
        else:
            lines += textwrap.wrap(" ".join(rows), width, break_on_hyphens=False)
    return lines


def _formula(row: str, width: int) -> list[str]:
    """A line that is indented, in several where it is too wide."""
    if len(row) <= width:
        return [row]
    indent = " " * (len(row) - len(row.lstrip()))
    formula, *notes = re.split(" {3,}", row.strip())
    lines = [formula, *(f"    {note}" for note in notes)]
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            indent + line, width, subsequent_indent=f"{indent}    ", break_on_hyphens=False
        )
    ]


class Passes(Protocol):
    """One batch on its way through a model."""

    @property
    def rows(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def parameters(self) -> int: ...
    @property
    def forward(self) -> Sequence[Any]: ...
    @property
    def backward(self) -> Sequence[Any]: ...


def passes(found: Passes, *, backward: bool, json: bool, stream: TextIO) -> None:
    """The forward pass, or the backward one, as a table."""
    batch = {"rows": found.rows, "loss": found.loss, "parameters": found.parameters}
    if json:
        lines = JsonLines(stream)
        lines.emit("batch", batch)
        for each in found.backward if backward else found.forward:
            lines.emit("gradient" if backward else "output", asdict(each))
        return
    output = Output(stream)
    loss = number(found.loss)
    if backward:
        output.line(f"The gradient of the loss, {loss}, of one batch of {found.rows} rows,")
        output.line("from the last layer back to the first.")
        heading = ["gradient by", "shape", "norm", "largest"]
        rows = [
            [
                f"  {each.parameter}" if each.parameter else f"output of {each.layer}",
                _shape(each.shape),
                number(each.norm),
                number(each.largest),
            ]
            for each in found.backward
        ]
    else:
        output.line(f"One batch of {found.rows} rows on its way to a loss of {loss},")
        output.line(f"through {found.parameters:,} parameters, before any update.")
        heading = ["layer", "output", "parameters", "mean", "deviation", "zeros"]
        rows = [
            [
                each.layer,
                _shape(each.shape),
                f"{each.parameters:,}" if each.parameters else "",
                number(each.mean),
                number(each.deviation),
                f"{each.zeros:.0%}" if each.zeros else "",
            ]
            for each in found.forward
        ]
    output.line("")
    for line in aligned(heading, rows, terminal_width(WIDEST)):
        output.line(escaped(line))


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def aligned(heading: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A table in lines: names to the left, all else to the right; too wide, it loses columns."""
    table = [heading, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heading))]
    while len(widths) > 1 and sum(widths) + 2 * (len(widths) - 1) > width:
        widths.pop()
    return [
        "  ".join(
            f"{text:>{size}}" if column else f"{text:<{size}}"
            for column, (text, size) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in table
    ]
