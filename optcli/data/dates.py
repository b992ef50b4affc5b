"""Dates: which texts are dates, and the moments that a column of dates stands for.

A moment is a number: seconds since 1970-01-01, of the time as it is written, or in UTC where
it has a zone.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from optcli.core.arrays import Array
from optcli.core.patterns import Pattern
from optcli.data.characters import plainly
from optcli.data.reading_rules import DateForm

DAY = 86_400  # seconds
MICRO = 1_000_000  # microseconds of a second
_EPOCH = date(1970, 1, 1).toordinal()
_THURSDAY = 3  # weekday of 1970-01-01
_YEAR = 12  # months
_NO_TIME = 3  # numbers of a date alone
_LONG = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_CORRECT = "correct it, or, if it means missing, list it in dataset.missing_values"

# ---- what is a date --------------------------------------------------------------------

_LONGEST = 60  # characters of what may be a date

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)(?:[a-z]*day)?\.?,?\s)?"
_M, _D, _Y = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12][0-9]|3[01])", r"[12][0-9]{3}"
_CLOCK = (
    r"(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]+)?)?(?:\s?[ap]\.?m\.?)?"
    r"(?:\s?(?:z|utc|gmt|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_NTH = r"(?:st|nd|rd|th)?"
_DATE = Pattern(
    rf"{_WEEKDAY}(?:"
    rf"{_Y}([-/.]){_M}\1{_D}|{_D}([-/.])\s?{_M}\2\s?{_Y}|{_M}([-/.]){_D}\3{_Y}"
    rf"|{_MONTH}[ -]{_D}{_NTH},?[ -]+{_Y}|{_D}{_NTH}\.?[ -]?(?:of )?{_MONTH},?[ -]?{_Y}"
    rf"|{_Y}[ -]?{_MONTH}[ -]?{_D}|{_MONTH} {_D} {_CLOCK} {_Y}"
    rf")(?:,?[ t]\s?{_CLOCK})?(?:\s[a-z]+/[a-z_]+)?|{_Y}[01][0-9][0-3][0-9]t[0-9]{{4,6}}z?",
    re.IGNORECASE,
)
# What may be something else unless the whole column is of the kind: 2024-01, 10:30, 31.12.24.
_DATE_IF_ALL = Pattern(
    rf"(?:19|20)[0-9]{{2}}[-/](?:0[1-9]|1[0-2])|{_M}/(?:19|20)[0-9]{{2}}"
    rf"|{_Y}-?w[0-5][0-9](?:-[1-7])?"
    rf"|{_MONTH}[ -]?,?\s?(?:{_Y}|'?[0-9]{{2}})|{_Y}[ -]{_MONTH}"
    rf"|{_D}[ -]{_MONTH}(?:[ -]'?[0-9]{{2}})?"
    rf"|{_D}([./-]){_M}\1[0-9]{{2}}|{_M}/{_D}/[0-9]{{2}}|{_CLOCK}",
    re.IGNORECASE,
)
_SEASON = Pattern(r"([0-9]{4})[-/]([0-9]{2})")
_ZEROS = re.compile(r"\.0+(?![0-9])|(?<=\.)([0-9]*?)0+(?![0-9])")


def moment(text: str) -> str:
    """A time of a typed source as text, without zeros at the end of its fraction."""
    return _ZEROS.sub(r"\1", text)


def is_date(text: str) -> bool:
    """Whether a cell is a date, with a time or without."""
    return len(text) <= _LONGEST and _DATE.fullmatch(text) is not None


def may_be_date(text: str) -> bool:
    """Whether a cell is a date, or may be one."""
    return is_date(text) or (len(text) <= _LONGEST and _DATE_IF_ALL.fullmatch(text) is not None)


def are_dates(texts: Sequence[str]) -> bool:
    """Whether a column holds dates or times: half of its texts, or all that may be other things."""
    if 2 * sum(map(is_date, texts)) >= len(texts):
        return True
    return not are_seasons(texts) and all(map(may_be_date, texts))


def are_seasons(texts: Sequence[str]) -> bool:
    """Whether a column holds 2009-10, 2010-11."""
    seasons = [_SEASON.fullmatch(text) for text in texts]
    return all(s and (int(s[1]) + 1) % 100 == int(s[2]) for s in seasons)


# ---- from a text to seconds ------------------------------------------------------------

_PIVOT = 69  # two digits of a year from here on are of the last century, as POSIX has it
_MONTHS = [name[:3].lower() for name in _LONG]
_NAME = rf"(?P<m>{_MONTH})"
_NTH_DAY = rf"(?P<d>[0-9]{{1,2}}){_NTH}"
_TIME = (
    r"(?:(?:,?\s|t)\s?(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?"
    r"(?:\s?(?P<p>[ap])\.?m\.?)?(?:\s?(?P<z>z|utc|gmt|[+-][0-9]{2}(?::?[0-9]{2})?))?"
    r"(?:\s[a-z]+/[a-z_]+)?)?"
)
_COMPACT_TIME = r"(?:t(?P<H>[0-9]{2})(?P<M>[0-9]{2})(?P<S>[0-9]{2})?(?P<z>z)?)?"
# Where day and month may stand in either order they are the groups `a` and `b`.
_FORMS = tuple(
    Pattern(form, re.IGNORECASE)
    for form in (
        _WEEKDAY + r"(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})" + _TIME,
        _WEEKDAY
        + r"(?P<a>[0-9]{1,2})(?P<mark>[-/.])\s?(?P<b>[0-9]{1,2})(?P=mark)\s?"
        + r"(?P<y>[0-9]{4}|[0-9]{2})"
        + _TIME,
        r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?:\.0*)?" + _COMPACT_TIME,
        _WEEKDAY + rf"{_NTH_DAY}\.?[ -]?(?:of )?{_NAME},?[ -]?(?P<y>[0-9]{{4}}|[0-9]{{2}})" + _TIME,
        _WEEKDAY + rf"{_NAME}[ -]{_NTH_DAY},?[ -]+(?P<y>[0-9]{{4}})" + _TIME,
        rf"(?P<y>[0-9]{{4}})[ -]?{_NAME}[ -]?(?P<d>[0-9]{{1,2}})" + _TIME,
        r"(?P<y>[0-9]{4})[-/](?P<m>[0-9]{1,2})|(?P<m2>[0-9]{1,2})/(?P<y2>[0-9]{4})",
        rf"{_NAME}[ -]?,?\s?(?P<y>[0-9]{{4}})",
    )
)
# What NumPy reads at once: 2024-12-31, 2024-12-31 10:00, 2024-12-31T10:00:00.5; with Z behind a
# time; 31.12.2024, 12/31/2024 10:00:00.
_ISO_DAY = r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_ISO_TIME = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_ISO = Pattern(rf"(?:{_ISO_DAY}(?:{_ISO_TIME})?\n)*")
_ISO_UTC = Pattern(rf"(?:{_ISO_DAY}{_ISO_TIME}[Zz]\n)*")
_EITHER = r"[0-9]{1,2}([-/.])[0-9]{1,2}\1[12][0-9]{3}"
_NUMERALS = {
    3: Pattern(rf"(?:{_EITHER}\n)*"),
    5: Pattern(rf"(?:{_EITHER} [0-9]{{1,2}}:[0-9]{{2}}\n)*"),
    6: Pattern(rf"(?:{_EITHER} [0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}\n)*"),
}
_MARKS = str.maketrans("-/.:", "    ")


@dataclass(frozen=True)
class _Parts:
    """A date as it is written: year; month and day, or two numbers that are both; time, zone.

    days_only: whether there is no time. micros: of the time. offset: of the zone, in seconds.
    """

    year: int
    month: int = 1
    day: int = 1
    either: tuple[int, int] | None = None
    dotted: bool = False
    micros: int = 0
    timed: bool = False
    offset: int | None = None

    def ordered(self, order: str) -> tuple[int, int]:
        """Month and day."""
        if self.either is None:
            return self.month, self.day
        first, second = self.either
        return (second, first) if order == "dmy" else (first, second)


class DateEvidence:
    """What the rows of a column show of how its dates are written."""

    def __init__(self, day_first: bool | None = None) -> None:
        self._given = {None: "", True: "dmy", False: "mdy"}[day_first]
        self._orders: Counter[str] = Counter()  # what a date shows that only one order allows
        self._zones: Counter[bool] = Counter()
        self._dotted = True  # whether all that may have either order have points

    def add(self, texts: Sequence[str]) -> None:
        """Take in some of the column's texts, without missing ones."""
        if (found := _iso(texts)) is not None:
            self._zones[found[1]] += sum(len(text) > len("2024-12-31") for text in texts)
            return
        if (numerals := _numerals(texts)) is not None:
            self._add(numerals, texts)
            return
        for text in texts:
            parts = _parts(text)
            if isinstance(parts, str):
                continue
            if parts.timed:
                self._zones[parts.offset is not None] += 1
            if parts.either is None:
                continue
            possible = [order for order in ("dmy", "mdy") if parts.ordered(order)[0] <= _YEAR]
            if len(possible) == 1:
                self._orders[possible[0]] += 1
            elif parts.either[0] != parts.either[1]:
                self._orders["both"] += 1
                self._dotted &= parts.dotted

    def _add(self, numerals: Array, texts: Sequence[str]) -> None:
        """The same of dates that are numbers (K, 3, 5 or 6)."""
        first, second = numerals[:, 0], numerals[:, 1]
        dmy, mdy = second <= _YEAR, first <= _YEAR
        both = (dmy == mdy) & (first != second)
        self._zones[False] += len(texts) * (numerals.shape[1] > _NO_TIME)
        self._orders["dmy"] += int(np.sum(dmy & ~mdy))
        self._orders["mdy"] += int(np.sum(mdy & ~dmy))
        self._orders["both"] += int(np.sum(both))
        self._dotted &= all("." in texts[row] for row in np.flatnonzero(both).tolist())

    @property
    def form(self) -> DateForm:
        """How the dates are written, as far as that shows."""
        order = self._given
        if not order and (self._orders["dmy"] or self._orders["mdy"]):
            order = "dmy" if self._orders["dmy"] >= self._orders["mdy"] else "mdy"
        elif not order and self._orders["both"] and self._dotted:
            order = "dmy"
        zones = self._zones
        return DateForm(order, zones[True] > zones[False] if zones.total() else None)

    note = ""  # there is nothing to be said


