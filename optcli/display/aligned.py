"""Aligned: tables in lines of text, fitted to the width of the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence

GAP = "  "
LEAST_NAME = 9  # characters of a name that is cut


def terminal_width(most: int) -> int:
    """Characters of a line: the terminal's, up to `most`; 80 where there is no terminal."""
    return min(most, shutil.get_terminal_size((80, 24)).columns)


def cut(text: str, size: int) -> str:
    """The text, with dots where it is too long."""
    return text if len(text) <= size else text[: size - 3] + "..."


def line_width(sizes: Collection[int]) -> int:
    """Characters of a line of columns of these sizes."""
    return sum(sizes) + len(GAP) * (len(sizes) - 1)


def fitted(
    columns: Mapping[str, Sequence[str]],
    width: int,
    *,
    spare: Iterable[str],
    left: Collection[str],
    name: str = "optimizer",
) -> list[str]:
    """Lines of at most `width` characters: the heading, then a line for each row.

    columns: the cells of each column by its heading. spare: the columns that go where there
    is no room, the first one first; when that does not help, `name` is cut. left: those
    that are not aligned to the right.
    """
    columns = dict(columns)
    for each in ("", *spare):
        columns.pop(each, None)
        sizes = {key: max(len(key), *map(len, cells)) for key, cells in columns.items()}
        over = line_width(sizes.values()) - width
        if over <= 0:
            break
    else:
        sizes[name] = max(LEAST_NAME, sizes[name] - over)
    lines = []
    for cells in zip(*[[key, *values] for key, values in columns.items()], strict=True):
        parts = [
            cut(cell, size).ljust(size) if key in left else cut(cell, size).rjust(size)
            for (key, size), cell in zip(sizes.items(), cells, strict=True)
        ]
        lines.append(GAP.join(parts).rstrip())
    return lines
