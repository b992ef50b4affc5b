"""What `optcli explain` shows: pages on names, and the passes of a model."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.sections import WIDEST, sections
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import alike, escaped, number


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
    def sections(self) -> Mapping[str, str]: ...
    @property
    def facts(self) -> Mapping[str, str]: ...
    @property
    def fields(self) -> Mapping[str, str]: ...


def pages(found: Iterable[Page], *, json: bool, stream: TextIO) -> None:
    """Each page: what it is, its docstring or sections, its domain and its fields."""
    output = Output(stream)
    for count, page in enumerate(found):
        if json:
            names = ("kind", "name", "aliases", "text", "sections", "facts", "fields")
            JsonLines(stream).emit("page", {name: getattr(page, name) for name in names})
            continue
        if count:
            output.line("")
        also = f", also {', '.join(page.aliases)}" if page.aliases else ""
        title = escaped(f"{page.name} ({page.kind}{also})")
        for line in textwrap.wrap(title, width_of(WIDEST), break_on_hyphens=False):
            output.line(line)
        output.line("")
        for line in reflowed(page.text, width_of(WIDEST)):
            output.line(line)
        for heading, text in page.sections.items():
            output.line("")
            output.line(heading.lower())
            for line in reflowed(text, width_of(WIDEST) - 2):
                output.line(line if line.startswith(" ") else f"  {line}".rstrip())
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
    """A line that is indented, in several where it is too wide; a command can still be pasted."""
    if len(row) <= width:
        return [row]
    if row.lstrip().startswith("optcli "):
        command = textwrap.wrap(row, width - 2, subsequent_indent="      ", break_on_hyphens=False)
        return [*(f"{line} \\" for line in command[:-1]), command[-1]]
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
    columns = _backward(found, output) if backward else _forward(found, output)
    output.line("")
    for line in Table(columns, width_of(WIDEST)).lines():
        output.line(escaped(line))


def _forward(found: Passes, output: Output) -> list[Column]:
    """A row for each layer: what it makes of the batch."""
    output.line(f"forward pass: one batch of {found.rows} rows, {found.parameters:,} parameters")
    output.line(f"loss before any update: {number(found.loss)}")
    rows = found.forward
    # what is zero but for rounding, as after a normalization, has no digits to show
    means = [0.0 if abs(each.mean) < 1e-6 * each.deviation else each.mean for each in rows]
    return [
        Column("layer", "layer", [each.layer for each in rows], left=True, cut=True),
        Column("shape", "output shape", [_shape(each.shape) for each in rows]),
        Column("count", "parameters", [f"{each.parameters:,}" for each in rows], rank=1),
        Column("mean", "mean", alike(means)),
        Column("deviation", "std. dev.", alike([each.deviation for each in rows])),
        Column("zeros", "zeros (%)", [f"{100 * each.zeros:.0f}" for each in rows], rank=2),
    ]


def _backward(found: Passes, output: Output) -> list[Column]:
    """A row for each output and each parameter, from the last layer to the first."""
    output.line(f"backward pass: one batch of {found.rows} rows, last layer first")
    output.line(f"loss before any update: {number(found.loss)}")
    rows = found.backward
    names = [f"  {each.parameter}" if each.parameter else f"{each.layer} output" for each in rows]
    return [
        Column("name", "gradient with respect to", names, left=True, cut=True),
        Column("shape", "shape", [_shape(each.shape) for each in rows]),
        Column("norm", "norm", alike([each.norm for each in rows])),
        Column("largest", "largest entry", alike([each.largest for each in rows])),
    ]


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
