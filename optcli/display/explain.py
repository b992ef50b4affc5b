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


class Sample(Protocol):
    """One row on its way through a model."""

    @property
    def row(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def target(self) -> str: ...
    @property
    def loss(self) -> float: ...
    @property
    def forward(self) -> Sequence[Any]: ...
    @property
    def backward(self) -> Sequence[Any]: ...


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


class Layers(Protocol):
    """What the layers of a model computed, over its training."""

    @property
    def title(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def training_rows(self) -> int: ...
    @property
    def epochs(self) -> Any: ...
    @property
    def steps(self) -> Any: ...
    @property
    def quantiles(self) -> Sequence[float]: ...
    @property
    def layers(self) -> Sequence[Any]: ...
    @property
    def notes(self) -> Sequence[str]: ...


EPOCHS_SHOWN = 5  # of a training; JSON and the picture have all that were measured


def layers(found: Layers, *, json: bool, stream: TextIO) -> None:
    """Each layer's dead units, spread of activations and size of gradients, at some epochs."""
    if json:
        lines = JsonLines(stream)
        told = ("title", "outcome", "rows", "training_rows")
        numbers = {name: getattr(found, name).tolist() for name in ("epochs", "steps")}
        lists = {"quantiles": list(found.quantiles), "notes": list(found.notes)}
        lines.emit("layers", {name: getattr(found, name) for name in told} | numbers | lists)
        for each in found.layers:
            values = {
                name: None if (of := getattr(each, name)) is None else of.tolist()
                for name in ("activations", "gradients", "dead")
            }
            named = {"layer": each.layer, "output": each.output, "units": each.units}
            lines.emit("layer", named | values)
        return
    output = Output(stream)
    output.line(escaped(f"layers of {found.title} over its training ({found.outcome})"))
    some = "" if found.rows == found.training_rows else f" of {found.training_rows:,}"
    output.line(f"measured on {found.rows:,}{some} training rows, in evaluation mode")
    at = _some_of(found.epochs)
    epochs = [_epoch(float(found.epochs[k])) for k in at]
    active = [each for each in found.layers if each.dead is not None]
    if active:
        cells = [[f"{each.dead[k]:,}" for each in active] for k in at]
        heading = "dead units (0 for every row), by epoch"
        units = [f"{each.units:,}" for each in active]
        names = [each.output for each in active]
        _by_epoch(output, heading, names, units, epochs, cells)
    units = [f"{each.units:,}" for each in found.layers]
    names = [each.output for each in found.layers]
    middle = found.quantiles.index(0.5)
    spreads = [[f"{_spread(each, k):.3g}" for each in found.layers] for k in at]
    heading = "activations: 95 % quantile - 5 % quantile, by epoch"
    _by_epoch(output, heading, names, units, epochs, spreads)
    sizes = [[f"{each.gradients[k][middle]:.1e}" for each in found.layers] for k in at]
    heading = "median size of the weights' gradient, by epoch"
    names = [each.layer for each in found.layers]
    _by_epoch(output, heading, names, None, epochs, sizes)


def _some_of(epochs: Any) -> list[int]:
    """Which points are shown: the start, the end and some between, at whole epochs if there are."""
    whole = [k for k, epoch in enumerate(epochs) if epoch == round(epoch)]
    last = len(epochs) - 1
    inner = whole if len(whole) >= EPOCHS_SHOWN else range(last + 1)
    wanted = [epochs[last] * k / (EPOCHS_SHOWN - 1) for k in range(1, EPOCHS_SHOWN - 1)]
    between = {min(inner, key=lambda k: abs(float(epochs[k]) - epoch)) for epoch in wanted}
    return sorted({0, last} | between)


def _epoch(epoch: float) -> str:
    return f"{epoch:,.0f}" if epoch == round(epoch) or epoch >= 100 else f"{epoch:.3g}"


def _spread(each: Any, k: int) -> float:
    return float(each.activations[k][-1] - each.activations[k][0])


def _by_epoch(
    output: Output,
    heading: str,
    names: Sequence[str],
    units: Sequence[str] | None,
    epochs: Sequence[str],
    cells: Sequence[Sequence[str]],
) -> None:
    """A table with a row for each layer and a column for each epoch."""
    columns = [Column("layer", "layer", names, left=True, cut=True)]
    if units is not None:
        columns.append(Column("units", "units", units))
    ends = (0, len(epochs) - 1)
    columns += [
        Column(f"at {epoch}", epoch, column, rank=0 if k in ends else 1 + k % 2)
        for k, (epoch, column) in enumerate(zip(epochs, cells, strict=True))
    ]
    output.line("")
    output.line(heading)
    for line in Table(columns, width_of(WIDEST)).lines():
        output.line(escaped(line))


MOST_SHOWN = 12  # numbers of a layer; JSON has all


def sample(found: Sample, *, backward: bool, json: bool, stream: TextIO) -> None:
    """One row's numbers, layer by layer, or its gradients from the last layer on."""
    numbers = found.backward if backward else found.forward
    if json:
        lines = JsonLines(stream)
        told = ("row", "rows", "target", "loss", "parameters")
        lines.emit("row", {name: getattr(found, name) for name in told})
        for each in numbers:
            values = {"shape": list(each.values.shape), "values": each.values.ravel().tolist()}
            said = {"layer": each.layer, "parameter": each.parameter, **values}
            lines.emit("gradient" if backward else "values", said)
        return
    output = Output(stream)
    way = "backward pass, last layer first" if backward else "forward pass"
    output.line(f"{way}: training row {found.row:,} of {found.rows:,}, before any update")
    output.line(escaped(f"target: {found.target}; loss {number(found.loss)}"))
    output.line("")
    names = [f"  {each.parameter}" if each.parameter else each.layer for each in numbers]
    shapes = [_shape(each.values.shape) for each in numbers]
    heading = "gradient with respect to" if backward else "layer"
    columns = [
        Column("name", heading, names, left=True, cut=True),
        Column("shape", "shape", shapes),
        Column(
            "values", "values", [_values(each.values) for each in numbers], left=True, wrap=True
        ),
    ]
    for line in Table(columns, width_of(WIDEST)).lines():
        output.line(escaped(line))


def _values(values: Any) -> str:
    """The first numbers, and how many there are more."""
    flat = values.ravel().tolist()
    text = " ".join(f"{value:.3g}" for value in flat[:MOST_SHOWN])
    return text if len(flat) <= MOST_SHOWN else f"{text} … {len(flat) - MOST_SHOWN:,} more"


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
