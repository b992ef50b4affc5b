"""Dialect: which delimiter stands between the fields of a text, as its first rows tell.

It is the one with which the header and the rows after it have the same number of
fields, more than one. One function decides for every way of reading a text.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from optcli.core.errors import Fault, InvalidInput
from optcli.data.formats import packing
from optcli.data.reading_rules import Reading

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}
CANDIDATES = "\t;|,"  # the rarer one is inside of names and texts, the more it tells
OTHERS = ":^~\x01\x1f#!/&"  # what else is seen between fields; named, but not taken
SUFFIXES = (".tsv", ".tab")
SET = "set dataset.delimiter to"  # the remedy where a config is at hand

LEAST_BYTES, LEAST_LINES, MOST_BYTES, MOST_ROWS = 1 << 16, 8, 1 << 22, 500  # that are looked at
ROW_NAMES = 3  # rows without quotes that must be numbered before their numbers are row names

_NUMBER = re.compile(r"\s*([-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?)?\s*")


@dataclass(frozen=True)
class Dialect:
    """How a text is divided into fields.

    beside: the field of every row that the header has no name for: the `first`, which
    names the row, as R's write.table has it; or an empty `last`, where every line but
    the header ends with a delimiter. remedy: what to do where the header's names are
    not those that are asked for. better: which other one fits header and rows, where the
    one that was named does not.
    """

    delimiter: str
    beside: Literal["first", "last"] | None = None
    remedy: str | None = None
    better: str | None = None

    @property
    def mark(self) -> str:
        """The delimiter in words: `comma`."""
        return DELIMITERS.get(self.delimiter, f"'{self.delimiter}'")


def reader(text: str, delimiter: str) -> Any:
    """The csv module's reader of a text; a run of blanks is one delimiter."""
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def trimmed(row: list[str], delimiter: str) -> list[str]:
    """The row without the empty field that blanks at the end of a line make."""
    return row[:-1] if delimiter == " " and len(row) > 1 and not row[-1] else row


def of(data: bytes, file: str, reading: Reading) -> Dialect:
    """The dialect of a text that begins with `data`; `file` is its name in messages.

    The delimiter that `reading` or the file's ending names is taken, if the header has it.
    Raises InvalidInput where none fits.
    """
    text = _beginning(data)
    header = text[: text.find("\n") + 1] or text
    wanted = reading.delimiter
    if wanted is None and reading.rules == 1:
        outside = "".join(header.split('"')[::2])
        return Dialect(max(",;\t|", key=outside.count))
    name = Path(file.lower().removesuffix(packing(Path(file))))
    if wanted is None and name.suffix in SUFFIXES:
        wanted = "\t"
    looks = {mark: _Look.at(text, mark) for mark in CANDIDATES if mark in text}
    whole = [look for look in looks.values() if look.whole]
    if wanted is not None and (wanted in header or reading.delimiter is not None):
        own = _Look.at(text, wanted)
        if wanted not in header and not whole:
            return Dialect(wanted, own.beside, remedy=_without(wanted, _other(text)))
        if wanted in header and (own.whole or own.beside or not whole):
            return Dialect(wanted, own.beside)
        if wanted in header:
            better = max(whole, key=lambda look: look.merit).delimiter
            return Dialect(wanted, better=DELIMITERS[better])
    if whole:
        return Dialect(max(whole, key=lambda look: look.merit).delimiter)
    beside = [look for look in looks.values() if look.beside]
    if beside:
        found = max(beside, key=lambda look: look.merit)
        return Dialect(found.delimiter, found.beside)
    part = [look for look in looks.values() if look.agreement]
    if part:
        return Dialect(max(part, key=lambda look: (look.agreement, look.merit)).delimiter)
    return _unfit(text, header, looks.values(), file)


def _beginning(data: bytes) -> str:
    """The first rows, the last of which may be cut."""
    end = 0
    for _ in range(LEAST_LINES):
        end = data.find(b"\n", end, MOST_BYTES) + 1
        if not end:
            break
    else:
        end = max(end, data.rfind(b"\n", 0, LEAST_BYTES) + 1)
    return data[: end or MOST_BYTES].decode(errors="replace")


