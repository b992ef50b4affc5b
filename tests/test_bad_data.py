"""Tables that are not as they should be, from the command line: the line that is said."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import optcli
from optcli.cli.main import run

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


@pytest.mark.parametrize("two", ["1/2", "-1/1", "0/1", "yes/no", "a/b", "true/false", "1.5/2.5"])
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "hinge"])
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
NUMBER = "correct it, or list the column in dataset.categorical"
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
    "text among numbers": (
        PLAIN + "low,2,3\n",
        f"t.csv:14: column 'a': is 'low', not a number; {NUMBER}",
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
        "t.csv:2: column 'a': is '0,5', not a number; write decimals with a point",
    ),
    "thousands": (
        table("a;b;y", lambda i: f"{1000 + i:,};{i};{i}"),
        "t.csv:2: column 'a': is '1,000', not a number; write digits alone, decimals with a point",
    ),
    "percent": (
        table("a,b,y", lambda i: f"{i}%,{i},{i}"),
        "t.csv:2: column 'a': is '0%', not a number; write digits alone, decimals with a point",
    ),
    "names": (
        table("id,b,y", lambda i: f"n{i},{i},{i}"),
        "t.csv: column 'id': is text with 12 different values in 12 rows; "
        "list it in dataset.exclude, or in dataset.categorical to keep it",
    ),
    "unclosed quote": (PLAIN + '1,"2,3\n', "t.csv:14: a quote is opened and never closed"),
    "NUL": (
        PLAIN + "1,\0,3\n",
        "t.csv:14: has a NUL byte; is this a text file, saved as UTF-8?",
    ),
    "latin-1": (
        (PLAIN + "caf\xe9,2,3\n").encode("latin-1"),
        "t.csv:14: is not UTF-8 (byte 0xe9); save the file as UTF-8",
    ),
    "UTF-16": (PLAIN.encode("utf-16"), "t.csv: is UTF-16; save the file as UTF-8"),
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


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case, capsys):
    content, *messages = REFUSED[case]
    assert check(content) == 2
    said = capsys.readouterr()
    assert said.err.splitlines() == messages
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
        "add rows, or leave the class out",
    ),
    "none as a class": (
        cls(lambda i: ("some", "none")[i % 2]),
        "t.csv: column 'y': 6 missing values ('none', first in line 3); "
        "set dataset.missing to drop",
    ),
    "beyond 2^53": (
        cls(lambda i: 2**60 + i % 2),
        "t.csv:2: column 'y': is beyond 2^53, where whole numbers are rounded; "
        "list the column in dataset.categorical",
    ),
}


@pytest.mark.parametrize("case", CLASSES_REFUSED)
def test_what_is_refused_of_classes(case, capsys):
    content, message = CLASSES_REFUSED[case]
    assert check(content, config=CLASSES) == 2
    assert capsys.readouterr().err == message + "\n"


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
        "--set split.validation: v.csv: no such file; did you mean 't.csv'?",
    ),
    "a folder": ("dataset.path=.", ".: is a folder; must be a file"),
    "too long a name": (f"dataset.path={'x' * 300}", f"{'x' * 300}: cannot be read: File name too long"),  # noqa: E501
    "split column": (
        "split.validation={column: part}",
        f"--set split.validation: no column 'part' {UNKNOWN}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTINGS_REFUSED)
def test_what_is_refused_of_settings(case, capsys):
    setting, message = SETTINGS_REFUSED[case]
    assert check(PLAIN, setting) == 2
    assert capsys.readouterr().err == message + "\n"


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n"])
def test_plain_text_named_gz(content, capsys):
    Path("t.csv.gz").write_bytes(content or gzip.compress(PLAIN.encode())[:-20])
    Path("c.yaml").write_text(CONFIG.replace("t.csv", "t.csv.gz"))
    assert run(["check", "c.yaml"]) == 2
    how = "is cut off or damaged; compress or download it anew"
    if content:
        how = "is not compressed, though its name ends in .gz; rename it"
    assert capsys.readouterr().err == f"t.csv.gz: {how}\n"


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
        assert said.startswith(f"t.parquet: column '{made}': {begins}")
        assert said.endswith("; only numbers and text can be read\n")
    frame.with_columns(pl.Series("", range(12))).write_parquet("t.parquet")
    assert run(["check", "c.yaml"]) == 2
    assert capsys.readouterr().err == "t.parquet: column 3 has no name; give it one\n"


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
        "t.csv: column 'g': 1 missing value (first in line 7); set dataset.missing to drop\n"
    )
    assert check(content, grouped, "dataset.missing=impute") == 2
    assert "which cannot be imputed" in capsys.readouterr().err
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
    assert said == "t.csv: column 'w': every weight is 0 in the validation rows\n"


def test_what_may_be_a_slip_is_noted(capsys):
    content = table("a,c,n,y", lambda i: f"{i or ''},{'aAb'[i % 3]},{2**60},{i}")
    assert check(content, "dataset.missing=impute", "split.validation=t.csv") == 0
    said = " ".join(capsys.readouterr().out.split())
    for note in (
        "1 missing values imputed",
        "column 'c': 'A' and 'a' differ in case alone",
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
MISSING = "the data: column '{}': 1 missing value (first in row 2)"
PREDICTED = {
    "pandas": (Frame(), MISSING.format("c")),
    "masked": ({"a": MASKED, "c": ["u", "v"]}, MISSING.format("a")),
    "none": ({"a": [1, None], "c": ["u", "v"]}, MISSING.format("a")),
    "unknown": (
        {"a": [1], "c": ["x"]},
        "the data: column 'c': row 1 is the unknown category 'x' (known: u, v, w)",
    ),
    "lacking": (
        {"a": [1], "C": ["u"]},
        "the data: column 'c': is not there; did you mean 'C'? (the columns are a, C)",
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
