"""Columns of dates and of written numbers: what they are read as, through every door."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optcli
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.data import dates, streaming, table, written_numbers
from optcli.data.dates import DateEvidence, part, seconds
from optcli.data.encoder_checks import checked
from optcli.data.encoding import Encoder
from optcli.data.reading_rules import DateForm, NumberForm, Reading
from optcli.data.recognition import recognised
from optcli.data.written_numbers import NumberEvidence, values
from tests.for_each import for_each
from tests.test_doors import DOORS, Doors

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_dates(cells, day_first=None):
    evidence = DateEvidence(day_first)
    evidence.add(cells)
    moments, odd = seconds(cells, evidence.form)
    return [EPOCH + timedelta(seconds=moment) for moment in moments], odd


def read_numbers(cells, decimal=None):
    evidence = NumberEvidence(decimal)
    evidence.add(cells)
    return *values(cells, evidence.form), evidence.form


# ---- dates -----------------------------------------------------------------------------

DAY = datetime(2024, 12, 31, tzinfo=UTC)
MORNING = datetime(2024, 12, 31, 9, 5, tzinfo=UTC)


@for_each(
    "cell",
    [
        "2024-12-31", "2024/12/31", "2024.12.31", "31.12.2024", "31. 12. 2024", "12/31/2024",
        "31/12/2024", "31-12-2024", "31 Dec 2024", "31-Dec-2024", "31-Dec-24", "31DEC2024",
        "Dec 31, 2024", "December 31st, 2024", "31st of December 2024", "2024 Dec 31", "20241231",
        "20241231.0", "Tue, 31 Dec 2024", "31.12.24", "2024-12-31 00:00", "２０２４-12-31",
    ],
)  # fmt: skip
def test_usual_forms_of_a_date(cell):
    assert read_dates([cell]) == ([DAY], {})


@for_each(
    "cell",
    [
        "2024-12-31T09:05", "2024-12-31 09:05:00", "2024-12-31T09:05:00Z", "31.12.2024 9:05",
        "2024-12-31 09:05:00.000000", "2024-12-31T10:05:00+01:00", "2024-12-31 04:35-0430",
        "12/31/2024, 9:05 AM", "12/31/2024 9:05:00 a.m.", "Tue, 31 Dec 2024 09:05:00 GMT",
        "20241231T0905", "20241231T090500Z", "2024-12-31 09:05:00,000",
        "2024-12-31 09:05 Europe/London",
    ],
)  # fmt: skip
def test_usual_forms_of_a_date_with_a_time(cell):
    assert read_dates([cell]) == ([MORNING], {})


def test_day_and_month_are_told_apart_by_all_rows():
    assert read_dates(["01/02/2024", "31/12/2024"])[0][0].month == 2
    assert read_dates(["01/02/2024", "12/31/2024"])[0][0].month == 1
    assert read_dates(["01.02.2024"])[0][0].month == 2
    found, odd = read_dates(["01/02/2024", "05/05/2024"])
    assert found[1].day == 5
    assert odd == {
        "01/02/2024": "which may be 1 February or 2 January, and no row tells; set "
        "dataset.day_first to true or false"
    }
    assert read_dates(["01/02/2024"], day_first=True)[0][0].month == 2
    assert read_dates(["01/02/2024"], day_first=False)[0][0].month == 1
    _, odd = read_dates(["13/01/2024", "14/01/2024", "01/15/2024"])
    assert odd["01/15/2024"].startswith(
        "but other rows have the day first, and there is no month 15"
    )


@for_each(
    ("cell", "what"),
    [
        ("2024-02-30", "but February 2024 has 29 days"),
        ("29.02.2023", "but February 2023 has 28 days"),
        ("2024-13-01", "but there is no month 13"),
        ("32/12/2024", "but December 2024 has 31 days"),
        ("2024-01-01 24:10", "but there is no time 24:10:00"),
        ("0000-00-00", "but there is no month 0"),
        ("soon", "not a date"),
        ("12.5", "not a date"),
        ("10:30", "a time without a date"),
    ],
)
def test_what_is_no_date(cell, what):
    assert read_dates([cell])[1][cell].startswith(what)


def test_times_have_a_zone_in_all_rows_or_in_none():
    cells = ["2024-01-01 10:00Z", "2024-01-02 11:00+01:00", "2024-01-03 10:00", "2024-01-04"]
    found, odd = read_dates(cells)
    assert [moment.hour for moment in found[:2]] == [10, 10]
    assert list(odd) == [cells[2]]
    assert odd[cells[2]].startswith("with no time zone, which other rows have")


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


@settings(max_examples=30, deadline=None)
@given(st.lists(MOMENTS, min_size=1), st.sampled_from([" ", "T"]))
def test_moments_survive_being_written(moments, between):
    cells = [moment.isoformat(between).removesuffix("+00:00") for moment in moments]
    assert read_dates(cells)[0] == moments
    away = timezone(timedelta(hours=5, minutes=45))
    cells = [moment.astimezone(away).isoformat(between) for moment in moments]
    assert read_dates(cells)[0] == moments


FORMS = ["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%Y%m%d"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dates(date(1900, 1, 1), date(2200, 1, 1)), min_size=1), st.sampled_from(FORMS))
def test_dates_survive_being_written(days, form):
    days = [*days, date(2024, 12, 31)]  # by which day and month are told apart
    found, odd = read_dates([day.strftime(form) for day in days])
    assert [moment.date() for moment in found] == days
    assert not odd


@settings(max_examples=30, deadline=None)
@given(MOMENTS)
def test_parts_of_a_moment(moment):
    values = np.array([moment.timestamp(), np.nan])
    found = {name: part(values, name) for name in ("year", "month", "weekday", "day_number")}
    wanted = (moment.year, moment.month, moment.weekday(), (moment - EPOCH).days)
    assert tuple(each[0] for each in found.values()) == wanted
    assert all(np.isnan(each[1]) for each in found.values())
    hour = moment.hour + moment.minute / 60 + (moment.second + moment.microsecond / 1e6) / 3600
    assert part(values, "hour")[0] == pytest.approx(hour, abs=1e-8)


# ---- written numbers -------------------------------------------------------------------


@for_each(
    ("cells", "wanted", "unit"),
    [
        ("$ 1,234.50|-$3|($6)|$(7)|$ -8", [1234.5, -3, -6, -7, -8], "$"),
        ("1.234,50 €|2 EUR|-3,5€|5,- €", [1234.5, 2, -3.5, 5], "€"),
        ("12 %|3.5%|+1 %", [12, 3.5, 1], "%"),
        ("3.5 kg|4kg.|1,000.5 kg", [3.5, 4, 1000.5], "kg"),
        ("1 234|12 345 678|5", [1234, 12345678, 5], ""),
        ("1\u2009234,5|2,5", [1234.5, 2.5], ""),
        ("(1,234)|999", [-1234, 999], ""),
        ("1'234.50|12", [1234.5, 12], ""),
        ("12,34,567|1,00,000|5,000", [1234567, 100000, 5000], ""),
        ("1,2345,6789", [123456789], ""),
        ("7-|−8|+9", [-7, -8, 9], ""),
        ("１２|١٢", [12, 12], ""),
        ("1,5e3|2,5×10^2", [1500, 250], ""),
        ("R$ 1.234,50|R$ 2,00", [1234.5, 2], "R$"),
        ("Rs. 500|₹ 600", [500, 600], "₹"),
        ("5 km/h|6 km / h", [5, 6], "km/h"),
        ("3 m²|4 m2|5 m^2", [3, 4, 5], "m2"),
        ("20 °C|-1.5°C", [20, -1.5], "°C"),
        ("$1.2M|$2M", [1.2, 2], "$ M"),
        ("$1,234|$2,345", [1234, 2345], "$"),
        ("1,234|1.5", [1234, 1.5], ""),
        ("1,234|0,5", [1.234, 0.5], ""),
        ("2,5|-3|1.234|-1.234|1e3|+4", [2.5, -3, 1234, -1234, 1000, 4], ""),
        ("0,123|1,234", [0.123, 1.234], ""),
        ("1.234|2.5", [1.234, 2.5], ""),
        ("007|1e3|.5|5.", [7, 1000, 0.5, 5], ""),
    ],
)
def test_written_numbers(cells, wanted, unit):
    found, odd, form = read_numbers(cells.split("|"))
    assert (found, odd, form.unit) == (wanted, {}, unit)


def test_a_column_whose_comma_may_mean_two_things_asks():
    _, odd, form = read_numbers(["1,234", "2,345"])
    assert (form.decimal, len(odd)) == ("", 2)
    assert odd["1,234"] == (
        "which may be 1234 or 1.234, and no row tells; set dataset.decimal to '.' or ',', the "
        "mark before decimals"
    )
    assert read_numbers(["1,234", "2,345"], ".")[0] == [1234, 2345]
    assert read_numbers(["1,234", "2,345"], ",")[0] == [1.234, 2.345]
    assert read_numbers(["1,234", "2,345", "12"])[0] == [1234, 2345, 12]
    assert read_numbers(["1.234 €", "12 €"])[2].decimal == ""


@for_each(
    ("cells", "odd", "what"),
    [
        ("5 kg|6 lb|7 kg", "6 lb", "in 'lb', where others are in 'kg'; write all in one unit"),
        ("5 kg|6 Kg|7 kg", "6 Kg", "in 'Kg', where others are in 'kg'; write all in one unit"),
        ("12 %|13 %|5 $", "5 $", "in '$', where others are in '%'; write all in one unit"),
        ("1.5|2,5|3.5", "2,5", "with a comma before its decimals, where others have a point"),
        ("1.5|A12", "A12", "not a number"),
        ("1.5|10-20", "10-20", "not a number"),
        ("1.5|1,2,3", "1,2,3", "not a number"),
        ("1.5|5'11\"", "5'11\"", "not a number"),
        ("1.5|12 h 30 min", "12 h 30 min", "not a number"),
        ("1.5|--5", "--5", "not a number"),
        ("1.5|(5", "(5", "not a number"),
    ],
)
def test_what_is_no_number_of_the_column(cells, odd, what):
    assert read_numbers(cells.split("|"))[1][odd].startswith(what)


GROUPS = [(".", ","), (",", "."), (".", " "), (",", "\u2009"), (".", "'"), (".", "")]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-(10**11), 10**11), min_size=1),
    st.sampled_from(GROUPS),
    st.sampled_from(["{}", "$ {}", "{} €", "{} %", "{}kg", "CHF {}"]),
)
def test_numbers_survive_being_written(hundredths, marks, around):
    decimal, group = marks
    hundredths = [*hundredths, 123456]
    texts = [f"{number / 100:,.2f}" for number in hundredths]
    marked = str.maketrans({",": group, ".": decimal})
    found, odd, _ = read_numbers([around.format(text.translate(marked)) for text in texts])
    assert found == [float(text.replace(",", "")) for text in texts]
    assert not odd


def test_numbers_without_a_unit_beside_others_are_told():
    evidence = NumberEvidence()
    evidence.add(["12 %", "13 %", "0.12"])
    assert evidence.note == "has numbers without a unit ('0.12'), which are taken to be in '%'"


# ---- recognition -----------------------------------------------------------------------

COLUMNS = {
    "when": ("date", [f"2024-0{i % 9 + 1}-1{i % 7}" for i in range(40)]),
    "compact": ("date", [f"20240{i % 9 + 1}1{i % 7}" for i in range(40)]),
    "ambiguous": ("date", [f"0{i % 9 + 1}/0{i % 8 + 1}/2024" for i in range(40)]),
    "unknown": ("date", ["unknown" if i == 3 else f"2024-01-{i % 28 + 1:02}" for i in range(40)]),
    "price": ("written number", [f"$ {1000 + 7 * i:,}.50" for i in range(40)]),
    "salary": ("written number", [f"{20 + i},{100 + 3 * i}" for i in range(40)]),
    "weight": ("written number", [f"{20 + i} kg" for i in range(40)]),
    "zip": ("zip code", [f"{10000 + 900 * i}" for i in range(40)]),
    "area_code": ("zip code", [f"0{1000 + 90 * i}" for i in range(40)]),
    "plus": ("zip code", [f"{10000 + 900 * i}-1234" for i in range(40)]),
    "smoker": ("boolean", ["yes" if i % 3 else "no" for i in range(40)]),
    "flag": ("boolean", [str(i % 2) for i in range(40)]),
    "customer_id": ("identifier", [str(1000 + 7 * i) for i in range(40)]),
    "user_id": ("identifier", [f"U{1000 + 7 * i}" for i in range(40)]),
    "n": ("row counter", [str(i) for i in range(40)]),
    "x": ("number", [str(i * i / 7) for i in range(40)]),
    "kind": ("category", ["abc"[i % 3] for i in range(40)]),
    "name": ("free text", [f"name {i} x" for i in range(40)]),
    "same": ("constant", ["5"] * 40),
    "none": ("empty", [""] * 40),
    "season": ("category", [f"{2000 + i % 9}-0{(1 + i % 9) % 100}" for i in range(40)]),
    "model": ("category", [["1A", "2B", "3C"][i % 3] for i in range(40)]),
    "place": ("category", [["1st", "2nd", "3rd", "4th"][i % 4] for i in range(40)]),
    "time": ("unreadable", [f"{i % 12 + 1}:15" for i in range(40)]),
    "pressure": ("free text", [f"{100 + i}/{60 + i}" for i in range(40)]),
}


def test_columns_are_recognised(tmp_path):
    rows = zip(*([name, *cells] for name, (_, cells) in COLUMNS.items()), strict=True)
    path = tmp_path / "t.csv"
    path.write_text("".join(";".join(row) + "\n" for row in rows))
    found = recognised(table.read(path))
    assert {name: each.kind for name, each in found.items()} == {
        name: kind for name, (kind, _) in COLUMNS.items()
    }
    assert found["ambiguous"].asks == "day_first"
    assert found["salary"].asks == "decimal"
    assert found["price"].form == NumberForm(".", "$")
    assert found["when"].form == DateForm()
    assert found["unknown"].odd == ("unknown",)
    assert found["smoker"].because == "its values are 'no' and 'yes'"


# ---- through every door ----------------------------------------------------------------

CELLS = {
    "when": ["31.12.2024 10:30", "01.02.2024 00:00", "", "29.02.2024 23:59:59.5"] * 3,
    "day": ["2024-12-31", "2024-02-01", "2023-03-05", ""] * 3,
    "price": ["1.234,50 €", "-", "(2,5) €", "7"] * 3,
    "share": ["12 %", "3.5%", "-1 %", "0 %"] * 3,
    "count": ["1 234", "5", "12\u202f345", "—"] * 3,
}
LISTED = Reading(dates=dict.fromkeys(["when", "day"]), numeric=dict.fromkeys(list(CELLS)[2:]))
NAN = math.nan
VALUES = {
    "when": [1735641000.0, 1706745600.0, NAN, 1709251199.5] * 3,
    "day": [1735603200.0, 1706745600.0, 1677974400.0, NAN] * 3,
    "price": [1234.5, NAN, -2.5, 7.0] * 3,
    "share": [12.0, 3.5, -1.0, 0.0] * 3,
    "count": [1234.0, 5.0, 12345.0, NAN] * 3,
}
WRITTEN = {
    "when": DateForm("dmy", zone=False),
    "day": DateForm(),
    "price": NumberForm(",", "€"),
    "share": NumberForm(".", "%"),
    "count": NumberForm("."),
}
NOTE = "column 'price' has numbers without a unit ('7'), which are taken to be in '€'"


@pytest.fixture
def doors(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "CHUNK", 64)
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 5)
    return lambda reading: Doors(tmp_path, reading)


@for_each("door", DOORS)
def test_listed_columns_are_the_same_through_every_door(doors, door):
    found = getattr(doors(LISTED), door)(CELLS)
    assert not found.faults
    for name, wanted in VALUES.items():
        np.testing.assert_array_equal(found.columns[name].values[:], wanted)
        assert found.reading.form(name) == WRITTEN[name]
    assert [note.text for note in found.notes] == [NOTE]
    # what the rows showed is kept for new ones, be they few
    few = {"when": ["02.01.2024"], "day": ["2024-01-02"], "price": ["1,5"], "count": ["1 234"]}
    again = getattr(doors(found.reading), door)(few | {"share": ["5"]})
    assert [column.values[:1].item() for column in again.columns.values()] == [
        1704153600.0, 1704153600.0, 1.5, 1234.0, 5.0,
    ]  # fmt: skip


ODD = {
    "when": ["2024-01-05", "2024-02-30"],
    "either": ["01/02/2024", "03/04/2024"],
    "mass": ["5 kg", "6 lb"],
    "comma": ["1,234", "2,345"],
    "text": ["5", "five"],
}


@for_each("door", DOORS)
def test_odd_cells_of_listed_columns_are_the_same_through_every_door(doors, door):
    dates, numeric = dict.fromkeys(["when", "either"]), dict.fromkeys(["mass", "comma", "text"])
    found = getattr(doors(Reading(dates=dates, numeric=numeric)), door)(ODD)
    said = {name: fault.message.partition("is '")[2] for name, fault in found.faults.items()}
    assert said == {
        "when": "2024-02-30', but February 2024 has 29 days; correct it, or, if it means missing, "
        "list it in dataset.missing_values",
        "either": "01/02/2024', which may be 1 February or 2 January, and no row tells; set "
        "dataset.day_first to true or false",
        "mass": "5 kg', in 'kg', where others are in 'lb'; write all in one unit",
        "comma": "1,234', which may be 1234 or 1.234, and no row tells; set dataset.decimal to "
        "'.' or ',', the mark before decimals",
        "text": "five', not a number; correct it, or, if it means missing, list it in "
        "dataset.missing_values",
    }
    if door in ("csv", "tsv", "gz", "streamed"):
        assert found.faults["when"].line == 3


def test_dates_of_typed_sources_are_as_they_are(tmp_path):
    moments = [datetime(2024, 1, 5, 10), None, datetime(2024, 1, 5, 10, 0, 0, 123457)]
    frame = pl.DataFrame(
        {
            "day": [date(2024, 1, 5), None, date(2023, 12, 31)],
            "moment": moments,
            "zoned": pl.Series(moments).dt.replace_time_zone("Asia/Kathmandu"),
            "number": [20240105, None, 20231231],
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_csv(tmp_path / "t.csv")
    reading = Reading(dates=dict.fromkeys(frame.columns))
    found = [table.read(tmp_path / name, reading) for name in ("t.csv", "t.parquet")]
    found += [table.of(each, reading=reading) for each in (frame, frame.to_dict(as_series=False))]
    found += [
        streaming.read(tmp_path / name, tmp_path / "cache", reading)
        for name in ("t.csv", "t.parquet")
    ]
    for each in found:
        assert not each.faults
        for name in frame.columns:
            wanted = found[0].columns[name].values
            np.testing.assert_array_equal(each.columns[name].values[:], wanted)
            assert each.reading.form(name) == found[0].reading.form(name)
    assert (
        found[0].columns["zoned"].values[0] == datetime(2024, 1, 5, 4, 15, tzinfo=UTC).timestamp()
    )
    # a zone that the training rows do not have moves the hours
    zoned = table.of(frame.select(moment="zoned"), reading=found[0].reading)
    assert "with a time zone, which other rows do not have" in zoned.faults["moment"].message


# ---- a model of them -------------------------------------------------------------------

CONFIG = """\
dataset:
  name: csv
  path: t.csv
  target: price
  dates: [when]
  numeric: [size, price]
  missing: impute
  rare_categories: 5