@dataclass(frozen=True)
class _Look:
    """The first rows of a text, divided by one delimiter.

    broken: whether quotes do not fit it. quoted: whether the rows begin with a quote.
    """

    delimiter: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    broken: bool
    quoted: bool

    @classmethod
    def at(cls, text: str, delimiter: str) -> _Look:
        rows: list[list[str]] = []
        broken = False
        try:
            for each in islice(reader(text, delimiter), MOST_ROWS):
                row = trimmed(each, delimiter)
                if len(row) > 1 or "".join(row).strip():
                    rows.append(row)
        except csv.Error as error:
            # an open quote may well be closed behind what is looked at
            broken = "end of data" not in str(error)
        lines = text.split("\n", len(rows))[1 : len(rows)]
        quoted = all(line.startswith('"') for line in lines)
        header, *rest = rows or [[]]
        return cls(delimiter, header, rest, broken, quoted)

    @property
    def whole(self) -> bool:
        """Whether the header and all rows have the same number of fields."""
        width = len(self.header)
        return width > 1 and not self.broken and all(len(row) == width for row in self.rows)

    @property
    def agreement(self) -> float:
        """The share of rows that have as many fields as the header, if it has several."""
        width = len(self.header)
        same = sum(len(row) == width for row in self.rows)
        return same / len(self.rows) if width > 1 and self.rows else 0.0

    @property
    def beside(self) -> Literal["first", "last"] | None:
        """Which field of all rows has no name in the header."""
        width = len(self.header)
        longer = [row for row in self.rows if len(row) == width + 1]
        if width < 2 or 2 * len(longer) <= len(self.rows):
            return None
        others = sum(len(row) == width for row in self.rows)
        empty = not any(row[-1].strip() for row in longer)
        if empty and not (self.quoted and self._named):
            return "last" if len(longer) + others == len(self.rows) else None
        return "first" if len(longer) == len(self.rows) and self._named else None

    @property
    def _named(self) -> bool:
        """Whether the first field of each row may be its name."""
        names = [row[0] for row in self.rows]
        enough = self.quoted or len(names) >= ROW_NAMES
        if enough and any(
            names == list(map(str, range(start, start + len(names)))) for start in (0, 1)
        ):
            return True
        texts = all(name and not _NUMBER.fullmatch(name) for name in names)
        sure = self.quoted or self.delimiter not in ", "
        return texts and sure and len(set(names)) == len(names)

    @property
    def merit(self) -> tuple[float, int, int]:
        """How well the fields look: numbers (with decimal commas, too), many, by a rare mark."""
        cells = [cell for row in self.rows[:100] for cell in row]
        numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
        share = numbers / len(cells) if cells else 0.0
        return round(share, 1), len(self.header), -CANDIDATES.find(self.delimiter)


def _unfit(text: str, header: str, looks: Iterable[_Look], file: str) -> Dialect:
    """What to take where no delimiter divides the header as it does the rows."""
    there = [look for look in looks if len(look.header) > 1]
    ruled = [(count, look) for look in looks if (count := _rule(look.rows)) > 1]
    if there and not ruled and all(len(look.rows) > 1 for look in there):
        look = max(there, key=lambda look: len(look.header))
        message = f"has {len(look.header)} fields between {DELIMITERS[look.delimiter]}s, "
        message += "the rows after it have one; set dataset.delimiter"
        other = _other(text.partition("\n")[2])
        if other:
            message += f" to {other}, and separate the header with it, too"
        raise InvalidInput(Fault(message, file=file, line=1))
    if ruled:  # a title or a comment stands above the header
        return Dialect(max(ruled, key=lambda each: (each[0], each[1].merit))[1].delimiter)
    if there:
        return Dialect(max(there, key=lambda look: len(look.header)).delimiter)
    other = _other(text)
    remedy = None
    if other:
        remedy = f"has no comma, semicolon, tab or bar; {SET} {other}"
    elif re.match(r'\s*"[^"]*[,;\t|][^"]*"\s*$', header):
        remedy = "is enclosed in one pair of quotes; remove the quotes at the ends of the lines"
    return Dialect(",", remedy=remedy)


def _without(wanted: str, other: str | None) -> str:
    """What is said of a header that lacks the delimiter that was named."""
    mark = DELIMITERS.get(wanted, f"'{wanted}'")
    found = f"; the fields seem to be separated by {other}" if other else ""
    return f"has no {mark}, the delimiter that dataset.delimiter names{found}"


def _rule(rows: Sequence[Sequence[str]]) -> int:
    """The number of fields that most rows have; 0 where there is none."""
    if not rows:
        return 0
    [(width, count)] = Counter(map(len, rows)).most_common(1)
    return width if 2 * count > len(rows) else 0


def _other(text: str) -> str | None:
    """What else may be the delimiter, as a config has it."""
    for mark in (" ", *OTHERS):
        look = _Look.at(text, mark)
        if mark in text and look.rows and (look.whole or look.beside):
            return json.dumps(mark)
    blanks = [len(line.split()) for line in text.split("\n")[:-1] if line.strip()]
    return '" "' if len(set(blanks)) == 1 and blanks[0] > 1 else None
