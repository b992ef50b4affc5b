"""Columns of dates and of written numbers: what they are read as, through every door."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcli.data import table
from optcli.data.dates import DateEvidence, part, seconds
from optcli.data.reading_rules import DateForm, NumberForm
from optcli.data.recognition import recognised
from optcli.data.written_numbers import NumberEvidence, values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_dates(cells, day_first=None):
    evidence = DateEvidence(day_first)
    evidence.add(cells)
    moments, odd = seconds(cells, evidence.form)
    return [None if m != m else EPOCH + timedelta(seconds=m) for m in moments], odd


def read_numbers(cells, decimal=None):
    evidence = NumberEvidence(decimal)
    evidence.add(cells)
    return *values(cells, evidence.form), evidence.form


# ---- dates -----------------------------------------------------------------------------

DAY = datetime(2024, 12, 31, tzinfo=UTC)
MORNING = datetime(2024, 12, 31, 9, 5, tzinfo=UTC)


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
