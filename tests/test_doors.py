"""A table reads the same through every source: text files, parquet, frames, dicts, arrays."""

from __future__ import annotations

import gzip
import io
import math
import os
import random
import sys
import threading
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from optcli.core.errors import InvalidInput
from optcli.data import delimited, streaming, table
from optcli.data.columns import Numbers
from optcli.data.dialect import Dialect
from optcli.data.reading_rules import CURRENT, Reading

# With an explicit list a missing value is spelled alike in typed and in untyped sources.
LISTED = Reading(missing=("NA", "-999"))
KINDS = {
    "numbers": ["1", "-2.5", "+3", ".5", "6.", "1e3", "-1E-05", "0", "-0.5", "0.25", "12345678"],
    "zeros": ["007", "01", "1", "0012", "10", "00"],
    "padded": ["01.50", "12.75", "03.20"],
    "truth": ["True", "false", "TRUE", "FALSE", "true"],
    "words": ["x", "y z", "yes", "no", "None", "nan", "?", "-", "null", "ß", "New\u00a0York"],
    "commas": ["1,5", "-0,25", "1.234,5", "1,9E-05", "12,75"],
    "money": ["$3", "R$ 1.234,50", "USD 5", "5 kr", "(1.50)", "€ 4", "-£2", "₹ 12,34,567"],
    "groups": ["1,234", "12,345", "1 234", "1'234", "1\u202f234", "1,234,567.8"],
    "others": ["5-", "12 %", "5‰", "1d3", "1.5D+03", "−5", "１２", "1.5×10^3", "5,-"],
    "units": ["15.0 kmpl", "16 kmpl", "17.5 kmpl", "9 kmpl"],
    "codes": ["A12", "1A", "10-20", "1.2.3", "555-1234", "85+", "<5", "M1", "192.168.0.1"],
    "dates": ["2024-01-05", "12/31/2024", "31.12.2024", "2024-01-01 10:00:00", "Jan 5 2024"],
    "times": ["10:30", "23:59", "07:15"],
    "months": ["2024-01", "2024-02", "2023-12"],
    "seasons": ["2009-10", "2010-11", "2011-12"],
    "marks": ["6.2\x1a", "x\u200b", "\ufeffx", "\u200ex", "y\u00ad", "1\u200b", "2\ufeff"],
    "inner": ["a\u200bb", "ab", "c\x1ad"],
    "huge": ["1e400", "-inf", "1e308", "9007199254740993", "infinity"],
}
GAPS = ["", "NA", "-999"]
ODD = [cell for cells in KINDS.values() for cell in cells]


def columns(count):
    """Columns of odd cells: of one kind, with gaps, with an intruder, or of anything."""
    rng = random.Random(0)
    for i in range(count):
        kind = list(KINDS)[i % len(KINDS)]
        cells = [rng.choice(KINDS[kind]) for _ in range(rng.randint(1, 12))]
        for extra in (GAPS, ODD)[: i // len(KINDS) % 3]:
            cells.insert(rng.randint(0, len(cells)), rng.choice(extra))
        if i % 29 == 28:
            cells = [rng.choice(ODD) for _ in cells]
        yield [f" {cell} " if rng.random() < 0.1 else cell for cell in cells]


def told(found):
    """All there is to the columns of a table, without the places, which differ by source."""
    rows = {}
    for name, column in found.columns.items():
        if isinstance(column, Numbers):
            values = [None if math.isnan(v) else v for v in column.values[:].tolist()]
        else:
            codes = column.codes[:].astype(int)
            values = [None if code < 0 else column.categories[code] for code in codes]
            values.append(f"gap '{column.gap}'")
        fault = found.faults.get(name)
        message = None
        if fault is not None:
            row = found.lines[:].astype(int).tolist().index(fault.line) if fault.line else None
            message = fault.message if row is None else f"row {row + 1} {fault.message}"
            if found.lines is not None:
                for at, line in enumerate(found.lines[:].astype(int).tolist()):
                    message = message.replace(f"in line {line}", f"in row {at + 1}")
        notes = [note.text for note in found.notes if note.column == name]
        rows[name] = (type(column).__name__, values, message, notes)
    return rows


def nulls(cells):
    """The columns as typed sources have them: an empty cell of a text file is a null."""
    return {name: [cell if cell.strip() else None for cell in col] for name, col in cells.items()}


class Doors:
    """The same columns, all texts, through one source after the other."""

    def __init__(self, folder, reading):
        self.folder, self.reading = folder, reading

    def text(self, cells, suffix=".csv", delimiter=","):
        quote = {c: '"' + c + '"' for column in cells.values() for c in column}
        rows = [
            list(cells),
            *zip(*([quote[c] for c in col] for col in cells.values()), strict=True),
        ]
        content = "".join(delimiter.join(row) + "\n" for row in rows).encode()
        path = self.folder / f"t{suffix}"
        path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
        return path

    def csv(self, cells):
        return table.read(self.text(cells), self.reading)

    def tsv(self, cells):
        return table.read(self.text(cells, ".tsv", "\t"), self.reading)

    def gz(self, cells):
        return table.read(self.text(cells, ".csv.gz"), self.reading)

    def stdin(self, cells):
        content = self.text(cells).read_bytes()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            return table.read("-", self.reading)

    def pipe(self, cells):
        content, path = self.text(cells).read_bytes(), self.folder / "pipe"
        if not path.exists():
            os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=(content,))
        writer.start()
        found = table.read(path, self.reading)
        writer.join()
        return found

    def large(self, cells):
        """As a file above 2 MB, which has no quotes here, so that the shortcut takes it."""
        path = self.text(cells, ".tsv", "\t")
        content = path.read_bytes().replace(b'"', b"")
        found = delimited._shortcut(content, str(path), Dialect("\t"), self.reading)
        path.write_bytes(content)
        if found is None:
            return table.read(path, self.reading)
        return table.assembled(found, str(path), self.reading)

    def streamed(self, cells):
        return streaming.read(self.text(cells), self.folder / "cache", self.reading)

    def parquet(self, cells):
        pl.DataFrame(nulls(cells)).write_parquet(self.folder / "t.parquet")
        return table.read(self.folder / "t.parquet", self.reading)

    def streamed_parquet(self, cells):
        pl.DataFrame(nulls(cells)).write_parquet(self.folder / "t.parquet", row_group_size=3)
        path = self.folder / "t.parquet"
        return streaming.read(path, self.folder / "cache", self.reading)

    def polars(self, cells):
        return table.of(pl.DataFrame(nulls(cells)), reading=self.reading)

    def pandas(self, cells):
        pd = pytest.importorskip("pandas")
        return table.of(pd.DataFrame(nulls(cells)), reading=self.reading)

    def dict(self, cells):
        return table.of(nulls(cells), reading=self.reading)

    def array(self, cells):
        array = np.array(list(nulls(cells).values()), object).T
        return table.of(array, list(cells), reading=self.reading)


