"""What a column of cells is: numbers, text, almost numbers, dates; and what a run keeps of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import optcli
from optcli.api import verify
from optcli.cli.main import run
from optcli.data import delimited, table
from optcli.data.cells import NULL, judge
from optcli.data.characters import clean
from optcli.data.columns import Numbers
from optcli.data.reading_rules import CURRENT, Reading
from optcli.display.predict import as_csv
from tests.for_each import for_each

OLD = Path(__file__).parent / "v0_1"

CONFIG = """\
dataset: {name: csv, path: t.csv, target: y}
split: {validation: 0.25}
model: linear
loss: cross_entropy
optimizer: {name: adam, lr: 0.05}
training: {epochs: 5}
"""


def verdict(cells, reading=CURRENT, **options):
    return judge(sorted({clean(cell) for cell in cells.split("|")}), reading, **options)


@for_each(
    "cells",
    [
        "$3|$4", "R$ 1.234,50|R$ 2,00", "USD 5|USD 6", "5 USD|6 USD", "1.234 €|2.5 €",
        "5 kr|6,50 kr.", "kr 5|kr 6", "(1.50)|(2.50)", "5-|6-", "12 %|13%", "5‰|6‰", "₹ 5|₹6",
        "1,234|2,345", "1.234,5|1.235,6", "1 234|2 345", "1'234|1'235", "12,34,567|1,00,000",
        "1\u202f234|1\u00a0235", "1,9E-05|1,2", "1d3|1.5D+03", "−5|−6", "１２|１３", "١٢|١٣",
        "1.5×10^3|2x10^4", "Rs. 500|Rs 600", "5,-|6,-", "S/ 5|S/ 6", "-$5|$6", "$(5)|$5",
        "NT$5|NT$6", "+5 %|-3 %", "free|$3|$4", "1,5|nd|2,5", "1|2|1A", "1|low",
        "2024-01-05|2024-01-06", "12/31/2024|1/2/2024", "31.12.2024|1.1.2024", "10:30|11:45",
        "2024-01-01 10:00|2024-01-01 10:00:00.123Z", "2024-01-01T10:00:00+01:00",
        "Jan 5 2024|Feb 6, 2024", "5-Jan-2024|6-Feb-2024", "January 5th, 2024", "05JAN2024",
        "Mon Jan 5 10:00:00 2024", "Jan-24|Feb-24", "31.12.24|01.11.24", "12/31/24|1/2/24",
        "2024-01|2024-02|2024-07", "2024-W05|2024-W06", "10:30 PM|9:15 am", "2024-01-05|unknown",
    ],
)  # fmt: skip
def test_what_is_neither_numbers_nor_text(cells):
    assert verdict(cells).odd
    assert not verdict(cells, as_text=True).odd


@for_each(
    "cells",
    [
        "A12|A13", "1A|2B|3C", "10-20|20-30", "1.2.3|2.3.4", "555-1234|555-2345", "<5|>10",
        "(555) 123-4567|(555) 123-9999", "555 123 456|555 123 457", "+49 171 1234|+49 172 1235",
        "0-4|5-9|85+", "1st|2nd|3rd|4th", "2009-10|2010-11|2011-12", "3:2|16:9|4:3", "B2|B3",
        "192.168.0.1|10.0.0.1", "yes|no", "1_0|1_1", "May|June|July", "10x20|30x40", "M1|M2",
        "5'10\"|6'2\"", "Q1 2024|Q2 2024", "2024Q1|2024Q2|2023q4", "2019/20|2020/21", "1980s|1990s",
        "120/80|135/85|118/76", "$100-$200|>$200", "3.5.1|3.6.0|3.10.1", "monday|Tue",
    ],
)  # fmt: skip
def test_what_is_text_and_nothing_said(cells):
    assert verdict(cells).numbers is None
    assert not verdict(cells).odd
    assert not verdict(cells).note


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ("007|01|1", "has leading zeros ('007')"),
        ("01.5|1.25", "has leading zeros ('01.5')"),
        ("00|1", "has leading zeros ('00')"),
        ("15.0 kmpl|16 kmpl", "holds numbers with a unit ('15.0 kmpl')"),
        ("12 months|24 months", "holds numbers with a unit ('12 months')"),
        ("12 kg|13 kg|14 lb", "holds numbers with a unit ('12 kg')"),
        ("1/2|3/4", "holds fractions ('1/2')"),
    ],
)
def test_what_is_text_with_a_note(cells, note):
    assert verdict(cells).note.startswith(f"{note} and is read as text")
    assert not verdict(cells, as_text=True).note


def test_what_is_numbers():
    assert verdict("0.5|0|-0.1|NA|inf").numbers == (-0.1, 0, 0.5, None, np.inf)
    padded = verdict("01.50|12.75")
    assert padded.numbers == (1.5, 12.75)
    assert "is padded with zeros ('01.50') and is read as numbers" in padded.note


def test_truth_is_one_value_however_spelled():
    assert verdict("True|FALSE|false").texts == ("false", "true", "false")
    assert verdict("True|FALSE|NA", as_text=True).texts == ("false", None, "true")
    assert verdict("True|maybe").texts == ("True", "maybe")


def test_long_cells_take_no_time():
    for cell in ("9" * 20_000 + "x", "a" * 20_000 + "!", "5 " + "a" * 20_000 + "!", "1," * 9999):
        assert not verdict(cell).odd


def test_spellings_of_missing_values():
    cells = "NA|na|-999|-999.0|x|"
    assert verdict(cells).texts.count(None) == 3
    assert verdict(cells, Reading(missing=("NA", "-999"))).texts.count(None) == 4
    assert verdict(cells, Reading(missing=())).texts.count(None) == 1
    assert verdict(cells, typed=True).texts.count(None) == 0
    assert verdict(f"{cells}|{NULL}", typed=True).texts.count(None) == 1


def test_leading_zeros_are_found_wherever_they_stand(monkeypatch):
    monkeypatch.setattr(delimited, "LOOK", 7)
    for cell in ("01", "-01", "+007", " 00"):
        for before in range(20):
            data = b"a,b\n" + b"1,2\n" * before + f"1.05,{cell}\n".encode() + b"0.5,1e-05\n"
            assert delimited.leading_zeros(data, ",")
    assert not delimited.leading_zeros(
        b"a,b\n" + b"1.001,1e-05\n0.5,-0.25\n100,2024-01-05\n" * 9, ","
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(content, config=CONFIG):
    Path("c.yaml").write_text(config)
    Path("t.csv").write_text(content)


def test_a_large_file_says_the_same_of_missing_values(folder, monkeypatch, capsys):
    rows = "".join(
        f"{i / 7:.3f},{('NA', 'Grvl', 'Pave')[i % 3]},{'pq'[i % 2]}\n" for i in range(60)
    )
    write(f"a,alley,y\n{rows}")
    said = []
    for large in (10**9, 10):
        monkeypatch.setattr(delimited, "LARGE", large)
        assert run(["check", "c.yaml"]) == 2
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]
    assert "20 missing values ('NA', first in line 2)" in said[0]


def test_missing_values_of_a_config(folder, capsys):
    write("a,y\n" + "".join(f"{i if i % 5 else -999},{'pq'[i % 2]}\n" for i in range(40)))
    assert run(["check", "c.yaml", "--set", "dataset.missing_values=[-999, NA]"]) == 2
    assert "column 'a': 8 missing values (first in line 2)" in capsys.readouterr().err
    found = optcli.train(
        "c.yaml", ["dataset.missing_values=[-999]", "dataset.missing=impute"], out="r", plots=False
    )
    expected = found.predict({"a": [None, 3.0]})
    for rows in ({"a": [-999, 3]}, pl.DataFrame({"a": [-999.0, 3.0]}), {"a": ["-999", "3"]}):
        np.testing.assert_array_equal(optcli.load("r").predict(rows), expected)


def test_a_run_reads_new_rows_by_its_delimiter(folder, capsys):
    config = CONFIG.replace("target: y", "target: y, delimiter: '^'")
    write("a^b,c^y\n" + "".join(f"{i}^{i % 3}^{'pq'[i % 2]}\n" for i in range(40)), config)
    optcli.train("c.yaml", out="r", plots=False)
    assert run(["predict", "r", "t.csv"]) == run(["evaluate", "r", "t.csv"]) == 0


def test_new_rows_in_any_spelling_of_truth_and_numbers(folder):
    rows = "".join(f"{i},{i % 2 == 0},{1 + i % 3}.0,{'pq'[i % 2]}\n" for i in range(40))
    write(f"a,smoker,code,y\n{rows}", CONFIG.replace("target: y", "target: y, categorical: [code]"))
    trained = optcli.train("c.yaml", out="r", plots=False)
    expected = trained.scores({"a": [1.0], "smoker": ["True"], "code": ["1.0"]})
    for truth in (True, "TRUE", "true", np.True_):
        for code in (1, 1.0, "1"):
            found = trained.scores({"a": [1.0], "smoker": [truth], "code": [code]})
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(optcli.InvalidInput, match="is the unknown category '01'"):
        trained.predict({"a": [1.0], "smoker": [True], "code": ["01"]})
    with pytest.raises(optcli.InvalidInput, match="is '01', text by its leading zero; must be a"):
        trained.predict({"a": ["01"], "smoker": [True], "code": ["1"]})


@pytest.mark.parametrize("end", ["\x1a", "\x1a\r\n", "\n\x1a\x1a\n"])
def test_invisible_characters(folder, end):
    Path("t.csv").write_text(f"\u200ba,b\u00a0c\n1,x\u200b\n2,x\n3\u200b4,y{end}", newline="")
    found = table.read("t.csv")
    assert found.names == ("a", "b c")
    assert found.columns["b c"].categories == ("x", "y")
    assert "is '3\\u200b4', not a number" in str(found.faults["a"])


def test_a_text_of_many_values_is_noted(folder, capsys):
    write("a,y\n" + "".join(f"v{i % 30},{'pq'[i % 2]}\n" for i in range(90)))
    assert run(["check", "c.yaml"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "column 'a' is text with 30 different values in 90 rows" in said
    assert run(["check", "c.yaml", "--set", "dataset.categorical=[a]"]) == 0
    assert "different values" not in capsys.readouterr().out


# ---- version 0.1 -----------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((OLD / "expected").iterdir()), ids=lambda path: path.name)
def test_runs_of_version_0_1_read_as_they_did(path, folder):
    shutil.copytree(OLD / "data", "data")
    name, rest = path.name.split("-mixed.")
    data, what, kind = f"data/mixed.{rest.split('.')[0]}", *rest.split(".")[1:]
    trained = optcli.load(OLD / "train" / name)
    ask = trained.predictions if what == "predictions" else trained.evaluate
    if kind == "err":
        with pytest.raises(optcli.InvalidInput) as caught:
            ask(data)
        begins = path.read_text().strip().splitlines()
        for line, old in zip(str(caught.value).splitlines(), begins, strict=True):
            assert line.startswith(old)
    elif kind == "json":
        told = {key: value for key, value in json.loads(path.read_text()).items() if key != "event"}
        assert ask(data) == pytest.approx(told, rel=1e-6)
    else:
        assert as_csv(ask(data)).split() == path.read_text().split()


def test_training_of_version_0_1_reads_by_its_rules(folder):
    shutil.copytree(OLD, "old")
    found = table.read("old/data/mixed.csv", Reading(rules=1))
    assert isinstance(found.columns["zip"], Numbers)
    assert found.columns["smoker"].categories == ("False", "True")
    for name in ("table", "parquet"):  # whatever its steps are: its data is what it was
        assert verify.verify(Path("old/train") / name, epochs=0).agrees
