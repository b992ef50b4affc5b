"""Tables that are not as they should be, from the command line: the line that is said."""

from __future__ import annotations

import gzip
import lzma
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import optcli
from optcli.cli.main import run
from tests.for_each import for_each

CONFIG = """\
dataset: {name: csv, path: t.csv, target: y}
split: {validation: 0.25}
model: linear
loss: mse
optimizer: adam
training: {epochs: 2}
"""
CLASSES = CONFIG.replace("mse", "cross_entropy")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(header, cells, rows=12):
    """A table of which `cells(i)` is row i."""
    return "\n".join([header, *(cells(i) for i in range(rows))]) + "\n"


def values(i):
    return f"{i},{i * i % 7},{i / 2}"


def check(content, *settings, config=CONFIG, name="t.csv"):
    Path("c.yaml").write_text(config.replace("t.csv", name))
    data = content if isinstance(content, bytes) else content.encode()
    Path(name).write_bytes(data)
    return run(["check", "c.yaml", *(word for each in settings for word in ("--set", each))])


# ---- accepted ------------------------------------------------------------------------

PLAIN = table("a,b,y", values)
ACCEPTED = {
    "comma": PLAIN,
    "semicolon": PLAIN.replace(",", ";"),
    "tab": PLAIN.replace(",", "\t"),
    "bar": PLAIN.replace(",", "|"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "CR": PLAIN.replace("\n", "\r"),
    "BOM": "\ufeff" + PLAIN,
    "quoted": table('"a","b, or so",y', lambda i: f'"{i}","{i * i % 7}","{i / 2}"'),
    "line end in quotes": table('"a\nb",b,y', values),
    "no last line end": PLAIN[:-1],
    "gzip": gzip.compress(PLAIN.encode()),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_same_numbers_in_any_dress(case, capsys):
    name = "t.csv.gz" if case == "gzip" else "t.csv"
    assert check(ACCEPTED[case], name=name) == 0, capsys.readouterr().err
    plan = optcli.check("c.yaml")
    Path("t.csv").write_text(PLAIN)
    Path("c.yaml").write_text(CONFIG)
    np.testing.assert_array_equal(plan.data.train.x, optcli.check("c.yaml").data.train.x)


@for_each("two", ["1/2", "-1/1", "0/1", "yes/no", "a/b", "true/false", "1.5/2.5"])
@for_each("loss", ["cross_entropy", "binary_cross_entropy", "hinge"])
def test_two_labels_of_any_kind(two, loss, capsys):
    if two == "1.5/2.5" and loss == "cross_entropy":
        pytest.skip("fractions are no classes")
    names = two.split("/")
    content = table("a,y", lambda i: f"{i},{names[i % 2]}")
    assert check(content, config=CONFIG.replace("mse", loss)) == 0, capsys.readouterr().err
    target = optcli.check("c.yaml").data.encoder.target
    numbers = two[0] in "-0123456789"
    assert list(target.classes[0]) == sorted(names, key=float if numbers else str)


def test_a_constant_column_becomes_zero_and_is_said(capsys):
    assert check(table("a,b,y", lambda i: f"7,{i},{i}")) == 0
    said = capsys.readouterr().out
    assert "column 'a' is constant in the training rows and becomes 0" in said
    assert not np.any(optcli.check("c.yaml").data.train.x[:, 0])


# ---- refused -------------------------------------------------------------------------

UNKNOWN = "(t.csv has a, b, y)"
NOT_PACKED = "is not compressed by gzip, though its name ends in .gz; rename it"
WRITTEN = "list the column in dataset.numeric, or in dataset.categorical to keep it as text"
NAMES_FIRST = "the first line must name the columns, remove titles and comments"
REMOVE = "remove the row, or train with dataset.missing: impute"
CORRECT = "correct the value, remove the row, or train the model with it"
NUMBER = "correct it, or list it in dataset.missing_values"
REFUSED = {
    "empty": ("", "t.csv: is empty"),
    "header only": ("a,b,y\n", "t.csv: has a header but no rows"),
    "one row": ("a,b,y\n1,2,3\n", "t.csv: has one row; training takes two or more"),
    "no header": (
        "1,2,3\n4,5,6\n",
        "t.csv:1: holds numbers, not the names of columns; add a header line",
    ),
    "short row": (
        PLAIN + "1,2\n",
        "t.csv:14: has 2 fields, the header has 3; fill in what is missing",
    ),
    "long row": (
        PLAIN + "1,2,3,4\n",
        "t.csv:14: has 4 fields, the header has 3; a field that holds a comma must be quoted, "
        "and decimals need a point",
    ),
    "blank line": (PLAIN + "\n1,2,3\n", "t.csv:14: is blank; remove the line"),
    "title and a blank line": (f"Sales\n\n{PLAIN}", f"t.csv:2: is blank; {NAMES_FIRST}"),
    "remark at the end": (
        PLAIN + "Source: survey\n",
        "t.csv:14: has 1 field, the header has 3; remove the line if it is a remark, "
        "or fill in what is missing",
    ),
    "header longer by a comma": (
        PLAIN.replace("y", "y,"),
        "t.csv:2: has 3 fields, the header has 4; remove the comma at the header's end",
    ),
    "quotes between blanks": (
        table('"a" "b" "y"', lambda i: f'"{i + 1}" {i} "x" {i}'),
        't.csv:1: has no comma, semicolon, tab or bar; set dataset.delimiter to " "',
    ),
    "no header, some text": (
        "0.5,x,2\n" + PLAIN[6:],
        "t.csv:1: has '0.5' among the names of columns; add a header line if it is none",
    ),
    "totals at the end": (
        PLAIN + "Total,,3\n",
        f"t.csv:14: column 'a': is 'Total', not a number; {NUMBER}",
        "t.csv: column 'b': 1 missing value (first in line 14); "
        "set dataset.missing to drop or impute",
    ),
    "a word that means missing": (
        PLAIN + "#DIV/0!,2,3\n1,n.a.,3\n1,--,3\n",
        "t.csv:14: column 'a': is '#DIV/0!', not a number; if it means missing, "
        "list it in dataset.missing_values",
        "t.csv:15: column 'b': is 'n.a.', not a number; if it means missing, "
        "list it in dataset.missing_values, or list the column in dataset.categorical",
    ),
    "sizes with a unit": (
        table("a,b,y", lambda i: f"{i} kg,{i},{i}"),
        "t.csv: column 'a': is text with 12 different values in 12 rows, numbers with a unit "
        "('0 kg'); list it in dataset.numeric to use their size, or in dataset.exclude",
    ),
    "text among numbers": (
        PLAIN + "low,2,3\n",
        f"t.csv:14: column 'a': is 'low', not a number; {NUMBER}",
    ),
    "several words among numbers": (
        PLAIN + "low,2,3\nhigh,2,3\n",
        "t.csv:14: column 'a': is 'low', not a number; "
        "correct it, or list the column in dataset.categorical",
    ),
    "text in the target": (
        PLAIN + "1,2,low\n",
        f"t.csv:14: column 'y': is 'low', not a number; {NUMBER}",
    ),
    "missing in a feature": (
        PLAIN + "1,?,3\n-,2,3\n",
        "t.csv: column 'a': 1 missing value (first in line 15); "
        "set dataset.missing to drop or impute",
        "t.csv: column 'b': 1 missing value (first in line 14); "
        "set dataset.missing to drop or impute",
    ),
    "missing in the target": (
        PLAIN + "1,2,NA\n1,2,#N/A\n",
        "t.csv: column 'y': 2 missing values (first in line 14); set dataset.missing to drop",
    ),
    "a missing column": (
        table("a,b,y", lambda i: f"{i},,{i}"),
        "t.csv: column 'b': every value is missing; list it in dataset.exclude",
    ),
    "a missing target": (
        table("a,b,y", lambda i: f"{i},{i},"),
        "t.csv: column 'y': every value is missing; choose another",
    ),
    "infinite": (
        PLAIN + "inf,2,3\n1,-Infinity,3\n",
        "t.csv:14: column 'a': is infinite; must be a finite number",
        "t.csv:15: column 'b': is infinite; must be a finite number",
    ),
    "decimal comma": (
        table("a;b;y", lambda i: f"{i},5;{i};{i}"),
        f"t.csv:2: column 'a': is '0,5', not a plain number; {WRITTEN}",
    ),
    "thousands": (
        table("a;b;y", lambda i: f"{1000 + i:,};{i};{i}"),
        f"t.csv:2: column 'a': is '1,000', not a plain number; {WRITTEN}",
    ),
    "thousands with points": (
        table("a;b;y", lambda i: f"1.00{i % 10},5;{i};{i}"),
        f"t.csv:2: column 'a': is '1.000,5', not a plain number; {WRITTEN}",
    ),
    "thousands with spaces": (
        table("a,b,y", lambda i: f"{i + 1} 000,{i},{i}"),
        f"t.csv:2: column 'a': is '1 000', not a plain number; {WRITTEN}",
    ),
    "money": (
        table("a,b,y", lambda i: f"{i},{i},-${i}"),
        f"t.csv:2: column 'y': is '-$0', not a plain number; {WRITTEN}",
    ),
    "printed minus": (
        table("a,b,y", lambda i: f"{i},{i},\u2212{i}"),
        f"t.csv:2: column 'y': is '\u22120', not a plain number; {WRITTEN}",
    ),
    "a long cell": (
        PLAIN + f"{'z' * 200_000},2,3\n",
        f"t.csv:14: column 'a': is '{'z' * 59}…', not a number; {NUMBER}",
    ),
    "title": (
        f"My data\n{PLAIN}",
        f"t.csv:1: is 'My data', but line 2 has 3 fields; {NAMES_FIRST}",
    ),
    "comment with a comma": (
        f"# by me, today\n{PLAIN}",
        f"t.csv:1: is '# by me', but line 2 has 3 fields; {NAMES_FIRST}",
    ),
    "two comments": (
        f"# by me\n# today\n{PLAIN}",
        f"t.csv:1: is '# by me', but line 3 has 3 fields; {NAMES_FIRST}",
    ),
    "title of a spreadsheet": (
        f"Report 2024,,\n{PLAIN}",
        f"t.csv:1: is 'Report 2024' alone; {NAMES_FIRST}",
    ),
    "separator note": (
        f"sep=,\n{PLAIN}",
        "t.csv:1: is a note for spreadsheets, not the names of columns; remove the line",
    ),
    "commas at the ends, and more behind one": (
        PLAIN.replace("\n", ",\n").replace("5,4,2.5,", "5,4,2.5,7"),
        "t.csv:1: column 4 has no name; give it one",
    ),
    "a comma at an end": (
        PLAIN + "1,2,3,\n",
        "t.csv:14: has 4 fields, the header has 3; remove the comma at its end",
    ),
    "percent": (
        table("a,b,y", lambda i: f"{i}%,{i},{i}"),
        f"t.csv:2: column 'a': is '0%', not a plain number; {WRITTEN}",
    ),
    "names": (
        table("id,b,y", lambda i: f"n{i},{i},{i}"),
        "t.csv: column 'id': is text with 12 different values in 12 rows; "
        "list it in dataset.exclude, or in dataset.categorical to keep it",
    ),
    "unclosed quote": (PLAIN + '1,"2,3\n', "t.csv:14: a quote is opened and never closed"),
    "quote inside": (
        PLAIN + '1,"2" x,3\n',
        "t.csv:14: text follows a closing quote; write a quote inside a field twice",
    ),
    "NUL": (
        PLAIN + "1,\0,3\n",
        "t.csv:14: has a NUL byte; is this a text file, saved as UTF-8?",
    ),
    "latin-1": (
        (PLAIN + "caf\xe9,2,3\n").encode("latin-1"),
        "t.csv:14: is not UTF-8 (byte 0xe9); save the file as UTF-8",
    ),
    "UTF-16": (PLAIN.encode("utf-16"), "t.csv: is UTF-16; save the file as UTF-8"),
    "UTF-16 without a mark": (
        PLAIN.encode("utf-16-le"),
        "t.csv: is UTF-16; save the file as UTF-8",
    ),
    "JSON": ('[{"a": 1}]', "t.csv: is JSON, not a table; write it as NDJSON, CSV or Parquet"),
    "PDF": (b"%PDF-1.4\n%\xe2", "t.csv: is a PDF document; export the table as CSV"),
    "other compression": (
        lzma.compress(PLAIN.encode()),
        "t.csv: is compressed in a way that is not read; unpack it, or compress it as .gz or .zst",
    ),
    "web page after a mark": (
        "\ufeff\n<!DOCTYPE html>",
        "t.csv: is a web page, not a table; download the file itself",
    ),
    "web page": (
        "<html><body>Not found</body></html>",
        "t.csv: is a web page, not a table; download the file itself",
    ),
    "spreadsheet": (b"PK\x03\x04" + b"\0" * 99, "t.csv: is a spreadsheet or archive; export the table as CSV"),  # noqa: E501
    "huge": (
        PLAIN + "1,1e39,3\n",
        "t.csv:14: column 'b': is 1e+39, beyond the largest float32; "
        "rescale the column, or set dtype to float64",
    ),
    "too negative": (
        PLAIN + "1,2,-4e38\n",
        "t.csv:14: column 'y': is -4e+38, beyond the largest float32; "
        "rescale the column, or set dtype to float64",
    ),
    "duplicate names": (
        "a,a,y\n1,2,3\n",
        "t.csv:1: columns 1 and 2 are both called 'a'; rename one",
    ),
    "empty name": ("a,,y\n1,2,3\n", "t.csv:1: column 2 has no name; give it one"),
}  # fmt: skip


@for_each("stream", [False, True], ids=["", "streamed"])
@for_each("case", REFUSED)
def test_what_is_refused(case, stream, capsys):
    content, *messages = REFUSED[case]
    assert check(content, *["dataset.stream=true"] * stream) == 2
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"error: {message}" for message in messages]
    assert said.out == ""


def cls(names):
    return table("a,b,y", lambda i: f"{i},{i % 5},{names(i)}")


CLASSES_REFUSED = {
    "one class": (
        cls(lambda i: "x"),
        "t.csv: column 'y': holds one class only, 'x'; must hold two or more",
    ),
    "one number": (
        cls(lambda i: 3),
        "t.csv: column 'y': holds one class only, '3'; must hold two or more",
    ),
    "a class of one": (
        cls(lambda i: "x" if i else "lone"),
        "c.yaml:2: split: class 'lone' of 'y' in t.csv has 1 row for 2 parts; "
        "set split.stratify to false",
    ),
    "none as a class": (
        cls(lambda i: ("some", "none")[i % 2]),
        "t.csv: column 'y': 6 missing values ('none', first in line 3); "
        "set dataset.missing to drop, or, if 'none' is a value, dataset.missing_values",
    ),
    "beyond 2^53": (
        cls(lambda i: 2**60 + i % 2),
        "t.csv:2: column 'y': is beyond 2^53, where whole numbers are rounded; "
        "list the column in dataset.categorical",
    ),
}


@for_each("stream", [False, True], ids=["", "streamed"])
@for_each("case", CLASSES_REFUSED)
def test_what_is_refused_of_classes(case, stream, capsys):
    content, message = CLASSES_REFUSED[case]
    assert check(content, *["dataset.stream=true"] * stream, config=CLASSES) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_long_whole_numbers_are_classes_where_they_are_text():
    names = [2**60, 2**60 + 1]
    config = CLASSES.replace("target: y", "target: y, categorical: [y]")
    assert check(cls(lambda i: names[i % 2]), config=config) == 0
    assert optcli.check("c.yaml").data.encoder.names == tuple(map(str, names))


SETTINGS_REFUSED = {
    "unknown target": (
        "dataset.target=Y",
        f"--set dataset.target: no column 'Y'; did you mean 'y'? {UNKNOWN}",
    ),
    "far target": ("dataset.target=price", f"--set dataset.target: no column 'price' {UNKNOWN}"),
    "target as feature": (
        "dataset.features=[a, y]",
        "--set dataset.features: 'y' is in dataset.target, too; name it in one",
    ),
    "missing file": (
        "dataset.path=tt.csv",
        "--set dataset.path: tt.csv: no such file; did you mean 't.csv'?",
    ),
    "missing folder": (
        "dataset.path=data/t.csv",
        "--set dataset.path: data/t.csv: no such file; there is no folder data",
    ),
    "missing validation": (
        "split.validation=v.csv",
        "--set split.validation: v.csv: no such file",
    ),
    "a folder": ("dataset.path=.", "--set dataset.path: .: is a folder; must be a file"),
    "too long a name": (f"dataset.path={'x' * 300}", f"{'x' * 300}: cannot be read: File name too long"),  # noqa: E501
    "split key": (
        "split.validation={colum: b}",
        "--set split.validation: is {colum: b}; must be a fraction, a table's path, "
        "{column: name}, {group: name, fraction: f} or {last: f}; did you mean 'column'?",
    ),
    "split by the target": (
        "split.validation={column: y}",
        "c.yaml:1: dataset.target: 'y' is what the split is made by, too; name it in one",
    ),
    "no row left": (
        "split.validation={last: 0.99}",
        "--set split.validation: leaves no training row of 12; take less for validation and test",
    ),
    "split column": (
        "split.validation={column: part}",
        f"--set split.validation: no column 'part' {UNKNOWN}",
    ),
}  # fmt: skip


@for_each("case", SETTINGS_REFUSED)
def test_what_is_refused_of_settings(case, capsys):
    setting, message = SETTINGS_REFUSED[case]
    assert check(PLAIN, setting) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n"])
def test_plain_text_named_gz(content, capsys):
    Path("t.csv.gz").write_bytes(content or gzip.compress(PLAIN.encode())[:-20])
    Path("c.yaml").write_text(CONFIG.replace("t.csv", "t.csv.gz"))
    assert run(["check", "c.yaml"]) == 2
    how = "is truncated or damaged; compress or download it again"
    if content:
        how = NOT_PACKED
    assert capsys.readouterr().err == f"error: t.csv.gz: {how}\n"


def test_packed_files_are_refused_for_what_they_are(capsys):
    whole = gzip.compress(PLAIN.encode() * 50)
    damaged = "is truncated or damaged; compress or download it again"
    middle = len(whole) // 2
    for content, message in {
        b"PK\x03\x04" + bytes(50): NOT_PACKED,
        whole + b"rest": damaged,
        whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]: damaged,
        whole[:-8] + bytes(8): damaged,  # its checksum
        gzip.compress(whole): "is compressed twice; unpack it once",
        gzip.compress(b"<html>"): "is a web page, not a table; download the file itself",
    }.items():
        assert check(content, name="t.csv.gz") == 2
        assert capsys.readouterr().err == f"error: t.csv.gz: {message}\n"


