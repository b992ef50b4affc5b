from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.data import delimited, table
from optcli.data.cells import MISSING
from optcli.data.columns import Numbers, Words
from optcli.data.dialect import Dialect
from optcli.data.reading_rules import Reading
from tests.for_each import for_each


def write(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(words):
    return [None if code < 0 else words.categories[code] for code in words.codes]


def plain(read):
    """A table's columns as lists, for comparison."""
    return {
        name: column.values.tolist() if isinstance(column, Numbers) else texts(column)
        for name, column in read.columns.items()
    }


EXPECTED = {"a": [1.0, -0.25], "b": ["x", "y, z"]}


@pytest.mark.parametrize(
    "content",
    [
        'a,b\n1,x\n-.25,"y, z"\n',
        'a;b\n1;x\n-.25;"y, z"\n',
        "a\tb\n1\tx\n-25e-2\ty, z",
        "a|b\n1|x\n-2.5E-1|y, z\n",
        'a,b\r\n1,x\r\n-0.25,"y, z"\r\n',
        'a,b\r1,x\r-0.25,"y, z"\r',
        b'\xef\xbb\xbfa,b\n1,x\n-0.25,"y, z"\n',
        ' a ,"b"\n 1.0 , x \n-0.25, "y, z"\n\n\n',
    ],
)
def test_what_is_accepted(tmp_path, content):
    assert plain(table.read(write(tmp_path, content))) == EXPECTED


def test_quoted_fields_may_hold_lines_and_the_next_row_knows_its_own(tmp_path):
    read = table.read(write(tmp_path, 'a,b\n1,"x\ny"\n2,"say ""no"""\n'))
    assert plain(read) == {"a": [1, 2], "b": ["x\ny", 'say "no"']}
    assert read.lines.tolist() == [2, 4]


def test_a_delimiter_can_be_given(tmp_path):
    read = table.read(write(tmp_path, "a b,c\n1 2,3\n"), Reading(delimiter=" "))
    assert read.names == ("a", "b,c")
    with pytest.raises(InvalidInput, match=r"dataset.delimiter: is ', '; must be one character"):
        table.read(tmp_path / "t.csv", Reading(delimiter=", "))


def test_missing_values(tmp_path):
    read = table.read(write(tmp_path, "a,b\n1,x\n,NA\n?,-\nNaN,none\nN/A,y\nnull,\n"))
    np.testing.assert_array_equal(read.columns["a"].values, [1] + [np.nan] * 5)
    assert texts(read.columns["b"]) == ["x", None, None, None, "y", None]
    assert read.columns["a"].missing.tolist() == [False] + [True] * 5


def test_yes_and_no_stay_text_and_names_with_underscores_are_no_numbers(tmp_path):
    read = table.read(write(tmp_path, "a,b,c\nno,off,1_0\nyes,on,1_1\n"))
    assert plain(read) == {"a": ["no", "yes"], "b": ["off", "on"], "c": ["1_0", "1_1"]}


def test_categorical_columns_are_text(tmp_path):
    read = table.read(write(tmp_path, "a,b\n01,1\n2,x\n"), Reading(categorical=("a", "b")))
    assert plain(read) == {"a": ["01", "2"], "b": ["1", "x"]}
    assert not read.faults


def test_a_mixed_column_has_a_fault_but_the_table_is_read(tmp_path):
    path = write(tmp_path, 'a,b,c,d\n1,x,1,"1,5"\nlow,y,"2,5","2,5"\n3,4,3,"3,5"\n')
    faults = table.read(path).faults
    assert {name: str(fault) for name, fault in faults.items()} == {
        "a": f"{path}:3: column 'a': is 'low', not a number; "
        "correct it, or list it in dataset.missing_values",
        "b": f"{path}:2: column 'b': is 'x', not a number; "
        "correct it, or list the column in dataset.categorical",
        "c": f"{path}:3: column 'c': is '2,5', not a plain number; "
        "correct it, or list the column in dataset.numeric",
        "d": f"{path}:2: column 'd': is '1,5', not a plain number; "
        "list the column in dataset.numeric, or in dataset.categorical to keep it as text",
    }


FAULTS = {
    "empty": (b"", ": is empty"),
    "blank": (b" \n\n", ": is empty"),
    "header only": (b"a,b\n", ": has a header but no rows"),
    "header only, no end": (b"a,b", ": has a header but no rows"),
    "no header": (
        b"1.5,2\n3,4\n",
        ":1: holds numbers, not the names of columns; add a header line",
    ),
    "short row": (
        b"a,b,c\n1,2,3\n4,5\n",
        ":3: has 2 fields, the header has 3; fill in what is missing",
    ),
    "long row": (
        b"a;b\n1;2;3\n",
        ":2: has 3 fields, the header has 2; a field that holds a semicolon must be quoted",
    ),
    "decimal comma": (
        b"a,b\n1,5,2,5\n",
        ":2: has 4 fields, the header has 2; a field that holds a comma must be quoted, "
        "and decimals need a point",
    ),
    "blank line": (b"a,b\n1,2\n\n3,4\n", ":3: is blank; remove the line"),
    "blank first line": (b"\na,b\n1,2\n", ":1: is blank; remove the line"),
    "duplicate": (b"a,b,a\n1,2,3\n", ":1: columns 1 and 3 are both called 'a'; rename one"),
    "nameless inside": (b"a,,b\n1,2,3\n", ":1: column 2 has no name; give it one"),
    "title": (
        b"My measurements\na,b\n1,2\n",
        ":1: is 'My measurements', but line 2 has 2 fields; "
        "the first line must name the columns, remove titles and comments",
    ),
    "separator note": (
        b"sep=;\na;b\n1;2\n",
        ":1: is a note for spreadsheets, not the names of columns; remove the line",
    ),
    "unclosed quote": (b'a,b\n1,2\n3,"x\n4,y\n', ":3: a quote is opened and never closed"),
    "text after a quote": (
        b'a,b\n1,"x"y\n',
        ":2: text follows a closing quote; write a quote inside a field twice",
    ),
    "NUL": (
        b"a,b\n1,2\n3,\x00\n",
        ":3: has a NUL byte; is this a text file, saved as UTF-8?",
    ),
    "latin-1": (
        "a,b\n1,2\n3,caf\xe9\n".encode("latin-1"),
        ":3: is not UTF-8 (byte 0xe9); save the file as UTF-8",
    ),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), ": is UTF-16; save the file as UTF-8"),
    "web page": (
        b"\n<!DOCTYPE html><html><body>404</body></html>",
        ": is a web page, not a table; download the file itself",
    ),
    "spreadsheet": (
        b"PK\x03\x04\x14\x00\x06\x00",
        ": is a spreadsheet or archive; export the table as CSV",
    ),
    "old spreadsheet": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        ": is a spreadsheet or archive; export the table as CSV",
    ),
    "gzip without the name": (gzip.compress(b"a\n1\n"), ": is compressed; name it t.csv.gz"),
    "parquet without the name": (
        b"PAR1xxxx",
        ": is a Parquet file; its name must end in .parquet",
    ),
}


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_of_a_file(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(InvalidInput) as caught:
        table.read(path)
    assert str(caught.value) == f"{path}{message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "is not compressed by gzip, though its name ends in .gz; rename it"),
        (
            gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9],
            "is truncated or damaged; compress or download it again",
        ),
    ],
    ids=["plain", "cut off"],
)
def test_faults_of_compressed_files(tmp_path, content, message):
    path = write(tmp_path, content, "t.csv.gz")
    with pytest.raises(InvalidInput) as caught:
        table.read(path)
    assert str(caught.value) == f"{path}: {message}"


