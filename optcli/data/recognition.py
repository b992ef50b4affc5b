"""Recognition: what the columns of a table are, as far as their names and cells tell.

For those who have no config yet. Read the table by the default rules, then ask of all
columns at once, or one question of one column:

    found = recognised(table.read("houses.csv"))    # {column: Recognised}
    found["sold"].kind                              # "date"
    found["sold"].because                           # "all 1200 values are dates ('2024-12-31')"
    found["sold"].asks                              # "day_first" where 01/02/2024 may be two days

    dates(column)            DateForm where the cells are dates, else None
    written_numbers(column)  NumberForm where they are numbers such as `$ 1,234.50` or `3 kg`
    row_counter(name, column), identifier(name, column), zip_codes(name, column)
    booleans(column)         the two values, the negative one first, else None
    mostly_unique(column)    whether a text column has too many values to be categories
    unreadable(column)       the cells of a column of dates or numbers that are neither

Kinds, and the key of the config that a column of the kind belongs to:

    number          none
    written number  dataset.numeric
    date            dataset.dates
    boolean         none, as categories; its two values are told in `because`
    category        none
    zip code        dataset.categorical, as its digits are no quantity, or dataset.exclude
    row counter     dataset.exclude
    identifier      dataset.exclude
    free text       dataset.exclude
    constant        dataset.exclude
    empty           dataset.exclude
    unreadable      dataset.exclude; lists, say, or times without a date

Nothing is decided here for a table that has a config: a listed column is what its config says,
and `cells` decides on the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from optcli.data.cells import TRUTH, number
from optcli.data.columns import Column, Numbers, Words, short
from optcli.data.dates import DateEvidence, are_dates
from optcli.data.dates import seconds as moments_of
from optcli.data.reading_rules import DateForm, Form, NumberForm
from optcli.data.remarks import (
    DIFFERENT,
    MANY,
    counts_rows,
    dates_as_numbers,
    identifies,
    names_identifier,
    words_of,
)
from optcli.data.table import Table
from optcli.data.written_numbers import NumberEvidence, almost, is_dash, quantities
from optcli.data.written_numbers import values as numbers_of

MOST_ODD = 3  # cells that a column of dates or numbers may have that are neither
FEW = 2  # categories that are none too many in any table
# Two values that mean no and yes, in lower case.
PAIRS = (
    TRUTH, ("no", "yes"), ("n", "y"), ("f", "t"), ("0", "1"), ("off", "on"), ("0.0", "1.0"),
    ("nein", "ja"), ("non", "oui"), ("no", "s\u00ed"), ("no", "si"), ("n\u00e3o", "sim"),
    ("nee", "ja"), ("nej", "ja"), ("absent", "present"), ("negative", "positive"),
)  # fmt: skip
ZIP_NAME = re.compile(r"zip|zipcode|postal|postalcode|postcode|plz|postleitzahl")
ZIP = re.compile(r"[0-9]{5}(?:-[0-9]{4})?")
ZIP_ANYWHERE = re.compile(r"(?=.*[0-9])[A-Za-z0-9]{2,5}(?:[ -]?[A-Za-z0-9]{2,5})?")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24,64}", re.IGNORECASE)
WORD = re.compile(r"[\w-]+")
LOWEST_ZIP, HIGHEST_ZIP = 501, 99_950


@dataclass(frozen=True)
class Recognised:
    """What a column is.

    kind: see above. because: what shows it, to be read after the column's name or after
    `because`. form: how dates and written numbers are written. asks: the key of the config
    without which the form is ambiguous: `day_first`, `decimal` or none. odd: the cells that
    keep the column from being what it is, to be listed in dataset.missing_values.
    """

    kind: str
    because: str
    form: Form | None = None
    asks: str = ""
    odd: tuple[str, ...] = ()


def recognised(table: Table) -> dict[str, Recognised]:
    """What each column of a table is."""
    return {name: recognise(name, column, table) for name, column in table.columns.items()}


def recognise(name: str, column: Column, table: Table) -> Recognised:
    """What one column of the table is."""
    if column.gaps() == len(column):
        return Recognised("empty", "it has no value")
    fault = table.faults.get(name)
    if fault is not None and fault.message.startswith("holds "):
        return Recognised("unreadable", fault.message.partition(";")[0])
    found = _dates(column) or _zip_codes(name, column) or _written_numbers(column)
    if found is not None:
        return found
    if isinstance(column, Words) and (texts := _texts(column)) and are_dates(texts):
        return Recognised("unreadable", f"its values are dates or times ('{short(texts[0])}')")
    if len(column.distinct()) == 1:
        return Recognised("constant", f"all values are '{_first(column)}'")
    if name in table.aside or row_counter(name, column):
        return Recognised("row counter", "it counts the rows")
    if identifier(name, column):
        return Recognised("identifier", "it has a different value in each row")
    if pair := booleans(column):
        return Recognised("boolean", f"its values are '{pair[0]}' and '{pair[1]}'")
    if isinstance(column, Numbers):
        return Recognised("number", "all values are numbers")
    count, rows = len(column.distinct()), len(column) - column.gaps()
    if mostly_unique(column):
        if count == rows and all(map(WORD.fullmatch, _texts(column))):
            return Recognised("identifier", "it has a different value in each row")
        return Recognised("free text", f"it has {count} different texts in {rows} rows")
    return Recognised("category", f"it has {count} different texts")


def dates(column: Column) -> DateForm | None:
    """How a column's dates are written, None where it holds none.

    Its order is empty where the rows do not show it and 01/02/2024 may be two days.
    """
    if isinstance(column, Numbers):
        return DateForm() if dates_as_numbers(column) else None
    texts = _texts(column)
    if not texts or not are_dates(texts):
        return None
    evidence = DateEvidence()
    evidence.add(texts)
    form = evidence.form
    return form if _few(moments_of(texts, _one_order(form))[1], texts) else None


def written_numbers(column: Column) -> NumberForm | None:
    """How a column's numbers are written, None where they are plain, or none.

    Its decimal is empty where the rows do not show it and 1,234 may be two numbers.
    """
    if isinstance(column, Numbers):
        return None
    texts = [text for text in _texts(column) if not is_dash(text)]
    plain = {text for text in texts if number(text) is not None}
    written = [text for text in texts if text not in plain]
    if not written or not (2 * sum(map(almost, written)) >= len(written) or quantities(written)):
        return None
    evidence = NumberEvidence()
    evidence.add(texts)
    form = evidence.form
    odd = numbers_of(texts, form if form.decimal else NumberForm(".", form.unit))[1]
    if not form.decimal:
        odd = {text: why for text, why in odd.items() if text not in written}
    return form if _few(odd, texts) else None


def unreadable(column: Column) -> tuple[str, ...]:
    """The cells of a column of dates or written numbers that are neither; they may mean missing."""
    found = _dates(column) or _written_numbers(column)
    return () if found is None else found.odd


def row_counter(name: str, column: Column) -> bool:
    """Whether a column counts the rows, from 0 or 1 on."""
    return isinstance(column, Numbers) and counts_rows(name, column)


def identifier(name: str, column: Column) -> bool:
    """Whether a column's values tell the rows apart, under a name that says so or as UUIDs do."""
    if isinstance(column, Numbers):
        return identifies(name, column)
    rows, texts = len(column) - column.gaps(), _texts(column)
    if rows < MANY or len(texts) < DIFFERENT * rows:
        return False
    return names_identifier(name) or all(map(UUID.fullmatch, texts))