def seconds(texts: Sequence[str], form: DateForm) -> tuple[list[float], dict[str, str]]:
    """The seconds since 1970-01-01 of each text (K,); what is wrong with those that have 0."""
    if (found := _by_numpy(texts, form)) is not None:
        return found.tolist(), {}
    values: list[float] = []
    odd: dict[str, str] = {}
    for text in texts:
        value = _seconds(text, form)
        if isinstance(value, str):
            odd[text] = value
        values.append(0.0 if isinstance(value, str) else value)
    return values, odd


def is_readable(text: str) -> bool:
    """Whether a text is a date that may be read, as far as it shows alone."""
    return isinstance(_parts(text), _Parts)


def _by_numpy(texts: Sequence[str], form: DateForm) -> Array | None:
    """The same at once where all are written alike and exist, else None."""
    if (found := _iso(texts)) is not None:
        return found[0] if form.zone in (None, found[1]) else None
    numerals = _numerals(texts)
    if numerals is None or (form.zone and numerals.shape[1] > _NO_TIME):
        return None
    first, second, year = numerals[:, :_NO_TIME].T
    if not form.order and np.any((first <= _YEAR) & (second <= _YEAR) & (first != second)):
        return None
    day_first = second <= _YEAR if not form.order else np.full(len(texts), form.order == "dmy")
    month, day = np.where(day_first, second, first), np.where(day_first, first, second)
    months = ((year - 1970) * _YEAR + month - 1).astype("datetime64[M]")
    lengths = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
    clock = np.zeros((len(texts), 3), np.int64)
    clock[:, : numerals.shape[1] - _NO_TIME] = numerals[:, _NO_TIME:]
    if not np.all((month >= 1) & (month <= _YEAR) & (day >= 1) & (day <= lengths)):
        return None
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    moments: Array = (days * DAY + clock @ (3600, 60, 1)).astype(np.float64)
    return moments


