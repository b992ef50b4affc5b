"""Forms: what the cells of columns are that the config lists as dates or as written numbers."""

from __future__ import annotations

from collections.abc import Sequence

from optcli.data import dates, written_numbers
from optcli.data.cells import ColumnVerdict, is_missing
from optcli.data.dates import DateEvidence
from optcli.data.reading_rules import DateForm, Form, Reading
from optcli.data.written_numbers import NumberEvidence, is_dash


def evidence(name: str, reading: Reading) -> DateEvidence | NumberEvidence:
    """What shows how a listed column is written, once its texts are added."""
    if name in reading.dates:
        return DateEvidence(reading.day_first)
    return NumberEvidence(reading.decimal)


def is_gap(text: str, name: str, reading: Reading) -> bool:
    """Whether a clean cell of a listed column is a missing value, in any source."""
    return is_missing(text, reading) or (name in reading.numeric and is_dash(text))


def values(texts: Sequence[str], form: Form) -> tuple[list[float], dict[str, str]]:
    """The number of each text (K,), NaN where it is none; and what is wrong with those."""
    parsed = dates.seconds if isinstance(form, DateForm) else written_numbers.values
    return parsed(texts, form)  # type: ignore[arg-type]


def judge(texts: Sequence[str], name: str, reading: Reading) -> ColumnVerdict:
    """What a listed column of these distinct, clean texts is: numbers, or what is odd in them.

    Of dates the numbers are seconds since 1970-01-01.
    """
    present = [text for text in texts if not is_gap(text, name, reading)]
    form, note = reading.form(name), ""
    if form is None:
        shows = evidence(name, reading)
        shows.add(present)
        form, note = shows.form, shows.note
    numbers, odd = values(present, form)
    if odd:
        there = set(present)
        kept = tuple(text if text in there else None for text in texts)
        return ColumnVerdict(texts=kept, odd=frozenset(odd), why=odd, form=form)
    found = dict(zip(present, numbers, strict=True))
    return ColumnVerdict(tuple(map(found.get, texts)), note=note, form=form)
