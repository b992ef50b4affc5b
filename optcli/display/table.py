"""Table: columns aligned in lines of text, fitted to the terminal's width. All tables are this one.

Where there is no room, whole columns go by their rank; only then names are cut.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optcli.display.text import shortened

GAP = "  "
LEAST_NAME = 9  # characters of a name that is cut
LEAST_TEXT = 20  # characters beside the other columns for a text that is wrapped; else below


@dataclass(frozen=True)
class Column:
    r"""One column of a table.

    key: by which rows name it. heading: in one line, or in two (`training\nloss`). cells:
    what is known of it beforehand. least: characters kept for cells that are still to come.
    left: aligned to the left. rank: where there is no room the highest goes first, 0 stays.
    cut: shortened where all others have gone. wrap: the last column, a text of several lines.
    """

    key: str
    heading: str = ""
    cells: Sequence[str] = ()
    least: int = 0
    left: bool = False
    rank: int = 0
    cut: bool = False
    wrap: bool = False

    @property
    def width(self) -> int:
        """Characters that all its cells need."""
        return max(self.least, *map(len, (*self.heading.split("\n"), *self.cells)))


class Table:
    """Columns that fit into `width` characters; rows are given at once, or one by one.

    left_out: the columns that did not fit.
    """

    def __init__(self, columns: Sequence[Column], width: int) -> None:
        self.width = width
        self.columns = [column for column in columns if not column.wrap]
        self.text = next((column for column in columns if column.wrap), None)
        whole = list(self.columns)
        while self._over() > 0 and any(column.rank for column in self.columns):
            self.columns.remove(max(self.columns, key=lambda column: column.rank))
        self.left_out = [column for column in whole if column not in self.columns]
        self.sizes = {column.key: column.width for column in self.columns}
        over = self._over()
        for column in (each for each in self.columns if each.cut and over > 0):
            least = min(self.sizes[column.key], LEAST_NAME)
            self.sizes[column.key] = max(least, self.sizes[column.key] - over)
            over = self._over() - (column.width - self.sizes[column.key])

    def _over(self) -> int:
        gaps = len(GAP) * (len(self.columns) - 1)
        return sum(column.width for column in self.columns) + gaps - self.width

    def heading(self) -> list[str]:
        """The heading, in as many lines as its longest; none where no column has one."""
        parts = {column.key: column.heading.split("\n") for column in self.columns}
        count = max(map(len, parts.values()))
        rows = [
            {key: ([""] * (count - len(part)) + part)[i] for key, part in parts.items()}
            for i in range(count)
        ]
        return [line for row in rows for line in self.row(row) if line]

    def row(self, cells: Mapping[str, str]) -> list[str]:
        """One row; in several lines where its text is wrapped."""
        parts = []
        for column in self.columns:
            size = self.sizes[column.key]
            cell = shortened(cells.get(column.key, ""), size)
            parts.append(cell.ljust(size) if column.left else cell.rjust(size))
        line = GAP.join(parts).rstrip()
        if self.text is None or not cells.get(self.text.key):
            return [line]
        return self._beside(GAP.join(parts) + GAP, line, cells[self.text.key])

    def _beside(self, start: str, line: str, text: str) -> list[str]:
        """The row with its text at its side, or below it where there is no room."""
        beside = self.width - len(start) >= LEAST_TEXT
        indent = len(start) if beside else 4
        room = max(LEAST_TEXT, self.width - indent)
        lines = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
        first = [start + lines.pop(0)] if beside else [line]
        return [each.rstrip() for each in (*first, *(" " * indent + each for each in lines))]

    def lines(self) -> list[str]:
        """The heading, and all rows of the columns' own cells."""
        columns = [*self.columns, *([] if self.text is None else [self.text])]
        keys = [column.key for column in columns]
        rows = zip(*(column.cells for column in columns), strict=True)
        body = [line for row in rows for line in self.row(dict(zip(keys, row, strict=True)))]
        return [*self.heading(), *body]