DOORS = [name for name in vars(Doors) if not name.startswith("_") and name != "text"]


@pytest.mark.parametrize("door", DOORS[1:])
def test_odd_cells_are_the_same_through_every_door(tmp_path, monkeypatch, door):
    monkeypatch.setattr(streaming, "CHUNK", 1024)
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 3)
    by_height = {}
    for i, cells in enumerate(columns(300)):
        by_height.setdefault(len(cells), {})[f"c{i}"] = cells
    doors = Doors(tmp_path, LISTED)
    for height, cells in by_height.items():
        every = {"row": ["r"] * height, **cells}
        assert told(getattr(doors, door)(every)) == told(doors.csv(every))


def test_sources_with_a_missing_value_of_their_own_have_no_other():
    cells = {"a": ["None", "NA", None], "b": [1.5, math.nan, None]}
    array = np.array(list(cells.values()), object).T
    for data in (cells, pl.DataFrame(cells, strict=False), array):
        found = table.of(data, list(cells)).columns
        assert found["a"].codes.tolist() == [1, 0, -1]
        assert found["a"].categories == ("NA", "None")
        np.testing.assert_array_equal(found["b"].values, [1.5, np.nan, np.nan])


def test_an_empty_text_of_a_typed_source_is_a_value(tmp_path):
    cells = {"a": ["", "b", None, " "], "n": ["1", "", None, "2"], "t": ["", None, "", ""]}
    pl.DataFrame(cells).write_parquet(tmp_path / "t.parquet")
    pd = pytest.importorskip("pandas")
    for reading in (CURRENT, Reading(categorical=("a", "t")), Reading(missing=("", "NA"))):
        sources = [pl.DataFrame(cells), pd.DataFrame(cells), cells]
        found = [table.of(source, reading=reading) for source in sources]
        found.append(table.read(tmp_path / "t.parquet", reading))
        found.append(streaming.read(tmp_path / "t.parquet", tmp_path / "cache", reading))
        for one in found:
            if reading.missing:
                assert one.columns["a"].codes[:].astype(int).tolist() == [-1, 0, -1, -1]
                np.testing.assert_array_equal(one.columns["n"].values[:], [1, np.nan, np.nan, 2])
                assert one.columns["t"].gaps() == 4
                continue
            assert one.columns["a"].codes[:].astype(int).tolist() == [0, 1, -1, 0]
            assert one.columns["a"].categories == ("", "b")
            assert one.faults["n"].message.startswith("row 2 is '', an empty text; list ''")
            assert one.columns["t"].codes[:].astype(int).tolist() == [0, -1, 0, 0]


def test_truth_numbers_and_dates_of_typed_sources_are_as_in_text(tmp_path):
    frame = pl.DataFrame(
        {
            "t": [True, None, False],
            "n": [1, None, 3],
            "f": [1.0, 2.5, None],
            "d": [date(2024, 1, 5), None, date(2024, 12, 31)],
            "m": [datetime(2024, 1, 5, 10), None, datetime(2024, 1, 5, 10, 0, 0, 123457)],
            "x": ["a", None, "True"],
        }
    )
    frame.write_csv(tmp_path / "t.csv", datetime_format="%Y-%m-%d %H:%M:%S%.f")
    frame.write_parquet(tmp_path / "t.parquet")
    pd = pytest.importorskip("pandas")
    for reading in (CURRENT, Reading(categorical=frame.columns)):
        expected = told(table.read(tmp_path / "t.csv", reading))
        rows = {name: frame[name].to_list() for name in frame.columns}
        objects = {name: np.array(values, object) for name, values in rows.items()}
        sources = [frame, frame.lazy(), rows, objects]
        if not reading.categorical:  # pandas has whole numbers beside None as floats
            sources.append(pd.DataFrame(rows))
        found = [table.of(source, reading=reading) for source in sources]
        found.append(table.read(tmp_path / "t.parquet", reading))
        found.append(streaming.read(tmp_path / "t.parquet", tmp_path / "cache", reading))
        for one in found:
            assert told(one) == expected


def test_durations_and_lists_are_neither_numbers_nor_text():
    for values, what in (([timedelta(1)], "durations"), ([[1], [2, 3]], "lists")):
        with pytest.raises(InvalidInput, match=f"column 'a': holds {what}; must hold numbers"):
            table.of({"a": values})
