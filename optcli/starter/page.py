"""Page: a config as YAML with comments."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optcli.config.writing import flow
from optcli.data.columns import short

WIDTH = 92
MOST_ITEMS = 40  # of a list with a comment on each


@dataclass(frozen=True)
class Line:
    """A key of a config, with the comments above it.

    value: what YAML can hold, or further lines. of_items: a comment for each item of a list,
    which then has a line of its own. instead: YAML to take in the place of this line, written
    below it as a comment.
    """

    key: str
    value: Any
    why: Sequence[str] = ()
    of_items: Mapping[str, str] = field(default_factory=dict)
    instead: Sequence[str] = ()


def text_of(title: Sequence[str], lines: Sequence[Line]) -> str:
    """The YAML of the lines, below a title in comments; what it holds is `values_of`."""
    found = [part for paragraph in title for part in _comment(paragraph, "")]
    for line in lines:
        found += _text(line, "")
    return "".join(f"{line}\n" for line in found)


def values_of(lines: Sequence[Line]) -> dict[str, Any]:
    """The values of the lines, as a config holds them."""
    return {line.key: values_of(line.value) if _nested(line) else line.value for line in lines}


def _nested(line: Line) -> bool:
    return isinstance(line.value, tuple) and all(isinstance(each, Line) for each in line.value)


def _safe(text: str) -> str:
    """The text of a comment, which no character of a column's name or cell may end."""
    return "".join(c if c.isprintable() else short(c) for c in text)


def _comment(text: str, indent: str) -> list[str]:
    width = WIDTH - len(indent) - 2
    parts = textwrap.wrap(_safe(text), width, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}# {part}" for part in parts]


def _text(line: Line, indent: str) -> list[str]:
    found = [part for why in line.why for part in _comment(why, indent)]
    if _nested(line):
        found.append(f"{indent}{line.key}:")
        for inner in line.value:
            found += _text(inner, f"{indent}  ")
    elif line.of_items and len(line.value) <= MOST_ITEMS:
        found.append(f"{indent}{line.key}:")
        items = [f"{indent}  - {flow(item)}" for item in line.value]
        width = min(max(map(len, items)), WIDTH // 2)
        for item, name in zip(items, line.value, strict=True):
            why = _safe(line.of_items.get(name, ""))
            found.append(f"{item:{width}s}  # {why}" if why else item)
    else:
        found.append(f"{indent}{line.key}: {flow(line.value)}")
    return found + [f"{indent}# {instead}" for instead in line.instead]