def test_the_case_of_a_suffix_does_not_matter():
    pl.read_csv(PLAIN.encode()).write_parquet("p.PARQUET")
    for name, content in {
        "T.CSV.GZ": gzip.compress(PLAIN.encode()),
        "T.CSV": PLAIN,
        "T.Parquet": Path("p.PARQUET").read_bytes(),
    }.items():
        for stream in ("true", "false"):
            assert check(content, f"dataset.stream={stream}", name=name) == 0


def test_columns_that_are_not_used_may_hold_anything(capsys):
    frame = pl.read_csv(PLAIN.encode()).with_columns(more=[[i] for i in range(12)])
    frame.write_parquet("t.parquet")
    for stream in ("true", "false"):
        Path("c.yaml").write_text(CONFIG.replace("t.csv", "t.parquet"))
        settings = ["--set", f"dataset.stream={stream}"]
        assert run(["check", "c.yaml", *settings, "--set", "dataset.exclude=[more]"]) == 0
        capsys.readouterr()
        assert run(["check", "c.yaml", *settings]) == 2
        assert "column 'more': holds List(" in capsys.readouterr().err


def test_names_in_parquet_are_as_in_text(capsys):
    frame = pl.read_csv(PLAIN.encode())
    frame.rename({"a": " a "}).write_parquet("t.parquet")
    for stream in ("true", "false"):
        Path("c.yaml").write_text(CONFIG.replace("t.csv", "t.parquet"))
        assert run(["check", "c.yaml", "--set", f"dataset.stream={stream}"]) == 0
        assert optcli.check("c.yaml").data.encoder.features[0].name == "a"
    capsys.readouterr()
    frame.with_columns(frame["a"].alias(" a")).write_parquet("t.parquet")
    assert run(["check", "c.yaml"]) == 2
    assert capsys.readouterr().err == (
        "error: t.parquet: columns 1 and 4 are both called 'a'; rename one\n"
    )