def _iso(texts: Sequence[str]) -> tuple[Array, bool] | None:
    """The seconds (K,) where all are ISO dates that exist, and whether in UTC; else None."""
    lines = "".join(f"{text}\n" for text in texts)
    zoned = bool(texts) and texts[0][-1:] in ("Z", "z")
    if not (_ISO_UTC if zoned else _ISO).fullmatch(lines):
        return None
    try:
        moments = np.array([text[:-1] for text in texts] if zoned else texts, "datetime64[us]")
    except ValueError:
        return None
    return moments.astype(np.int64) / MICRO, zoned


def _numerals(texts: Sequence[str]) -> Array | None:
    """The numbers (K, 3, 5 or 6) of dates with the year last and of times that exist; else None."""
    count = len(texts[0].translate(_MARKS).split()) if texts else 0
    if count not in _NUMERALS or not texts[0].isascii():
        return None
    lines = "".join(f"{text}\n" for text in texts)
    if not _NUMERALS[count].fullmatch(lines):
        return None
    found = np.fromstring(lines.translate(_MARKS), np.int64, sep=" ").reshape(-1, count)
    there = np.all(found[:, _NO_TIME:] < (24, 60, 60)[: count - _NO_TIME])
    return found if there and len(found) == len(texts) else None  # no cell has several lines


