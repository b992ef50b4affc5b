"""A table reads the same through every source: text files, parquet, frames, dicts, arrays."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import random
import re
import sys
import threading
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import optcli
from optcli.comparison.settings import ComparisonSettings
from optcli.core.errors import InvalidInput
from optcli.data import delimited, ndjson, streaming, table
from optcli.data.columns import Numbers
from optcli.data.dialect import Dialect
from optcli.data.reading_rules import CURRENT, Reading
from tests.workbooks import workbook

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
            message = placed(found, fault)
        notes = [note.text for note in found.notes if note.column == name]
        rows[name] = (type(column).__name__, values, message, notes)
    return rows


def placed(found, fault):
    """The message of a fault, with places as rows of the table, whatever the source calls them."""
    if found.lines is None:
        return fault.message
    if not found.parts:
        lines, message = found.lines[:].astype(int).tolist(), fault.message
        if fault.line:
            message = f"row {lines.index(fault.line) + 1} {message}"
        for at, line in enumerate(lines):
            message = message.replace(f"in line {line}", f"in row {at + 1}")
        return message
    starts = {name: start for start, name in found.parts}
    before = starts.get(fault.file, 0) - (".xlsx" in found.source)  # a sheet counts its header

    def whole(match):
        return f"row {int(match[1]) + starts.get(match[2], before)}"

    return re.sub(r"row (\d+)(?: of (\S*parquet))?", whole, fault.message)


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

    def lines(self, cells):
        path = self.folder / "t.ndjson"
        columns = nulls(cells)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def zstd(self, path):
        """The same file, packed; polars writes what is in one column as it is."""
        frame = pl.DataFrame({"text": [path.read_text()]})
        packed = path.with_name(f"{path.name}.zst")
        frame.write_csv(
            packed,
            include_header=False,
            quote_style="never",
            line_terminator="",
            compression="zstd",
        )
        return packed

    def parts(self, cells):
        folder, frame = self.folder / "parts", pl.DataFrame(nulls(cells))
        folder.mkdir(exist_ok=True)
        middle = frame.height // 2
        frame[:middle].write_parquet(folder / "a.parquet")
        frame[middle:].select(frame.columns[::-1]).write_parquet(folder / "b.parquet")
        return folder

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
        if not hasattr(os, "mkfifo"):
            pytest.skip("makes a named pipe")
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

    def ndjson(self, cells):
        return table.read(self.lines(cells), self.reading)

    def large_ndjson(self, cells):
        """As a file above 2 MB, which the shortcut takes where nothing is peculiar."""
        path = self.lines(cells)
        found = ndjson._shortcut(path.read_bytes(), str(path), self.reading, None, (), 0)
        return self.ndjson(cells) if found is None else table.assembled(found, str(path), CURRENT)

    def streamed_ndjson(self, cells):
        return streaming.read(self.lines(cells), self.folder / "cache", self.reading)

    def packed_ndjson(self, cells):
        path = self.folder / "t.jsonl.gz"
        path.write_bytes(gzip.compress(self.lines(cells).read_bytes()))
        return table.read(path, self.reading)

    def zst(self, cells):
        return table.read(self.zstd(self.text(cells)), self.reading)

    def streamed_zst(self, cells):
        return streaming.read(self.zstd(self.text(cells)), self.folder / "cache", self.reading)

    def arrow(self, cells):
        pl.DataFrame(nulls(cells)).write_ipc(self.folder / "t.arrow")
        return table.read(self.folder / "t.arrow", self.reading)

    def feather(self, cells):
        pl.DataFrame(nulls(cells)).write_ipc(self.folder / "t.feather", compression="zstd")
        return streaming.read(self.folder / "t.feather", self.folder / "cache", self.reading)

    def arrow_stream(self, cells):
        pl.DataFrame(nulls(cells)).write_ipc_stream(self.folder / "s.arrow")
        return table.read(self.folder / "s.arrow", self.reading)

    def folder_of_parquet(self, cells):
        return table.read(self.parts(cells), self.reading)

    def pattern(self, cells):
        path = self.parts(cells) / "*.parquet"
        return streaming.read(path, self.folder / "cache", self.reading)

    def arrow_table(self, cells):
        pa = pytest.importorskip("pyarrow")
        return table.of(pa.table(nulls(cells)), reading=self.reading)

    def xlsx(self, cells):
        pytest.importorskip("fastexcel")
        path = self.folder / "t.xlsx"
        rows = zip(*cells.values(), strict=True)
        path.write_bytes(workbook(one=[list(cells), *map(list, rows)]))
        return table.read(path, self.reading)

    def dict(self, cells):
        return table.of(nulls(cells), reading=self.reading)

    def array(self, cells):
        array = np.array(list(nulls(cells).values()), object).T
        return table.of(array, list(cells), reading=self.reading)


TOOLS = ("text", "lines", "zstd", "parts")
DOORS = [name for name in vars(Doors) if not name.startswith("_") and name not in TOOLS]


READ = {}


def of_csv(doors, cells):
    """What a CSV file of the cells holds; the same cells are read once."""
    key = tuple((name, *column) for name, column in cells.items())
    if key not in READ:
        READ[key] = told(doors.csv(cells))
    return READ[key]


@pytest.mark.parametrize("door", DOORS[1:])
def test_odd_cells_are_the_same_through_every_door(tmp_path, monkeypatch, door):
    monkeypatch.setattr(streaming, "CHUNK", 1024)
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 3)
    by_height = {}
    for i, cells in enumerate(columns(150)):
        by_height.setdefault(len(cells), {})[f"c{i}"] = cells
    doors = Doors(tmp_path, LISTED)
    for height, cells in by_height.items():
        every = {"row": ["r"] * height, **cells}
        if door == "xlsx":  # XML has no such characters
            every = {n: [cell.replace("\x1a", "") for cell in col] for n, col in every.items()}
        assert told(getattr(doors, door)(every)) == of_csv(doors, every)


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


def test_a_folder_of_parquet_is_one_table_and_faults_name_the_file(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}).write_parquet(folder / "2.parquet")
    pl.DataFrame({"b": ["z"], "a": [0.5]}).write_parquet(folder / "1.parquet")
    pl.DataFrame({"b": [None], "a": [None]}).write_parquet(folder / "3.parquet")
    (folder / "_SUCCESS").write_text("")
    found = table.read(folder)
    np.testing.assert_array_equal(found.columns["a"].values, [0.5, 1, 2, np.nan])
    assert found.names == ("b", "a")
    assert str(found.fault("a", "is odd", 2)) == (
        f"{folder / '2.parquet'}: column 'a': row 2 is odd"
    )
    assert found.where(3) == f"row 1 of {folder / '3.parquet'}"
    streamed = streaming.read(folder / "*.parquet", tmp_path / "cache", CURRENT)
    assert told(streamed) == told(found)
    assert str(streamed.fault("a", "is odd", 2)) == str(found.fault("a", "is odd", 2))
    pl.DataFrame({"b": ["z"], "c": [1]}).write_parquet(folder / "4.parquet")
    pl.DataFrame({"b": ["z"], "a": ["1"]}).write_parquet(folder / "5.parquet")
    first = folder / "1.parquet"
    for read in (table.read, lambda path: streaming.read(path, tmp_path / "cache", CURRENT)):
        with pytest.raises(InvalidInput) as caught:
            read(folder)
        assert str(caught.value).splitlines() == [
            f"{folder / '4.parquet'}: lacks the column 'a', which {first} has",
            f"{folder / '4.parquet'}: has the column 'c', which {first} lacks",
            f"{folder / '5.parquet'}: column 'a': is String; in {first} it is Float64",
        ]
    (folder / "x.csv").write_text("a\n1\n")
    refused = {
        folder / "*": f"{folder / '*'}: matches {folder / 'x.csv'}; a pattern may match .parquet",
        folder / "q*": f"{folder / 'q*'}: no such file; nothing matches this pattern",
        tmp_path: f"{tmp_path}: is a folder; must be a file, or name the Parquet files in it",
    }
    for path, message in refused.items():
        with pytest.raises(InvalidInput, match=re.escape(message)):
            table.read(path)


def test_a_sheet_is_what_its_csv_file_would_be(tmp_path):
    pytest.importorskip("fastexcel")
    day, moment = datetime(2024, 1, 5), datetime(2024, 1, 5, 12, 30)
    rows = [
        [None, None, None, None, None, None],
        ["n", "t", "d", "m", "id", "mixed"],
        [1, True, day, moment, "007", 1.234e-8],
        [2.5, None, None, datetime(2024, 1, 6), "010", "x"],
        [b"#DIV/0!", False, day, None, "1", 3],
        [123456789.12345678, True, day, moment, "2", "y"],
    ]
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook(one=rows, two=[["q"], [4]], three=[]))
    (tmp_path / "t.csv").write_text(
        "n,t,d,m,id,mixed\n1,True,2024-01-05,2024-01-05 12:30:00,007,1.234e-08\n"
        "2.5,,,2024-01-06 00:00:00,010,x\n,False,2024-01-05,,1,3\n"
        "123456789.12345678,True,2024-01-05,2024-01-05 12:30:00,2,y\n"
    )
    for reading in (CURRENT, Reading(categorical=("n", "d", "m", "mixed"))):
        found, expected = table.read(path, reading), table.read(tmp_path / "t.csv", reading)
        for name, (kind, values, _, notes) in told(expected).items():
            assert told(found)[name][:2] == (kind, values)
            assert told(found)[name][3] == notes
    assert found.fault("n", "is odd", 1).message == "row 4 is odd"  # as Excel counts
    assert found.notes[0].text == (
        f"{path}: sheet 'one' is read; set dataset.sheet for 'two', 'three'"
    )
    for sheet in ("two", 2):
        assert table.read(path, sheet=sheet).columns["q"].values.tolist() == [4]
    with pytest.raises(InvalidInput, match=r"sheet 'tow'; did you mean 'two'\?; its sheets are"):
        table.read(path, sheet="tow")
    with pytest.raises(InvalidInput, match="sheet 'three': is empty"):
        table.read(path, sheet=3)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setitem(sys.modules, "fastexcel", None)
        message = 'reading .xlsx takes fastexcel; install it: pip install "optcli[xlsx]"'
        with pytest.raises(InvalidInput, match=re.escape(message)):
            table.read(path)


PIXELS = np.arange(2 * 3 * 5 * 3).reshape(2, 3, 5, 3).astype(np.uint8)


def idx(array):
    """The bytes of an IDX file."""
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    head = bytes([0, 0, code, array.ndim]) + sizes
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def test_arrays_are_columns_and_images_keep_their_shape(tmp_path):
    grey, labels = PIXELS[..., 0], np.array([3, 7], np.uint8)
    np.savez_compressed(tmp_path / "t.npz", X=PIXELS, y=labels, names=np.array(["a", "b", "c"]))
    np.save(tmp_path / "X_train.npy", PIXELS.transpose(0, 3, 1, 2))
    np.save(tmp_path / "y_train.npy", labels)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(grey))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(labels))
    (tmp_path / "a-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(grey.astype("f8"))))
    flat = PIXELS.transpose(0, 3, 1, 2).reshape(2, -1)
    cases = {
        "t.npz": (flat, "y", (3, 3, 5)),
        "X_train.npy": (flat, "label", (3, 3, 5)),
        "t10k-images-idx3-ubyte": (grey.reshape(2, -1), "label", (1, 3, 5)),
        "a-images-idx3-ubyte.gz": (grey.reshape(2, -1), None, (1, 3, 5)),
    }
    for name, (expected, target, shape) in cases.items():
        found = table.read(tmp_path / name)
        pixels = [f"x{i + 1}" for i in range(expected.shape[1])]
        assert found.names == (*pixels, *([target] if target else []))
        np.testing.assert_array_equal([found.columns[n].values[:] for n in pixels], expected.T)
        assert (found.image.shape, found.image.columns) == (shape, tuple(pixels))
        if target:
            assert found.columns[target].values[:].tolist() == [3, 7]
    for found in (table.of(PIXELS), table.of({"X": PIXELS, "y": [1, 2]})):
        assert (found.image.shape, found.rows, found.columns["x45"].values[1]) == ((3, 3, 5), 2, 89)
    with pytest.raises(InvalidInput, match=r"has no labels beside it; set dataset\.labels"):
        table.read(tmp_path / "a-images-idx3-ubyte.gz").check_header("label")
    with pytest.raises(InvalidInput, match="'names' is 3, not of 2 rows, and is left out"):
        table.read(tmp_path / "t.npz").check_header("names")


def test_arrays_with_names_are_columns_of_their_own(tmp_path):
    records = np.array([(1, "a", True), (2, "b", False)], [("n", "i4"), ("t", "U1"), ("b", "?")])
    np.save(tmp_path / "t.npy", records)
    np.savez(tmp_path / "t.npz", n=records["n"], t=records["t"], b=records["b"])
    (tmp_path / "t.csv").write_text("n,t,b\n1,a,True\n2,b,False\n")
    expected = told(table.read(tmp_path / "t.csv"))
    assert told(table.read(tmp_path / "t.npy")) == told(table.read(tmp_path / "t.npz")) == expected
    assert told(table.of(records)) == expected


def test_arrays_of_parts_follow_each_other(tmp_path):
    x, y = np.arange(10.0).reshape(5, 2), np.arange(5)
    for names in (
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_x", "train_y", "test_x", "test_y"),
    ):
        np.savez(tmp_path / "t.npz", **dict(zip(names, (x[:3], y[:3], x[3:], y[3:]), strict=True)))
        found = table.read(tmp_path / "t.npz")
        assert found.names == ("x1", "x2", "y", "part")
        assert found.columns["x2"].values[:].tolist() == x[:, 1].tolist()
        assert [found.columns["part"].text(i) for i in (0, 2, 3)] == ["train", "train", "test"]
        assert found.aside == {"part": "says which part a row is from"}


def faults_of(path):
    try:
        table.read(path)
    except InvalidInput as error:
        return error.faults
    return ()


def test_damaged_arrays_and_workbooks_are_one_line(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.eye(3))
    np.save(tmp_path / "t.npy", np.eye(3))
    whole = {
        "t.npz": (tmp_path / "t.npz").read_bytes(),
        "t.npy": (tmp_path / "t.npy").read_bytes(),
        "t.idx": idx(np.eye(3)),
        "t.xlsx": workbook(one=[["a"], [1]]),
        "t.arrow": pl.DataFrame({"a": [1.5, 2]}).write_ipc(None).getvalue(),
        "t.ndjson": b'{"a": 1}\n{"a": 2}\n',
        "t.csv.zst": b"\x28\xb5\x2f\xfd" + bytes(20),
    }
    if "fastexcel" not in sys.modules:
        del whole["t.xlsx"]
    rng = random.Random(1)
    for name, content in whole.items():
        path = tmp_path / name
        damaged = [content[:-5], content[:9], b"a,y\n1,2\n", b"\n"]
        for _ in range(20):
            at = rng.randrange(len(content))
            damaged.append(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
        for bad in damaged:
            path.write_bytes(bad)
            faults = faults_of(path)
            assert len(faults) < 2
            assert all(str(fault).startswith(f"{path}:") for fault in faults)
            assert bad is not content[:9] or faults
    for array, what in {
        "objects": (np.array([{}], object), "holds Python objects; must hold numbers or texts"),
        "complex": (np.eye(2) * 1j, "holds complex numbers; must hold real ones"),
        "axes": (np.zeros((2, 1, 1, 1, 1)), "is 2 x 1 x 1 x 1 x 1; at most 4 axes can be read"),
        "bands": (np.zeros((2, 9, 9, 9)), "is 2 x 9 x 9 x 9; images must be N x H x W"),
    }.values():
        np.save(tmp_path / "o.npy", array, allow_pickle=True)
        with pytest.raises(InvalidInput, match=re.escape(what)):
            table.read(tmp_path / "o.npy")


def test_ndjson_is_refused_in_words(tmp_path):
    path = tmp_path / "t.jsonl"
    cases = {
        '{"a": 1}\n{"a": 2\n': ":2: is not a JSON object (",
        '{"a": 1}\n[1]\n': ":2: is a list, not an object; NDJSON has one object in each line",
        '[{"a": 1}]': ":1: is a list, not an object",
        '{"a": 1}\n\n7\n': ":3: is the value 7, not an object",
        '{"a": "\xff"}\n': ":1: is not UTF-8",
        " \n": ": is empty",
    }
    for content, message in cases.items():
        path.write_bytes(content.encode("latin-1"))
        for read in (table.read, lambda path: streaming.read(path, tmp_path / "c", CURRENT)):
            with pytest.raises(InvalidInput, match=re.escape(f"{path}{message}")):
                read(path)
    path.write_text('{"a": 1, "b": {"c": 2}}\n\n{"d": "x", "a": 3}\n')
    for found in (table.read(path), streaming.read(path, tmp_path / "c", CURRENT)):
        assert found.names == ("a", "b", "d")
        assert found.columns["d"].codes[:].tolist() == [-1, 0]
        assert found.lines[:].tolist() == [1, 3]
        message = "holds nested values (an object in line 1); only numbers and text can be read"
        assert found.faults["b"].message == f"{message}, exclude it"


def test_columns_that_come_later_are_columns_of_streamed_ndjson(tmp_path, monkeypatch):
    monkeypatch.setattr(ndjson, "CHUNK", 30)
    path = tmp_path / "t.ndjson"
    path.write_text('{"a": 1}\n' * 9 + '{"a": 2, "b": 5}\n' * 3 + '{"c": "x"}\n')
    assert told(streaming.read(path, tmp_path / "c", CURRENT)) == told(table.read(path))


TABLE = {
    "dataset": {"name": "table", "target": "y", "missing_values": ["NA"], "missing": "impute"},
    "model": "linear",
    "loss": "cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 2},
}


def test_a_run_on_a_table_in_memory_is_that_on_its_csv_file(tmp_path):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    columns = {
        "n": [None if i == 7 else float(x) for i, x in enumerate(rng.normal(size=40))],
        "t": ["NA" if i == 3 else "pqr"[i % 3] for i in range(40)],
        "y": ["yes" if i % 2 else "no" for i in range(40)],
    }
    frame = pl.DataFrame(columns)
    frame.write_csv(tmp_path / "t.csv")
    dataset = TABLE["dataset"] | {"name": "csv", "path": str(tmp_path / "t.csv")}
    expected = optcli.train(TABLE | {"dataset": dataset}, out=tmp_path / "csv", plots=False)
    pandas = pd.DataFrame(columns)
    sources = [frame, frame.lazy(), pandas, pandas.convert_dtypes(), columns]
    for i, data in enumerate(sources):
        found = optcli.train(TABLE, data=data, out=tmp_path / str(i), plots=False)
        np.testing.assert_array_equal(found.trained.parameters, expected.trained.parameters)
        assert found.predictions(data)["y"].tolist() == expected.predict(frame).tolist()
        assert found.evaluate(data) == expected.evaluate(tmp_path / "t.csv")
    assert optcli.load(tmp_path / "0").predict(columns).tolist() == found.predict(columns).tolist()
    more = optcli.resume(tmp_path / "0", ["training.epochs=3"], data=sources[-1], plots=False)
    assert more.summary["epochs"] == 3
    assert optcli.check(TABLE, data=columns).data.train.x.shape == (32, 4)
    with pytest.raises(InvalidInput, match="is 'table', which is in memory; pass it in Python"):
        optcli.train(tmp_path / "0" / "config.yaml", plots=False)
    with pytest.raises(InvalidInput, match="is 'csv', but data is given; must be 'table'"):
        optcli.train(TABLE | {"dataset": dataset}, data=frame, plots=False)


def test_a_run_on_an_arrow_table_is_that_on_the_frame(tmp_path):
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"n": rng.normal(size=40), "t": list("pqqr") * 10, "y": ["a", "b"] * 20})
    own, other = (
        optcli.train(TABLE, data=data, out=tmp_path / name, plots=False)
        for name, data in (("frame", frame), ("arrow", frame.to_arrow()))
    )
    np.testing.assert_array_equal(own.trained.parameters, other.trained.parameters)
    assert own.predictions(frame)["y"].tolist() == other.predictions(frame.to_arrow())["y"].tolist()


def test_a_comparison_takes_a_table_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(60, 2)), "y": np.arange(60) % 2}
    settings = ComparisonSettings(seeds=3, tune=1, tune_seeds=1, finalists=1, jobs=1)
    found = optcli.compare(
        ["sgd", "adam"], TABLE, data=data, out=tmp_path / "c", plots=False, settings=settings
    )
    assert {row["label"] for row in found.summary["optimizers"]} == {"sgd", "adam"}