def test_parquet_columns_that_are_neither_numbers_nor_text(capsys):
    frame = pl.DataFrame({"a": range(12), "y": range(12)})
    for made, message in {
        "lasts": ([timedelta(i) for i in range(12)], "holds Duration"),
        "many": ([[i] for i in range(12)], "holds List"),
    }.items():
        column, begins = message
        frame.with_columns(pl.Series(made, column)).write_parquet("t.parquet")
        Path("c.yaml").write_text(CONFIG.replace("t.csv", "t.parquet"))
        assert run(["check", "c.yaml"]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: t.parquet: column '{made}': {begins}")
        assert said.endswith("; only numbers and text can be read, exclude it\n")
    frame.with_columns(pl.Series("", range(12, 24))).write_parquet("t.parquet")
    assert run(["check", "c.yaml"]) == 2
    assert capsys.readouterr().err == "error: t.parquet: column 3 has no name; give it one\n"


def test_truth_is_the_same_in_text_and_parquet():
    frame = pl.DataFrame({"a": [i % 3 == 0 for i in range(12)], "y": [float(i) for i in range(12)]})
    frame.write_csv("t.csv")
    frame.write_parquet("t.parquet")
    found = []
    for name in ("t.csv", "t.parquet"):
        Path("c.yaml").write_text(CONFIG.replace("t.csv", name))
        found.append(optcli.check("c.yaml").data)
    assert found[0].encoder == found[1].encoder
    assert found[0].encoder.features[0].categories == ("false", "true")
    np.testing.assert_array_equal(found[0].train.x, found[1].train.x)


# ---- the split -----------------------------------------------------------------------


def test_rows_without_a_group_are_dropped_or_refused(capsys):
    content = table("a,g,y", lambda i: f"{i},{'' if i == 5 else i // 3},{i}")
    grouped = "split.validation={group: g, fraction: 0.25}"
    assert check(content, grouped) == 2
    assert capsys.readouterr().err == (
        "error: t.csv: column 'g': 1 missing value (first in line 7); set dataset.missing to drop\n"
    )
    assert check(content, grouped, "dataset.missing=impute") == 2
    assert "only features can be imputed" in capsys.readouterr().err
    assert check(content, grouped, "dataset.missing=drop") == 0
    assert "1 of 12 rows dropped for missing values" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "taken"), [(2, 2), (3, 3), (4, 4), (6, 6)])