split: {validation: 0.25}
model: {name: mlp, hidden: [4]}
loss: mse
optimizer: {name: adam, lr: 0.01}
training: {epochs: 2}
"""


def rows(count=48, *, broken=""):
    lines = ["when,size,town,price"]
    for i in range(count):
        when = f"{i % 28 + 1:02}.{i % 12 + 1:02}.{2020 + i % 4} {i % 24:02}:30"
        town = "abc"[i % 3] if i % 16 else f"t{i}"
        lines.append(f'{when if i % 7 else ""},"{i},5 m²",{town},"$ {1000 + 37 * i:,}.50"')
    return "\n".join(lines) + f"\n{broken}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(rows())
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path


def test_a_run_keeps_how_columns_are_written(folder, capsys):
    said = optcli.check("c.yaml").describe()
    assert said["features"] == {
        "when": "date: year, month, weekday, day_number, hour",
        "size": "number, in m2",
        "town": "one of 4: a, b, c, other",
    }
    assert run(["train", "c.yaml", "-q", "--no-plots", "--out", "r"]) == 0
    assert run(["runs", "verify", "r"]) == 0
    capsys.readouterr()
    trained = optcli.load("r")
    x = trained.trained.encoder.encode(
        table.of(
            {"when": ["05.01.2021 12:30", None], "size": ["3,5 m²", "3,5"], "town": ["zz", "a"]},
            reading=trained.trained.encoder.reading,
        )
    )
    feature = trained.trained.encoder.features[0]
    wanted = (2021, 1, 1, 18632, 12.5)
    for at, (part_, value) in enumerate(zip(feature.parts, wanted, strict=True)):
        assert x[0, at] == pytest.approx((value - part_.mean) / part_.scale)
        assert x[1, at] == 0  # an imputed date has the mean of each part
    assert x[0, 5] == x[1, 5]
    assert x[:, 6:].tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]
    notes = []
    rows_ = [
        {"when": datetime(2021, 1, 5, 12, 30), "size": 3.5, "town": "zz"},
        {"when": "2021-01-05 12:30", "size": "3,5", "town": "other"},
    ]
    one, two = (trained.predict(row) if i else trained.predictions(row, notes.append)["price"]
                for i, row in enumerate(rows_))  # fmt: skip
    assert one == two
    assert 0 < one[0] < 1e5
    assert notes == ["column 'town': 1 row of an unknown category ('zz') taken as 'other'"]


def test_streamed_tables_have_the_same_encoding(folder):
    configs = ["c.yaml", *(["c.yaml", [f"dataset.stream={value}"]] for value in ("true", "false"))]
    plain, streamed, small = (
        optcli.check(each) if isinstance(each, str) else optcli.check(*each) for each in configs
    )
    for one in (streamed, small):
        assert one.data.encoder.to_json() == plain.data.encoder.to_json()
        np.testing.assert_array_equal(one.data.train.x[:], plain.data.train.x)
        np.testing.assert_array_equal(one.data.validation.y, plain.data.validation.y)


def test_unknown_categories_are_an_error_unless_they_are_ignored(folder, capsys):
    new = {"when": ["05.01.2021 12:30"] * 3, "size": [1, 2, 3], "town": ["zz", "a", "yy"]}
    plain = ["--set", "dataset.rare_categories=null"]
    assert run(["train", "c.yaml", "-q", "--no-plots", "--out", "e", *plain]) == 0
    with pytest.raises(InvalidInput, match="is the unknown category 'zz'"):
        optcli.load("e").predict(new)
    ignore = [*plain, "--set", "dataset.unknown=ignore"]
    assert run(["train", "c.yaml", "-q", "--no-plots", "--out", "i", *ignore]) == 0
    capsys.readouterr()
    run_, notes = optcli.load("i"), []
    run_.predictions(new, notes.append)
    assert notes == ["column 'town': 2 rows of unknown categories ('yy', 'zz') ignored"]
    encoder = run_.trained.encoder
    town = encoder.encode(table.of(new, reading=encoder.reading))[:, 6:]
    assert town.sum(axis=1).tolist() == [0, 1, 0]
    notes.clear()
    run_.evaluate(new | {"price": ["$ 1,000.50", "$ 5", "$ 6"]}, notes.append)
    assert notes == ["the data: column 'town': 2 rows of unknown categories ('yy', 'zz') ignored"]


def test_the_name_of_merged_categories_is_free(folder):
    text = rows().replace(",a,", ",other,").replace(",t16,", ",other_2,")
    (folder / "t.csv").write_text(text)
    feature = optcli.check("c.yaml").data.encoder.features[2]
    assert feature.categories == ("b", "c", "other", "other_2")
    assert feature.merged == ("t0", "t32")
    share = optcli.check("c.yaml", ["dataset.rare_categories=0.3"]).data.encoder.features[2]
    assert len(share.categories) + len(share.merged) in (5, 6, 7)
    assert share.categories[-1].startswith("other")


@for_each(
    ("override", "message"),
    [
        ("dataset.dates=[when, where]", "dataset.dates: no column 'where'; did you mean 'when'?"),
        ("dataset.dates=[when, price]", "dataset.target: 'price' is in dataset.dates, too; a"),
        ("dataset.categorical=[size]", "dataset.numeric: 'size' is in dataset.categorical, too"),
        ("dataset.categorical=[when]", "dataset.dates: 'when' is in dataset.categorical, too"),
        ("dataset.decimal=;", "dataset.decimal: is ';'; must be one of '.', ','"),
        ("dataset.rare_categories=0", "dataset.rare_categories: is 0; must be above 0"),
        ("dataset.dates=[]", "column 'when': is '02.02.2021 01:30', a date; list the column in"),
        ("dataset.numeric=[size]", "not a plain number; list the column in dataset.numeric"),
        ("dataset.missing=error", "column 'when': 7 missing values (first in line 2)"),
    ],
)
def test_what_is_refused(folder, override, message):
    with pytest.raises(InvalidInput) as refused:
        optcli.check("c.yaml", [override])
    assert message in str(refused.value)


def test_an_impossible_date_is_named_with_its_line(folder):
    (folder / "t.csv").write_text(rows(broken='30.02.2024,"5 m²",a,"$ 5"\n'))
    for stream in ("true", "false"):
        with pytest.raises(InvalidInput, match=r"t\.csv:50: column 'when': is '30\.02\.2024', but"):
            optcli.check("c.yaml", [f"dataset.stream={stream}"])


@for_each(
    "spoil",
    [
        lambda d: d["features"][0]["parts"][0].update(name="century"),
        lambda d: d["features"][0]["parts"][0].update(mean="x"),
        lambda d: d["features"][0].update(parts=[]),
        lambda d: d["features"][0].update(categories=["a"]),
        lambda d: d["features"][2].update(merged=["a"]),
        lambda d: d["features"][2].update(ignores=1),
        lambda d: d["reading"]["dates"]["when"].update(order="ydm"),
        lambda d: d["reading"]["dates"].update(when=None),
        lambda d: d["reading"]["dates"].pop("when"),
        lambda d: d["reading"]["numeric"]["size"].update(unit=5),
        lambda d: d["reading"].update(decimal=7),
    ],
)
def test_an_encoder_that_cannot_be_is_refused(folder, spoil):
    encoder = optcli.check("c.yaml").data.encoder
    told = json.loads(json.dumps(encoder.to_json()))
    assert checked(Encoder.from_json(told)) == encoder
    spoil(told)
    with pytest.raises(ValueError, match="cannot be"):
        checked(Encoder.from_json(told))


# ---- columns that are written alike, at once ---------------------------------------------

WAYS = ("%d.%m.%Y", "%m/%d/%Y", "%m/%d/%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")
ODD_DATES = ("31.02.2024", "13/13/2024", "0/5/2024", "1.1.2024 24:00", "1.1.2024\n2.1.2024", "x")
AROUND = (("$ ", ""), ("", ""), ("", " €"), ("", " %"), ("1 ", ""), ("１", ""), ("-", ""))
ODD_NUMBERS = ("x", "5", "1,234", "$ 1,23.50", "1.50\n2.50", "1 234.50", ".50", "٣.50", "$ 0.00")


def spoiled(rng, cells, odd):
    if rng.random() < 0.3:
        cells[rng.integers(len(cells))] = str(rng.choice(odd))
    return cells


def test_many_dates_are_what_each_is(monkeypatch):
    rng = np.random.default_rng(0)
    quick = dates._numerals, dates._iso
    taken = 0
    for _ in range(300):
        way, span = str(rng.choice(WAYS)), int(rng.choice([20, 400, 30_000]))
        moments = [datetime(1950, 1, 1) + timedelta(days=rng.random() * span) for _ in range(4)]
        cells = spoiled(rng, [moment.strftime(way) for moment in moments], ODD_DATES)
        taken += any(each(cells) is not None for each in quick)
        found = []
        for ways in (quick, (lambda _: None, lambda _: None)):
            monkeypatch.setattr(dates, "_numerals", ways[0])
            monkeypatch.setattr(dates, "_iso", ways[1])
            forms = (DateForm("mdy"), DateForm("dmy", True), DateForm("", False))
            evidence = DateEvidence()
            evidence.add(cells)
            found.append([evidence.form, *(seconds(cells, f) for f in (evidence.form, *forms))])
        assert found[0] == found[1]
    assert taken > 150


def test_many_numbers_are_what_each_is(monkeypatch):
    rng = np.random.default_rng(0)
    quick = written_numbers._alike
    taken = 0
    for _ in range(600):
        before, after = AROUND[rng.integers(len(AROUND))]
        way = str(rng.choice(["{:,.2f}", "{:.1f}", "{:,.0f}"]))
        cells = [way.format(x) for x in rng.lognormal(5, 4, 3)]
        if rng.random() < 0.4:
            cells = [cell.translate(str.maketrans(",.", ".,")) for cell in cells]
        cells = spoiled(rng, [f"{before}{cell}{after}" for cell in cells], ODD_NUMBERS)
        taken += quick(cells) is not None
        found = []
        for alike in (quick, lambda _: None):
            monkeypatch.setattr(written_numbers, "_alike", alike)
            evidence = NumberEvidence()
            evidence.add(cells)
            forms = (evidence.form, NumberForm(".", ""), NumberForm(",", "€"), NumberForm("", "$"))
            found.append([evidence.form, evidence.note, *(values(cells, f) for f in forms)])
        assert found[0] == found[1]
    assert taken > 100
