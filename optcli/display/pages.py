"""Pages: what commands say at once, in aligned plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from json import dumps
from typing import Any, Protocol, TextIO

from optcli.display.aligned import terminal_width
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.words import escaped

WIDEST = 100


class Entry(Protocol):
    """A thing with a name, of a kind, and what is said of it."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def summary(self) -> str: ...


def catalog(entries: Iterable[Entry], *, json: bool, stream: TextIO) -> None:
    """The entries by kind: name, what it is, other names."""
    found = list(entries)
    if json:
        lines = JsonLines(stream)
        for entry in found:
            names = ("kind", "name", "aliases", "summary")
            lines.emit("entry", {name: getattr(entry, name) for name in names})
        return
    kinds = dict.fromkeys(entry.kind for entry in found)
    pairs = {kind: [(e.name, _summary(e)) for e in found if e.kind == kind] for kind in kinds}
    sections(pairs, stream)


def _summary(entry: Entry) -> str:
    return entry.summary + (f" (also {', '.join(entry.aliases)})" if entry.aliases else "")


LEAST = 20  # columns for what stands beside a name


def sections(
    pairs: Mapping[str, Sequence[tuple[str, str]]], stream: TextIO, *, blank: bool = True
) -> None:
    """Headed lists of names and what they are, wrapped to the terminal's width."""
    output = Output(stream)
    width = terminal_width(WIDEST)
    longest = max((len(name) for rows in pairs.values() for name, _ in rows), default=0)
    beside = width - longest - 4 >= LEAST  # else below
    indent = longest + 4 if beside else 4
    for number, (heading, rows) in enumerate(pairs.items()):
        if number and blank:
            output.line("")
        output.line(heading)
        for name, text in rows:
            room = max(LEAST, width - indent)
            lines = textwrap.wrap(escaped(text), room, break_on_hyphens=False) or [""]
            start = f"  {escaped(name):<{longest}}  {lines.pop(0) if beside else ''}"
            for line in [start, *(" " * indent + line for line in lines)]:
                output.line(line.rstrip())


def plan(facts: Mapping[str, Any], *, quiet: bool, json: bool, stream: TextIO) -> None:
    """What would be trained; `facts` maps headings to names and values."""
    if json:
        JsonLines(stream).emit("plan", facts)
    elif not quiet:
        sections(
            {
                heading: _some([(_clipped(name), _said(value)) for name, value in rows.items()])
                for heading, rows in facts.items()
            },
            stream,
        )


def schema(found: Mapping[str, Any], stream: TextIO) -> None:
    """A JSON Schema, indented."""
    output = Output(stream)
    for line in dumps(found, indent=2).splitlines():
        output.line(line)


def _some(rows: list[tuple[str, str]], most: int = 50) -> list[tuple[str, str]]:
    """The rows, or the first of many."""
    if len(rows) <= most:
        return rows
    return [*rows[: most // 2], ("…", f"and {len(rows) - most // 2:,} more")]


def _clipped(text: str, most: int = 30) -> str:
    text = escaped(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        shown = [_said(item) for item in value[:50]]
        more = f"… and {len(value) - 50:,} more"
        return ", ".join([*shown, more] if len(value) > 50 else shown) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else str(value) or "''"