def test_groups_meet_the_fraction_as_nearly_as_they_can(size, taken):
    """A quarter of 12 rows is 3: one group of 2 is as near as two; of 6, one must be taken."""
    check(
        table("a,g,y", lambda i: f"{i},{i // size},{i}"),
    )
    plan = optcli.check("c.yaml", ["split.validation={group: g, fraction: 0.25}"])
    assert len(plan.data.validation.x) == taken


def test_weights_that_are_zero_in_one_part_name_it(capsys):
    content = table(
        "a,w,p,y", lambda i: f"{i},{int(i < 9)},{'train' if i < 9 else 'validation'},{i}"
    )
    assert check(content, "split.validation={column: p}", "dataset.weights=w") == 2
    said = capsys.readouterr().err
    assert said == "error: t.csv: column 'w': every weight is 0 in the validation rows\n"


@pytest.mark.parametrize(("weight", "shown"), [("1e39", "1e+39"), ("1e-60", "1e-60")])
def test_weights_that_cannot_be_added_up(weight, shown, capsys):
    content = table("a,w,y", lambda i: f"{i},{weight if i == 3 else 1},{i}")
    assert check(content, "dataset.weights=w") == 2
    assert capsys.readouterr().err == (
        f"error: t.csv:5: column 'w': is {shown}, which float32 does "
        "not add up; rescale all weights\n"
    )
    assert check(content, "dataset.weights=w", "dtype=float64") == 0