def zip_codes(name: str, column: Column) -> bool:
    """Whether a column holds zip codes: 02134, 02134-1234, or any postal codes by its name."""
    named = any(ZIP_NAME.fullmatch(word) for word in (*words_of(name), "".join(words_of(name))))
    if isinstance(column, Numbers):
        values = column.distinct()
        whole = np.all(values == np.rint(values))
        return bool(named and whole and values[0] >= LOWEST_ZIP and values[-1] <= HIGHEST_ZIP)
    texts = _texts(column)
    if named:
        return all(map(ZIP_ANYWHERE.fullmatch, texts))
    marked = any(text.startswith("0") or "-" in text for text in texts)
    return marked and len(texts) > FEW and all(map(ZIP.fullmatch, texts))


def booleans(column: Column) -> tuple[str, str] | None:
    """The two values of a column that mean no and yes, in this order; None of another column."""
    if isinstance(column, Numbers):
        values = column.distinct()
        return ("0", "1") if values.tolist() == [0, 1] else None
    texts = _texts(column)
    lower = {text.lower(): text for text in texts}
    if len(texts) != len(lower) or len(texts) != FEW:
        return None
    pair = next((pair for pair in PAIRS if set(pair) == lower.keys()), None)
    return None if pair is None else (lower[pair[0]], lower[pair[1]])


def mostly_unique(column: Column) -> bool:
    """Whether a text column has a different text in more than half of its rows."""
    if isinstance(column, Numbers):
        return False
    count = len(column.distinct())
    return count > FEW and count > (len(column) - column.gaps()) / 2


def _dates(column: Column) -> Recognised | None:
    form = dates(column)
    if form is None:
        return None
    texts = _texts(column) if isinstance(column, Words) else [_first(column)]
    odd = moments_of(texts, _one_order(form))[1]
    asks = "day_first" if moments_of(texts, form)[1].keys() - odd.keys() else ""
    return _listed("date", "dates", column, form, asks, odd)


def _one_order(form: DateForm) -> DateForm:
    """The form with an order, any where the rows show none."""
    return DateForm(form.order or "dmy", form.zone)


def _written_numbers(column: Column) -> Recognised | None:
    form = written_numbers(column)
    if form is None:
        return None
    assert isinstance(column, Words)
    texts = [text for text in _texts(column) if not is_dash(text)]
    odd = numbers_of(texts, form if form.decimal else NumberForm(".", form.unit))[1]
    what = f"numbers in '{short(form.unit)}'" if form.unit else "written numbers"
    return _listed("written number", what, column, form, "" if form.decimal else "decimal", odd)


def _listed(
    kind: str, what: str, column: Column, form: Form, asks: str, odd: Collection[str]
) -> Recognised:
    example = _first(column, odd)
    values = f"all values are {what} ('{short(example)}')"
    if odd:
        values = f"most {values[4:]}, but for " + ", ".join(f"'{short(text)}'" for text in odd)
    return Recognised(kind, values, form, asks, tuple(odd))


def _zip_codes(name: str, column: Column) -> Recognised | None:
    if not zip_codes(name, column):
        return None
    return Recognised("zip code", f"its values are postal codes ('{_first(column)}')")


def _texts(column: Words) -> list[str]:
    """The different texts of a column, sorted."""
    return [column.categories[code] for code in column.distinct()]


def _few(odd: Collection[str], texts: Collection[str]) -> bool:
    """Whether so few cells are odd that they may mean a missing value."""
    return len(odd) <= MOST_ODD and 2 * len(odd) < len(texts)


def _first(column: Column, aside: Collection[str] = ()) -> str:
    """The first value there is, but for some."""
    for _, piece in column.pieces():
        for row in np.flatnonzero(~piece.missing):
            if isinstance(piece, Numbers):
                return f"{piece.value(int(row)):.10g}"
            text = piece.text(int(row))
            if text not in aside and not is_dash(text):
                return text
    return ""
