"""What `optcli check` shows: what a config would train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.sections import WIDEST, sections
from optcli.display.terminal import width_of
from optcli.display.text import choice, escaped, shortened, wrapped

NAME = 30  # characters of a name


def plan(facts: Mapping[str, Any], *, quiet: bool, json: bool, stream: TextIO) -> None:
    """What would be trained; `facts` maps headings to names and values."""
    if json:
        JsonLines(stream).emit("plan", facts)
    elif not quiet:
        notes = facts.get("notes", {}).values()
        lists = {key: _some(_pairs(rows)) for key, rows in facts.items() if key != "notes"}
        sections(lists, stream)
        output = Output(stream)
        for line in ("", "notes") if notes else ():
            output.line(line)
        for note in notes:
            for line in _item(note):
                output.line(line)


def _item(text: str) -> list[str]:
    """A note as an entry of a list."""
    first, *rest = wrapped(escaped(text), width_of(WIDEST) - 4)
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _pairs(rows: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(shortened(escaped(name), NAME), _said(value)) for name, value in rows.items()]


def _some(rows: list[tuple[str, str]], most: int = 50) -> list[tuple[str, str]]:
    """The rows, or the first of many."""
    if len(rows) <= most:
        return rows
    return [*rows[: most // 2], ("…", f"and {len(rows) - most // 2:,} more")]


def _said(value: Any) -> str:
    if isinstance(value, Mapping) and "name" in value:
        return choice(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        shown = [_said(item) for item in value[:50]]
        more = f"… and {len(value) - 50:,} more"
        return ", ".join([*shown, more] if len(value) > 50 else shown) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else str(value) or "''"