def test_groups_must_be_told_apart(capsys):
    grouped = "split.validation={group: g, fraction: 0.25}"
    assert check(table("a,g,y", lambda i: f"{i},1,{i}"), grouped) == 2
    assert capsys.readouterr().err == (
        "error: --set split.validation: would leave no group of "
        "column 'g' for training; each part needs at least one\n"
    )
    content = table("a,g,y", lambda i: f"{i},{2**60 + i // 2},{i}")
    assert check(content, grouped) == 2
    assert capsys.readouterr().err == (
        "error: t.csv:2: column 'g': is beyond 2^53, where whole numbers are rounded; "
        "list the column in dataset.categorical\n"
    )
    assert check(content, grouped, "dataset.categorical=[g]") == 0


def test_the_last_group_is_left_to_train_on(capsys):
    content = table("a,g,y", lambda i: f"{i},{i % 2},{i}")
    validation, test = (
        f"split.{part}={{group: g, fraction: 0.4}}" for part in ("validation", "test")
    )
    assert check(content, validation) == 0
    assert len(optcli.check("c.yaml", [validation]).data.train.x) == 6
    capsys.readouterr()
    assert check(content, validation, test) == 2
    assert capsys.readouterr().err == (
        "error: --set split.validation: would leave no group of "
        "column 'g' for training; each part needs at least one\n"
    )


