"""Forms: what the cells of columns are that the config lists as dates or as written numbers."""

from __future__ import annotations

from collections.abc import Sequence

from optcli.data import dates, written_numbers
from optcli.data.cells import ColumnVerdict, is_missing
from optcli.data.dates import DateEvidence
from optcli.data.reading_rules import DateForm, Form, Reading
from optcli.data.written_numbers import NumberEvidence, is_dash

Evidence = DateEvidence | NumberEvidence


def evidence(name: str, reading: Reading) -> Evidence:
    """What shows how a listed column is written, once its texts are added."""
    if name in reading.dates:
        return DateEvidence(reading.day_first)
    return NumberEvidence(reading.decimal)


def is_gap(text: str, name: str, reading: Reading) -> bool:
    """Whether a clean cell of a listed column is a missing value, in any source."""
    return is_missing(text, reading) or (name in reading.numeric and is_dash(text))


def values(texts: Sequence[str], form: Form) -> tuple[list[float], dict[str, str]]:
    """The number of each text (K,); and what is wrong with those that are none, which have 0."""
    parsed = dates.seconds if isinstance(form, DateForm) else written_numbers.values
    return parsed(texts, form)  # type: ignore[arg-type]


def judge(texts: Sequence[str], name: str, reading: Reading) -> ColumnVerdict:
    """What a listed column of these distinct, clean texts is: numbers, and what is odd in them.

    Of dates the numbers are seconds since 1970-01-01. An odd text is no missing value, and has
    a number, too, by which nothing is to be reckoned.
    """
    present = [text for text in texts if not is_gap(text, name, reading)]
    form, note = reading.form(name), ""
    if form is None:
        shows = evidence(name, reading)
        shows.add(present)
        form, note = shows.form, shows.note
    numbers, odd = values(present, form)
    found = dict(zip(present, numbers, strict=True))
    all_values = tuple(map(found.get, texts))
    return ColumnVerdict(all_values, odd=frozenset(odd), note=note, why=odd, form=form)
