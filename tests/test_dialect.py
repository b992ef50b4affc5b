"""Delimiters, headers and formats: the same decision for every way of reading a text."""

from __future__ import annotations

import csv
import gzip
import io
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import optcli
from optcli import config
from optcli.core.errors import InvalidInput
from optcli.data import delimited, streaming, table
from optcli.data import dialect as dialects
from optcli.data.column_faults import require
from optcli.data.reading_rules import Reading
from tests.for_each import for_each

CONFIG = """\
dataset: {name: csv, path: t.csv, target: y}
split: {validation: 0.25}
model: linear
loss: mse
optimizer: adam
training: {epochs: 2}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doors(text, name="t.csv", reading=None):
    """The table as it is read from a file, streamed, packed, and by the shortcut's rules."""
    reading, path = reading or Reading(), Path(name)
    path.write_text(text)
    packed = Path(f"{name}.gz")
    packed.write_bytes(gzip.compress(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "LARGE", 0)
        large = table.read(path, reading)
    return [
        table.read(path, reading),
        large,
        table.read(packed, reading),
        streaming.read(path, Path("cache"), reading),
    ]


def first_of(tables):
    """The one table that all are, by names, cells and what is left out."""
    told = [
        {
            name: (name in each.aside, [str(value) for value in _cells(column)])
            for name, column in each.columns.items()
        }
        for each in tables
    ]
    assert all(each == told[0] for each in told), told
    return tables[0]


def _cells(column):
    if hasattr(column, "values"):
        return np.asarray(column.values[:])
    return [column.categories[code] if code >= 0 else None for code in column.codes[:]]


def said(overrides=(), text=CONFIG):
    Path("c.yaml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        optcli.check("c.yaml", overrides)
    return [str(fault) for fault in caught.value.faults]


# ---- which delimiter -----------------------------------------------------------------

NAMES = {
    "commas in names": ("weight, kg;height, cm;y\n1;2;3\n4;5;6\n", None),
    "decimal commas beside them": ("weight, kg;height, cm;y\n0,9;1,8;p\n1,4;1,7;q\n", None),
    "more commas than tabs": ("a, in b, or c\td\n1\t2\n3\t4\n", ("a, in b, or c", "d")),
    "quoted delimiters": ('"a;b","c;d;e",f\n"1;2",3,4\n5,6,7\n', ("a;b", "c;d;e", "f")),
    "quoted line ends": ('"a\nb",c\n1,"x\ny"\n2,z\n', ("a\nb", "c")),
    "bars": ("a|b, c\n1|2\n3|4\n", ("a", "b, c")),
    "one column": ("a\n1\n2\n", ("a",)),
    "texts of one comma": ("a;b\nx, y;1\nz, w;2\n", ("a", "b")),
}  # fmt: skip


@for_each("case", NAMES)
def test_header_and_rows_decide_together(case):
    text, names = NAMES[case]
    assert first_of(doors(text)).names == (names or ("weight, kg", "height, cm", "y"))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(",;\t|"),
    st.lists(st.text("ab,;|\t", min_size=1, max_size=5).map(str.strip), min_size=2, max_size=4),
    st.lists(st.text("xy,;|12", max_size=4), min_size=8, max_size=8),
)
def test_what_is_quoted_as_it_must_be_is_read_as_it_was(mark, names, cells):
    names = [f"n{i}{name}" for i, name in enumerate(names)]
    rows = [[f"{row}.5", *(cells[row + i] for i in range(len(names) - 1))] for row in range(4)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    found = dialects.of(out.getvalue().encode(), "t.csv", Reading())
    assert found.delimiter == mark


def test_the_ending_of_a_name_means_tab():
    text = "a, in b\tc, d\n1\t2\n3\t4\n"
    for name in ("t.tsv", "t.tab", "t.TSV"):
        assert first_of(doors(text, name)).names == ("a, in b", "c, d")
    assert first_of(doors("a,b\n1,2\n", "t.tsv")).names == ("a", "b")  # wrongly named


def test_a_table_that_has_not_the_delimiter_of_its_run_is_looked_at_anew():
    reading = Reading(delimiter=";")
    assert first_of(doors("a;b\n1;2\n", reading=reading)).names == ("a", "b")
    assert first_of(doors("a,b\n1,2\n3,4\n", reading=reading)).names == ("a", "b")


def test_a_named_delimiter_that_does_not_fit_is_told_with_the_one_that_does():
    Path("t.csv").write_text("a,b;c,y\n" + "1,2,3\n" * 9)
    named = ['dataset.delimiter=";"']
    assert said(named) == [
        "t.csv:2: has 1 field, the header has 2, with semicolon as the delimiter; "
        "with comma all rows fit"
    ]
    Path("t.csv").write_text("a^b^y\n" + "1^2^3\n" * 9)
    assert said(named) == [
        "t.csv:1: has no semicolon, the delimiter that dataset.delimiter names; "
        'the fields seem to be separated by "^"'
    ]
    with pytest.raises(InvalidInput, match='semicolon, tab or bar; write one of these for "\\^"'):
        require(table.read("t.csv"), ["a"])


def test_runs_of_the_first_version_keep_its_rule():
    text = "a, b, c;d\n1;2\n3;4\n"
    assert dialects.of(text.encode(), "t", Reading(rules=1)).delimiter == ","
    assert dialects.of(text.encode(), "t", Reading()).delimiter == ";"


def test_where_none_fits_the_key_is_named():
    Path("t.csv").write_text("a,b,y\n" + "1~2~3\n" * 9)
    assert said() == [
        "t.csv:1: has 3 fields between commas, the rows after it have one; "
        'set dataset.delimiter to "~", and separate the header with it, too'
    ]
    Path("t.csv").write_text("a b  y\n" + " 1  2 3 \n" * 9)
    assert said() == ['t.csv:1: has no comma, semicolon, tab or bar; set dataset.delimiter to " "']
    assert optcli.check("c.yaml", ['dataset.delimiter=" "']).data.encoder.inputs.size == 2
    Path("t.csv").write_text("a:b:y\n" + "1:2:3\n" * 9)
    assert said()[0].endswith('set dataset.delimiter to ":"')


# ---- columns without a name, and headers of numbers ----------------------------------


def unnamed(first, rows=12):
    return ",a,y\n" + "".join(f"{first(i)},{i * i % 7},{i / 2}\n" for i in range(rows))


@pytest.mark.parametrize("start", [0, 1])
def test_a_column_without_a_name_that_counts_the_rows_is_left_out(start):
    read = first_of(doors(unnamed(lambda i: i + start)))
    assert read.aside == {"Unnamed: 0": "counts the rows"}
    Path("c.yaml").write_text(CONFIG)
    run = optcli.train("c.yaml", out="r", plots=False)
    assert [feature.name for feature in run.trained.encoder.features] == ["a"]
    assert "column 1 has no name and counts the rows: left out" in run.notes
    bare = run.predict({"a": [i * i % 7 for i in range(12)]})
    Path("new.csv").write_text("a,,y\n" + "".join(f"{i * i % 7},{i},0\n" for i in range(12)))
    for new in ("t.csv", "new.csv", pl.read_csv("t.csv"), pd.read_csv("t.csv")):
        np.testing.assert_array_equal(run.predict(new), bare)


def test_what_pandas_and_r_write_reads_the_same_through_every_door():
    frame = pd.DataFrame({"a": np.arange(12) % 5, "y": np.arange(12) / 2})
    frame.to_csv("t.csv")
    written = Path("t.csv").read_text()
    quoted = written.replace(",a,y", '"","a","y"')
    pl.read_csv("t.csv").write_parquet("t.parquet")
    first_of(
        [*doors(written), *doors(quoted), table.read("t.parquet"), table.of(pl.read_csv("t.csv"))]
    )
    first_of([table.read("t.csv"), table.of(pd.read_csv("t.csv"))])


def test_what_counts_no_rows_gets_a_name_to_exclude_it_by():
    Path("t.csv").write_text(unnamed(lambda i: 2 * i + 5))
    Path("c.yaml").write_text(CONFIG)
    plan = optcli.check("c.yaml")
    assert [feature.name for feature in plan.data.encoder.features] == ["Unnamed: 0", "a"]
    assert any("is called 'Unnamed: 0' here" in note for note in plan.data.warnings)
    Path("t.csv").write_text(unnamed(lambda i: f"name {i}"))
    assert said()[0].startswith(
        "t.csv: column 'Unnamed: 0' (the first, which has no name): is text"
    )
    plan = optcli.check("c.yaml", ["dataset.exclude=['Unnamed: 0']"])
    assert plan.data.encoder.inputs.size == 1
    with pytest.raises(InvalidInput, match=r"t.csv:1: column 2 has no name; give it one"):
        doors("a,,y\n1,5,2\n2,7,3\n")


def test_row_names_and_delimiters_that_the_header_lacks():
    write_table = '"a" "y"\n' + "".join(f'"{i + 1}" {i % 3} {i / 2}\n' for i in range(9))
    read = first_of(doors(write_table, reading=Reading(delimiter=" ")))
    assert read.names == ("Unnamed: 0", "a", "y")
    assert list(read.aside) == ["Unnamed: 0"]
    named = '"a","y"\n' + "".join(f'"car {i}",{i % 3},{i / 2}\n' for i in range(9))
    assert first_of(doors(named)).names == ("Unnamed: 0", "a", "y")
    empty = '"a","y"\n' + "".join(f'"{i + 1}",{i / 2},NA\n' for i in range(9))
    for text in (empty, empty.replace("NA", "")):  # a last column that is empty is one
        assert first_of(doors(text)).names == ("Unnamed: 0", "a", "y")
    assert first_of(doors("a,y\n1,2,\n2,4,\n3,6,\n")).names == ("a", "y")
    assert first_of(doors("a,y\n1,2,\n3,4,\n5,6\n")).names == ("a", "y")
    assert list(first_of(doors("a,y,\n1,2,\n3,4,\n")).aside) == ["Unnamed: 2"]
    with pytest.raises(InvalidInput, match="has 3 fields, the header has 2"):  # decimal commas
        doors("a,y\n7,5,2\n3,1,4\n6,2,9\n")


def test_numbers_as_names():
    Path("t.csv").write_text("0,1,2\n" + "".join(f"{i},{i * i % 7},{i / 2}\n" for i in range(12)))
    for target in ("2", "'2'"):
        text = CONFIG.replace("target: y", f"target: {target}, exclude: [0]")
        Path("c.yaml").write_text(text)
        plan = optcli.check("c.yaml")
        assert [feature.name for feature in plan.data.encoder.features] == ["1"]
    assert said(["dataset.target=5", "dataset.exclude=[]"])[0].endswith(
        "no column '5' (t.csv has 0, 1, 2)"
    )
    assert said(["dataset.target=y", "dataset.exclude=[]"]) == [
        "t.csv:1: holds numbers, not the names of columns; add a header line"
    ]
    Path("t.csv").write_text("0.5,1,2\n1,2,3\n")
    assert said(["dataset.target=2"])[0].startswith("t.csv:1: holds numbers, not the names")


def test_whole_numbers_name_columns_in_every_key():
    dataset = {"name": "csv", "path": "t.csv", "target": [2010, "y"], "features": [1, 2]}
    dataset |= {"exclude": [0], "categorical": [1], "weights": 7}
    loaded = config.load(
        {"dataset": dataset, "model": "linear", "loss": "mse", "optimizer": "adam"}
    ).dataset
    assert loaded.target == ("2010", "y")
    assert loaded.features == ("1", "2")
    assert (loaded.exclude, loaded.categorical, loaded.weights) == (("0",), ("1",), "7")


# ---- formats and paths ---------------------------------------------------------------


def test_files_of_other_formats_are_named_for_what_they_are():
    frame = pd.DataFrame({"a": np.arange(5.0) + 0.5, "b": list("pqpqp")})
    frame.to_stata("t.dta", write_index=False)
    frame.to_json("t.json", orient="records", lines=True)
    frame.to_html("t.html")
    pl.DataFrame(frame.to_dict("list")).write_ipc("t.csv")
    np.savez("t.npz", a=np.eye(3))
    Path("t.npz").rename("t.txt")
    Path("t.pkl").write_bytes(pickle.dumps(frame))
    Path("t.arff").write_text("% title\n@RELATION x\n\n@ATTRIBUTE a NUMERIC\n@DATA\n1\n")
    Path("t.svm").write_text("# made\n1 1:0.5 2:3\n0 2:1e-3\n")
    Path("t.md").write_text("| a | b |\n|---|:-:|\n| 1 | 2 |\n")
    Path("t.rds").write_bytes(gzip.compress(b"X\n\0\0\0\3"))
    for name, begins in {
        "t.dta": "is a Stata file",
        "t.json": "is NDJSON; its name must end in .ndjson",
        "t.html": "is HTML",
        "t.csv": "is an Arrow file; its name must end in .arrow",
        "t.txt": "is an archive of NumPy arrays; its name must end in .npz",
        "t.pkl": "is a Python pickle",
        "t.arff": "is ARFF; write it as CSV",
        "t.svm": "looks like LIBSVM",
        "t.md": "is a Markdown table",
        "t.rds": "is R data",
    }.items():
        for read in (table.read, lambda path: streaming.read(path, Path("c"), Reading())):
            with pytest.raises(InvalidInput) as caught:
                read(name)
            assert str(caught.value).startswith(f"{name}: {begins}")
    for text in ("[id],b\n1,2\n", "ORCs,b\n1,2\n", "%a,b\n1,2\n", "a b,c\n1 2:3,4\n"):
        assert len(first_of(doors(text)).names) == 2


def test_paths_of_other_systems_get_a_remedy(monkeypatch, folder):
    escape = "in double quotes a backslash begins an escape; use / or single quotes"
    assert said(text=CONFIG.replace("t.csv", r'"C:\Users\t.csv"')) == [f"c.yaml:1: {escape}"]
    assert said(text=CONFIG.replace("t.csv", r'"C:\data\t.csv"')) == [f"c.yaml:1: {escape}"]
    [fault] = said(text=CONFIG.replace("t.csv", r'"data\t.csv"'))
    assert fault.endswith(r"no such file; \t in double quotes is an escape; use / or single quotes")
    [fault] = said(text=CONFIG.replace("t.csv", r"data\t.csv"))
    assert fault.endswith("no such file; write / instead of \\")
    monkeypatch.setenv("HOME", str(folder))
    Path("t.csv").write_text("a,y\n" + "".join(f"{i % 4},{i}\n" for i in range(12)))
    values = yaml.safe_load(CONFIG)
    values["dataset"]["path"] = "~/t.csv"
    values["split"] = {"validation": "~/t.csv"}
    assert config.load(values).dataset.path == str(folder / "t.csv")
    assert len(optcli.check(values).data.validation.x) == 12