FURTHER = {  # a table of validation rows, for one with columns a, b, y
    "infinite target": (
        "a,b,y\n1,2,inf\n",
        "v.csv:2: column 'y': is infinite; must be a finite number",
    ),
    "huge target": (
        "a,b,y\n1,2,1e39\n",
        "v.csv:2: column 'y': is 1e+39, beyond the largest float32; "
        "rescale the column, or set dtype to float64",
    ),
    "far feature": (
        "a,b,y\n1,2,3\n1,3e38,3\n",
        "v.csv:3: column 'b': is 3e+38, too far from the training rows, whose mean is 0.5; "
        "correct it, or set dtype to float64",
    ),
    "missing feature": (
        "a,b,y\n1,?,3\n",
        f"v.csv: column 'b': 1 missing value (first in line 2); {REMOVE}",
    ),
    "missing target": (
        "a,b,y\n1,2,\n1,2,3\n",
        "v.csv:2: column 'y': has no value; a target cannot be missing, remove the row",
    ),
    "no column": ("a,y\n1,2\n", "v.csv: column 'b': is missing (the columns are a, y)"),
    "no rows": ("a,b,y\n", "v.csv: has a header but no rows"),
}  # fmt: skip


@for_each("stream", [False, True], ids=["", "streamed"])
@for_each("case", FURTHER)
def test_what_is_refused_of_validation_rows(case, stream, capsys):
    content, message = FURTHER[case]
    Path("v.csv").write_text(content)
    training = table("a,b,y", lambda i: f"{i},{0.5 + (i % 2 - 0.5) / 10},{i}")
    settings = ["split.validation=v.csv", *["dataset.stream=true"] * stream]
    assert check(training, *settings) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_what_may_be_a_slip_is_noted(capsys):
    spaces = ("x  z", "x\u200b z", "v", "w")
    content = table(
        "a,c,d,n,s,y",
        lambda i: f"{i or ''},{'aAb'[i % 3]},{20240101 + i},{2**60},{spaces[i % 4]},{i}",
    )
    assert check(content, "dataset.missing=impute", "split.validation=t.csv") == 0
    said = " ".join(capsys.readouterr().out.split())
    for note in (
        "1 missing values imputed",
        "column 'c': 'A' and 'a' differ only in case",
        "column 'd' holds dates as numbers; list it in dataset.dates, or list it in "
        "dataset.exclude",
        "column 's': 'x z' and 'x\\u200b z' differ only in blanks or invisible characters",
        "column 'n' holds numbers beyond 2^53, which are rounded",
        "split.validation is the training rows' own file",
    ):
        assert note in said