def _seconds(text: str, form: DateForm) -> float | str:
    parts = _parts(text)
    if isinstance(parts, str):
        return parts
    if parts.either is not None and parts.either[0] != parts.either[1] and not form.order:
        first, second = parts.either
        if max(first, second) <= _YEAR:
            return (
                f"which may be {first} {_LONG[second - 1]} or {second} {_LONG[first - 1]}, and no "
                "row tells; set dataset.day_first to true or false"
            )
    month, day = parts.ordered(
        form.order or ("mdy" if parts.either and parts.either[1] > _YEAR else "dmy")
    )
    if parts.timed and form.zone is not None and (parts.offset is not None) != form.zone:
        have = ("no time zone, which other rows have", "a time zone, which other rows do not have")
        return f"with {have[parts.offset is not None]}; write all times in one way"
    if not 1 <= month <= _YEAR:
        what = f"but there is no month {month}"
        if parts.either is not None:
            leads = "day" if form.order == "dmy" else "month"
            what = f"but other rows have the {leads} first, and {what[4:]}"
        return f"{what}; {_CORRECT}"
    days = monthrange(parts.year, month)[1] if parts.year else 0
    if not 1 <= day <= days:
        what = f"but {_LONG[month - 1]} {parts.year} has {days} days"
        return f"{what if days else 'but there is no year 0'}; {_CORRECT}"
    whole = (date(parts.year, month, day).toordinal() - _EPOCH) * DAY - (parts.offset or 0)
    return (whole * MICRO + parts.micros) / MICRO


def _parts(text: str) -> _Parts | str:
    """A date as it is written, or what is wrong with the text."""
    plain = plainly(text)
    match = None
    if len(plain) <= _LONGEST:
        match = next((found for form in _FORMS if (found := form.fullmatch(plain))), None)
    if match is None:
        if re.fullmatch(_CLOCK, plain, re.IGNORECASE):
            return "a time without a date; list the column in dataset.exclude"
        return f"not a date; {_CORRECT}"
    at = {name: value for name, value in match.groupdict().items() if value is not None}
    year, month = at.get("y", at.get("y2", "")), at.get("m", at.get("m2", "1"))
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= _PIVOT else 2000
    either = (int(at["a"]), int(at["b"])) if "a" in at else None
    numeral = int(month) if month.isdigit() else 1 + _MONTHS.index(month[:3].lower())
    micros, offset = 0, None
    if "H" in at:
        hour, minute, second = (int(at.get(unit, "0")) for unit in "HMS")
        if "p" in at and 1 <= hour <= 12:
            hour = hour % 12 + 12 * (at["p"].lower() == "p")
        if hour > 23 or minute > 59 or second > 59:
            return f"but there is no time {hour}:{minute:02}:{second:02}; {_CORRECT}"
        fraction = int(at.get("f", "")[:6].ljust(6, "0"))
        micros = ((hour * 60 + minute) * 60 + second) * MICRO + fraction
        if "z" in at:
            offset = _offset(at["z"])
    return _Parts(
        number,
        numeral,
        int(at.get("d", "1")),
        either,
        at.get("mark") == ".",
        micros,
        "H" in at,
        offset,
    )


def _offset(zone: str) -> int:
    """Seconds that a zone is ahead of UTC."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    ahead = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -ahead if zone[0] == "-" else ahead


# ---- from seconds to numbers that a model can use --------------------------------------

PARTS = ("year", "month", "weekday", "day_number", "hour")


def has_hours(values: Array) -> bool:
    """Whether any of the moments (N,), in seconds, is not at midnight."""
    return bool(np.any(values[~np.isnan(values)] % DAY))


def part(values: Array, name: str) -> Array:
    """One of PARTS of moments (N,) in seconds, NaN where one is missing.

    year; month: 1 to 12; weekday: 0 to 6, Monday being 0; day_number: days since 1970-01-01;
    hour: 0 to 24, minutes and seconds being its fraction.
    """
    gone = np.isnan(values)
    days = np.floor(np.where(gone, 0, values) / DAY)
    if name == "day_number":
        found = days
    elif name == "hour":
        found = (np.where(gone, 0, values) - days * DAY) / 3600
    elif name == "weekday":
        found = (days + _THURSDAY) % 7
    else:
        date64 = days.astype("datetime64[D]")
        months = date64.astype("datetime64[M]").astype(np.int64)
        found = 1970 + months // 12 if name == "year" else 1 + months % 12
    return np.where(gone, np.nan, found)