def test_compressed_files(tmp_path):
    path = write(tmp_path, gzip.compress(b'a,b\n1,x\n-.25,"y, z"\n'), "t.csv.gz")
    assert plain(table.read(path)) == EXPECTED


def test_missing_files(tmp_path):
    write(tmp_path, "a\n1\n", "iris.csv")
    for name, message in {
        "irs.csv": "no such file; did you mean 'iris.csv'?",
        "other.csv": "no such file",
        "none/iris.csv": f"no such file; there is no folder {tmp_path / 'none'}",
        "": "is a folder; must be a file",
    }.items():
        with pytest.raises(InvalidInput) as caught:
            table.read(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {message}"


def test_no_permission_is_the_environments_fault(tmp_path, monkeypatch):
    path = write(tmp_path, "a\n1\n")

    def refuse(self):
        raise PermissionError

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(EnvironmentFailed, match=r"t.csv: no permission to read it"):
        table.read(path)


def test_a_file_larger_than_memory(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        try:
            file.truncate(1 << 42)  # a hole, takes no space
        except OSError:
            pytest.skip("no sparse files here")
    with pytest.raises(InvalidInput, match=r"needs 4398 GB or more; the memory is \d+ GB; set"):
        table.read(path)


# ---- the shortcut for large files ----------------------------------------------------

CELLS = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers(-(10**6), 10**6).map(str),
    st.sampled_from(["", " 1 ", "1_0", ".5", "5.", "+1", "x", " y", "yes", "inf", *MISSING]),
    st.text("ab1.e- \u00e9", max_size=4),
)


@settings(max_examples=150, deadline=None)
@given(
    st.data(), st.integers(2, 3), st.integers(1, 6), st.booleans(), st.sampled_from(["\n", "\r\n"])
)
def test_the_shortcut_reads_the_same_or_declines(data, width, height, uniform, end):
    kinds = [st.floats().map(repr), st.integers(-9, 9).map(str), st.text("xyz", min_size=1)]
    columns = [
        data.draw(
            st.lists(
                data.draw(st.sampled_from(kinds)) if uniform else CELLS,
                min_size=height,
                max_size=height,
            )
        )
        for _ in range(width)
    ]
    rows = [[f"c{i}" for i in range(width)], *zip(*columns, strict=True)]
    content = "".join(",".join(row) + end for row in rows).encode()
    short = delimited._shortcut(content, "t", Dialect(","), Reading(categorical=("c1",)))
    if short is None:
        assert not (uniform and all(map(str.strip, columns[0])))
        return
    long = delimited._plain(content, "t", Dialect(","), Reading(categorical=("c1",)))
    assert short.mixed == long.mixed
    np.testing.assert_array_equal(short.lines, long.lines)
    for name, column in long.columns.items():
        assert type(short.columns[name]) is type(column)
        if isinstance(column, Words):
            assert texts(short.columns[name]) == texts(column)
        else:
            np.testing.assert_array_equal(short.columns[name].values, column.values)


@for_each(
    "content",
    [
        "a\n1\n2\n",
        "a,b\n1,2\n3\n",
        "a,b\n1,2\n\n3,4\n",
        "a,b\n1,2\n3,4,5\n",
        'a,b\n1,2\n3,"4"\n',
        "a,b\n1,2\n3,4\n\n",
        "a,b\n1,2\n3,\x00\n",
        "a,b\n" + "1,2\n" * 40_000 + "x,2\n",  # beyond the sample
    ],
)
def test_the_shortcut_declines_what_is_peculiar(content):
    assert delimited._shortcut(content.encode(), "t", Dialect(","), Reading()) is None


def test_large_files_take_the_shortcut(tmp_path, monkeypatch):
    path = write(tmp_path, "a,b\n" + "1.5,x\n" * 400_000)
    monkeypatch.setattr(delimited, "_plain", None)
    read = table.read(path)
    assert read.rows == 400_000
    assert read.columns["a"].values.sum() == 600_000
    assert read.columns["b"].categories == ("x",)
    assert read.where(399_999) == "line 400001"


def test_a_fault_late_in_a_large_file(tmp_path):
    path = write(tmp_path, "a,b\n" + f"1.5,{'x' * 30}\n" * 70_000 + "oh,x\n")
    assert path.stat().st_size > delimited.LARGE
    assert str(table.read(path).faults["a"]).startswith(
        f"{path}:70002: column 'a': is 'oh', not a number"
    )


def test_small_files_are_read_without_polars(tmp_path):
    path = write(tmp_path, "a,b\n1,x\n")
    code = f"import sys; from optcli.data import table; table.read({str(path)!r}); "
    code += "assert 'polars' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- parquet and memory --------------------------------------------------------------


def test_parquet(tmp_path):
    pl = pytest.importorskip("polars")
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": [1, None], "b": ["x", None], "c": [True, False]}).write_parquet(path)
    read = table.read(path)
    np.testing.assert_array_equal(read.columns["a"].values, [1, np.nan])
    assert texts(read.columns["b"]) == ["x", None]
    assert texts(read.columns["c"]) == ["true", "false"]  # as in text
    assert read.where(1) == "row 2"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InvalidInput, match="is damaged or not a Parquet file"):
        table.read(path)