# ---- predicting ----------------------------------------------------------------------


@pytest.fixture
def trained():
    check(table("a,c,y", lambda i: f"{i},{'uvw'[i % 3]},{i}"))
    return optcli.train("c.yaml", out="run", plots=False)


def test_columns_are_matched_by_name(trained):
    a, c = [1.0, 2.0], ["w", "u"]
    expected = trained.predict({"a": a, "c": c})
    frame = pl.DataFrame({"more": [0, 0], "c": c, "a": a})
    named = np.array(list(zip(c, a, strict=True)), dtype=[("c", "U1"), ("a", float)])
    for data in (frame, frame.lazy(), named, {"c": np.array(c), "more": a, "a": np.array(a)}):
        np.testing.assert_array_equal(trained.predict(data), expected)
    np.testing.assert_array_equal(trained.predict({"a": 1.0, "c": "w"}), expected[:1])
    frame.write_csv("new.csv")
    np.testing.assert_array_equal(trained.predict("new.csv"), expected)


class Frame:
    """What pandas gives: columns by name, and its own missing value."""

    class NA:
        def __repr__(self):
            return "<NA>"

    columns = ("c", "a")

    def __getitem__(self, name):
        return {"a": np.array([1.0, 2.0]), "c": np.array(["u", self.NA()], object)}[name]


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
MISSING = f"the data: column '{{}}': 1 missing value (first in row 2); {REMOVE}"
PREDICTED = {
    "pandas": (Frame(), MISSING.format("c")),
    "masked": ({"a": MASKED, "c": ["u", "v"]}, MISSING.format("a")),
    "none": ({"a": [1, None], "c": ["u", "v"]}, MISSING.format("a")),
    "unknown": (
        {"a": [1], "c": ["x"]},
        f"the data: column 'c': row 1 is the unknown category 'x' (known: u, v, w); {CORRECT}",
    ),
    "lacking": (
        {"a": [1], "C": ["u"]},
        "the data: column 'c': is missing; did you mean 'C'? (the columns are a, C)",
    ),
    "text": (
        {"a": ["one"], "c": ["u"]},
        "the data: column 'a': row 1 is 'one'; must be a number",
    ),
    "ragged": ([[1, "u"], [2]], "the data: has rows of different lengths"),
    "lists": (
        {"a": [[1], [2, 3]], "c": ["u", "v"]},
        "the data: column 'a': holds lists; must hold numbers or texts",
    ),
    "nothing": (None, "the data: has shape (); must be (rows, columns)"),
}


