"""Pieces: the rows of a large table one block after the other, for what needs each row once.

A piece is believed only where nothing in it could be read otherwise beside the rest of the
table: numbers are plain numbers, and texts are looked up among known categories. Where anything
is peculiar, `Peculiar` is raised, and the whole table must be looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.data import formats, streaming, table
from optcli.data.cells import NULL, number_text
from optcli.data.columns import Numbers, Words
from optcli.data.contents import Contents, from_codes
from optcli.data.encoding import Encoder
from optcli.data.ndjson import NewColumns
from optcli.data.opening import STDIN, named, opened, parts
from optcli.data.table import Table, listed

LARGE = 8_000_000  # bytes of a file that is read in pieces
Texts = dict[str, list[str | None]]  # cells as they were written, None for a missing one


class Peculiar(Exception):
    """Something in a piece may be read otherwise beside the rest of the table."""


def in_pieces(path: Path, encoder: Encoder) -> bool:
    """Whether a table is large enough, and of a kind, to be read in pieces."""
    reading = encoder.reading
    plain = not any(each.parts or each.ignores or each.merged for each in encoder.features)
    if reading.rules == 1 or reading.dates or reading.numeric or not plain:
        return False
    if named(path) is STDIN:
        return False
    with opened(path):
        files = parts(path)
        large = all(each.is_file() for each in files)
        return (
            large
            and formats.of(files[0]).streams
            and sum(each.stat().st_size for each in files) > LARGE
        )


def of(path: Path, encoder: Encoder, keep: Collection[str] | None) -> Iterator[tuple[Table, Texts]]:
    """Pieces with the columns that the encoder needs, and the cells to keep; None: all.

    Raises Peculiar, InvalidInput.
    """
    reading, names = encoder.reading, [feature.name for feature in encoder.features]
    kinds = {feature.name: feature.categories is None for feature in encoder.features}
    with opened(path):
        files = parts(path)
    typed = formats.of(files[0]).typed
    wanted = keep
    if keep is None:
        first = next(streaming.pieces(files, reading, ()))
        wanted = tuple(first.columns)
    assert wanted is not None
    try:
        with opened(path):
            for piece in streaming.pieces(files, reading, wanted):
                kept = texts(piece, wanted, str(path))
                columns = {}
                for name in names:
                    column = piece.columns.get(name)
                    if column is None or name in piece.unread:
                        raise Peculiar
                    if isinstance(column, Words):
                        found = from_codes(
                            column.codes, column.categories, name, reading, typed=typed
                        )
                        column = found.column
                        if found.mixed is not None or found.note:
                            raise Peculiar
                    if isinstance(column, Numbers) != kinds[name]:
                        raise Peculiar
                    columns[name] = column
                yield Table(columns, str(path), lines=piece.lines, reading=reading), kept
    except NewColumns:
        raise Peculiar from None


def texts(contents: Contents, names: Collection[str], source: str) -> Texts:
    """The cells of columns that were read as they were written; raises InvalidInput."""
    found: Texts = {}
    for name in names:
        column = contents.columns.get(name)
        if column is None or name in contents.unread:
            known = tuple(contents.columns)
            message = f"no column '{name}'{suggestion(name, known)} ({source} has {listed(known)})"
            if column is not None:
                message = f"column '{name}' {contents.unread[name]}"
            raise InvalidInput(Fault(message, parameter="keep"))
        if isinstance(column, Numbers):
            gaps = zip(column.values[:].tolist(), column.missing.tolist(), strict=True)
            found[name] = [None if gap else number_text(value) for value, gap in gaps]
            continue
        cells = [None if text == NULL else text for text in column.categories]
        found[name] = [cells[code] for code in column.codes.tolist()]
    return found


def whole_texts(
    path: Path, encoder: Encoder, keep: Collection[str] | None, sheet: str | int | None = None
) -> Texts:
    """The same of a whole table; None: of all columns."""
    contents = table.contents_of(path, encoder.reading, sheet=sheet)
    wanted = tuple(contents.columns) if keep is None else keep
    raw = table.contents_of(path, encoder.reading, raw=wanted, sheet=sheet)
    return texts(raw, wanted, str(path))