def test_tables_from_memory():
    made = table.of({"a": [1, None, 2.5], "b": ["x", None, "y"], "c": np.array([1, 2, 3])})
    np.testing.assert_array_equal(made.columns["a"].values, [1, np.nan, 2.5])
    assert texts(made.columns["b"]) == ["x", None, "y"]
    assert made.columns["c"].values.tolist() == [1, 2, 3]
    made = table.of(np.arange(6).reshape(3, 2), ["p", "q"])
    assert plain(made) == {"p": [0, 2, 4], "q": [1, 3, 5]}
    assert plain(made.select(np.array([2, 0]))) == {"p": [4, 0], "q": [5, 1]}


@pytest.mark.parametrize(
    ("data", "names", "message"),
    [
        (np.zeros((3, 2)), ["p"], "the data: has 2 columns; must have 1: p"),
        (np.zeros(3), ["p"], r"the data: has shape \(3,\); must be \(rows, columns\)"),
        ({"a": [1], "b": [1, 2]}, None, r"has columns of \[1, 2\] rows; must have one or more"),
        ({"a": []}, None, "has no rows; must have one or more"),
        ({}, None, "has no rows; must have one or more"),
    ],
)
def test_faults_of_tables_from_memory(data, names, message):
    with pytest.raises(InvalidInput, match=message):
        table.of(data, names)