@pytest.mark.parametrize("case", PREDICTED)
def test_what_cannot_be_predicted(case, trained):
    data, message = PREDICTED[case]
    with pytest.raises(optcli.InvalidInput) as caught:
        trained.predict(data)
    assert str(caught.value) == message


FILES_PREDICTED = {
    "unknown": (
        "c,a\nu,1\nx,2\n",
        f"new.csv:3: column 'c': is the unknown category 'x' (known: u, v, w); {CORRECT}",
    ),
    "near": (
        "c,a\nu,1\nU,2\n",
        "new.csv:3: column 'c': is the unknown category 'U'; did you mean 'u'? (known: u, v, w); "
        f"{CORRECT}",
    ),
    "missing value": (
        "a,c\n1,u\n,NA\n",
        f"new.csv: column 'a': 1 missing value (first in line 3); {REMOVE}",
        f"new.csv: column 'c': 1 missing value ('NA', first in line 3); {REMOVE}",
    ),
    "missing columns": (
        "A,b\n1,u\n",
        "new.csv: column 'a': is missing; did you mean 'A'? (the columns are A, b)",
        "new.csv: column 'c': is missing (the columns are A, b)",
    ),
    "text": ("a,c\nlow,u\n", "new.csv:2: column 'a': is 'low'; must be a number"),
    "mixed": (
        "a,c\n1,u\nlow,u\n",
        "new.csv:3: column 'a': is 'low', not a number; correct it or remove the row",
    ),
    "infinite": ("a,c\n-inf,u\n", "new.csv:2: column 'a': is infinite; must be a finite number"),
    "huge": (
        "a,c\n1,u\n1e39,u\n",
        "new.csv:3: column 'a': is 1e+39, beyond the largest float32; "
        "rescale the column, or set dtype to float64",
    ),
    "header only": ("a,c\n", "new.csv: has a header but no rows"),
    "short row": ("a,c\n1\n", "new.csv:2: has 1 field, the header has 2; fill in what is missing"),
}


@pytest.mark.parametrize("case", FILES_PREDICTED)
def test_files_for_which_nothing_can_be_predicted(case, trained):
    content, *messages = FILES_PREDICTED[case]
    Path("new.csv").write_text(content)
    with pytest.raises(optcli.InvalidInput) as caught:
        trained.predict("new.csv")
    assert str(caught.value).splitlines() == messages


@pytest.mark.parametrize("stream", [False, True], ids=["", "streamed"])
def test_a_class_that_a_part_lacks(stream, capsys):
    content = table(
        "a,p,y", lambda i: f"{i},{'train' if i < 8 else 'validation'},{'uv'[i % 2 and i < 8]}"
    )
    settings = ["split.validation={column: p}", *["dataset.stream=true"] * stream]
    assert check(content, *settings, config=CLASSES) == 2
    assert capsys.readouterr().err == (
        "error: --set split.validation: no row of class 'v' of 'y' is in the validation part; "
        "each part needs rows of every class, or set split.stratify to false\n"
    )
