"""What `optcli check` shows: what a config would train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.sections import sections
from optcli.display.text import escaped, shortened

NAME = 30  # characters of a name


def plan(facts: Mapping[str, Any], *, quiet: bool, json: bool, stream: TextIO) -> None:
    """What would be trained; `facts` maps headings to names and values."""
    if json:
        JsonLines(stream).emit("plan", facts)
    elif not quiet:
        sections({heading: _some(_pairs(rows)) for heading, rows in facts.items()}, stream)


def _pairs(rows: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(shortened(escaped(name), NAME), _said(value)) for name, value in rows.items()]


def _some(rows: list[tuple[str, str]], most: int = 50) -> list[tuple[str, str]]:
    """The rows, or the first of many."""
    if len(rows) <= most:
        return rows
    return [*rows[: most // 2], ("…", f"and {len(rows) - most // 2:,} more")]


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
