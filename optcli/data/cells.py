"""Cells: the one place that decides what the cells of a column are: numbers, text or neither.

The distinct texts of a column are judged together, so that every source of a table, in
one piece or in many, comes to the same verdict.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from optcli.data.reading_rules import Reading

# Spellings of a missing value, in lower case, where the config has no list of its own.
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})
TRUTH = ("false", "true")
# In the place of a missing value of a typed source: a text that no file can hold.
NULL = "\ud800"

# ---- invisible characters --------------------------------------------------------------

# Without width or meaning at the ends of a cell: zero-width, direction and byte order marks.
_MARKS = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u202a\u202b\u202c\u202d\u202e"
_MARKS += "\u2066\u2067\u2068\u2069\ufeff"
_END_OF_FILE = "\x1a"  # with which old systems end a text, and its last cell
_EDGE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace()) + _MARKS + _END_OF_FILE
_EDGE_ASCII = "".join(c for c in _EDGE if c.isascii())
_NOTHING = dict.fromkeys(map(ord, _MARKS))
_NO_BREAK = str.maketrans({"\u00a0": " ", "\u2007": " ", "\u202f": " "})


def clean(text: str) -> str:
    """A cell or a name without what is invisible at its ends; no-break spaces become spaces."""
    if text.isascii():
        return text.strip(_EDGE_ASCII)
    return text.strip(_EDGE).translate(_NO_BREAK)


def folded(text: str) -> str:
    """What texts share that differ in case, blanks and invisible characters alone."""
    text = text.casefold()
    if not text.isascii():
        text = text.translate(_NOTHING)
    return " ".join(text.split())


def shown(text: str) -> str:
    """The text with invisible characters escaped, as messages show it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# ---- numbers ---------------------------------------------------------------------------

_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?:inf|infinity))", re.IGNORECASE
)
LEADING_ZERO = re.compile(r"[+-]?0[0-9]")


def number(text: str) -> float | None:
    """The number that a cell holds, or None; `1_000` is a name, not a number."""
    if "_" in text:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    return None


def number_text(value: float) -> str:
    """A number as one would write it: '3' for 3.0."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def canonical(text: str) -> str:
    """One spelling for what differs by the source alone: `True` and `true`, `1.0` and `1`."""
    if text.lower() in TRUTH:
        return text.lower()
    if _NUMBER.fullmatch(text) and not LEADING_ZERO.match(text):
        return number_text(float(text))
    return text


# ---- almost numbers --------------------------------------------------------------------

# What other writing systems have for the characters of a number.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2019\u02bc\uff07\u00b4\u2018", "'"),
        **dict.fromkeys("\u2009\u200a\u2005\u2006\u2008\u3000", " "),
        **dict.fromkeys("\uff05\u066a", "%"),
        "\uff0e": ".",
        "\u066b": ".",
        "\uff0c": ",",
        "\u066c": ",",
        "\uff0b": "+",
        "\uff08": "(",
        "\uff09": ")",
    }
)


def _plainly(text: str) -> str:
    """The text with the digits, signs and separators of ASCII."""
    if text.isascii():
        return text
    found = [str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text.translate(_PLAIN)]
    return "".join(found)


_SIGN = (
    "[$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0e3f\u17db\u20a0-\u20cf"
    "\ufdfc\ufe69\uff04\uffe0\uffe1\uffe5\uffe6]"
)
_CODES = (
    "AED|AUD|BGN|BHD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HRK|HUF|IDR|ILS|INR|ISK"
    "|JPY|KES|KRW|KWD|LKR|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RMB|RON|RSD|RUB|SAR|SEK|SGD"
    "|THB|TRY|TWD|UAH|USD|UYU|VND|ZAR|BTC|ETH"
)
_NAMES = (
    "kr|Kr|K\u010d|z\u0142|Ft|lei|Lei|Rs|Fr|Rp|RM|TL|Dh|\u0440\u0443\u0431|\u0440|\u043b\u0432"
    "|\u0433\u0440\u043d|\u5143|\u5186|\uc6d0|eur|Eur|usd|Usd|gbp|Gbp"
)
_MONEY = rf"(?:[A-Z]{{0,3}}{_SIGN}|S/\.?|(?:{_CODES}|{_NAMES})\b\.?)"
_AFFIX = rf"(?:{_MONEY}|[%\u2030\u2031])"
_GROUPED = (
    r"(?:[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+(?:\.[0-9]+)?|(?:\.[0-9]{3})+(?:,[0-9]+)?"
    r"|(?:[ '][0-9]{3})+(?:[.,][0-9]+)?)"
    r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?"  # 12,34,567
    r"|[1-9][0-9]{0,3}(?:,[0-9]{4})+(?:\.[0-9]+)?)"  # 1,2345,6789
)
_DIGITS = rf"(?:{_GROUPED}|[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)"
_EXPONENT = r"(?:\s?[eEdDqQ]\s?[+-]?[0-9]+|\s?[x\u00d7*\u00b7]\s?10\s?(?:\^|\*\*)?\s?[+-]?[0-9]+)"
_AMOUNT = rf"{_DIGITS}{_EXPONENT}?"
_ALMOST = re.compile(
    rf"[+-]?\s?(?:{_AFFIX}\s?)?[+-]?\s?{_AMOUNT}(?:\s?{_AFFIX})?(?:\s?-)?"
    rf"|[+-]?\s?(?:{_AFFIX}\s?)?\(\s?(?:{_AFFIX}\s?)?{_AMOUNT}(?:\s?{_AFFIX})?\s?\)(?:\s?{_AFFIX})?"
)
_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:[0-9]*,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+|[0-9]*,[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?"
)
_QUARTER = re.compile(r"(?:(?:19|20)[0-9]{2}|'?[0-9]{2})\s?[qQ][1-4]")
_TELEPHONE = re.compile(r"\+[0-9]+ .*|[0-9]{3} [0-9]{3} [0-9]{3}(?: [0-9]{3})*")
_UNIT = re.compile(
    rf"([+-]?\s?{_AMOUNT})\s?((?:[^\W\d_]|[\u00b0'\"\u2032\u2033])[^\W\d_\u00b0]*"
    r"(?:[\u00b2\u00b3]|\^?-?[1-3])?"
    r"(?:[ /*.\u00b7]?[^\W\d_]+(?:[\u00b2\u00b3]|\^?-?[1-3])?){0,2})\.?"
)
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_DECADE = re.compile(r"'?(?:[12][0-9])?[0-9]0s")
_FRACTION = re.compile(  # by what one divides; not blood pressures, 120/80, or seasons, 2009/10
    r"[+-]?(?:[0-9]+[ -])?[0-9]+[/\u2044](?:[2-9]|1[0-26]|20|25|32|50|64|1000?|1)"
    r"|[+-]?[0-9]*\s?[\u00bc-\u00be\u2150-\u215e]"
)
_LONGEST = 60  # characters of what may be an almost number or a date
_MOST_UNITS = 3  # that a column of quantities has


def almost(text: str) -> bool:
    """Whether a cell that is no number is one but for its way of writing."""
    if len(text) > _LONGEST or not any(c.isdecimal() for c in text):
        return False
    plain = _plainly(text)
    if _TELEPHONE.fullmatch(plain) or _QUARTER.fullmatch(plain):
        return False
    return _ALMOST.fullmatch(plain) is not None


# ---- dates and times -------------------------------------------------------------------

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
_DATE = re.compile(
    rf"{_WEEKDAY}(?:"
    rf"{_Y}([-/.]){_M}\1{_D}|{_D}([-/.])\s?{_M}\2\s?{_Y}|{_M}([-/.]){_D}\3{_Y}"
    rf"|{_MONTH}[ -]{_D}{_NTH},?[ -]+{_Y}|{_D}{_NTH}\.?[ -]?(?:of )?{_MONTH},?[ -]?{_Y}"
    rf"|{_Y}[ -]?{_MONTH}[ -]?{_D}|{_MONTH} {_D} {_CLOCK} {_Y}"
    rf")(?:,?[ t]\s?{_CLOCK})?(?:\s[a-z]+/[a-z_]+)?|{_Y}[01][0-9][0-3][0-9]t[0-9]{{4,6}}z?",
    re.IGNORECASE,
)
# What may be something else unless the whole column is of the kind: 2024-01, 10:30, 31.12.24.
_DATE_IF_ALL = re.compile(
    rf"(?:19|20)[0-9]{{2}}[-/](?:0[1-9]|1[0-2])|{_M}/(?:19|20)[0-9]{{2}}"
    rf"|{_Y}-?w[0-5][0-9](?:-[1-7])?"
    rf"|{_MONTH}[ -]?,?\s?(?:{_Y}|'?[0-9]{{2}})|{_Y}[ -]{_MONTH}"
    rf"|{_D}[ -]{_MONTH}(?:[ -]'?[0-9]{{2}})?"
    rf"|{_D}([./-]){_M}\1[0-9]{{2}}|{_M}/{_D}/[0-9]{{2}}|{_CLOCK}",
    re.IGNORECASE,
)
_SEASON = re.compile(r"([0-9]{4})[-/]([0-9]{2})")
_ZEROS = re.compile(r"\.0+(?![0-9])|(?<=\.)([0-9]*?)0+(?![0-9])")


def moment(text: str) -> str:
    """A time of a typed source as text, without zeros at the end of its fraction."""
    return _ZEROS.sub(r"\1", text)


def is_date(text: str) -> bool:
    """Whether a cell is a date, with a time or without."""
    return len(text) <= _LONGEST and _DATE.fullmatch(text) is not None


def _may_be_date(text: str) -> bool:
    """Whether a cell is a date, or may be one."""
    return is_date(text) or (len(text) <= _LONGEST and _DATE_IF_ALL.fullmatch(text) is not None)


def _are_dates(texts: Sequence[str]) -> bool:
    """Whether a column holds dates or times: half of its texts, or all that may be other things."""
    if 2 * sum(map(is_date, texts)) >= len(texts):
        return True
    return not _are_seasons(texts) and all(map(_may_be_date, texts))


def _are_seasons(texts: Sequence[str]) -> bool:
    """Whether a column holds 2009-10, 2010-11."""
    seasons = [_SEASON.fullmatch(text) for text in texts]
    return all(s and (int(s[1]) + 1) % 100 == int(s[2]) for s in seasons)


# ---- the verdict -----------------------------------------------------------------------


@dataclass(frozen=True)
class ColumnVerdict:
    """What the K distinct texts of a column are.

    numbers: (K,) their values, None for a missing one; None where the column is text.
    texts: (K,) the categories of a text column, None for a missing one. odd: the texts
    that keep it from being what it should be, of which the first is to be named; then
    `words`, of which the first is to be named, too. note: what is said of the column.
    """

    numbers: tuple[float | None, ...] | None = None
    texts: tuple[str | None, ...] = ()
    odd: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    note: str = ""


def is_missing(text: str, reading: Reading, *, typed: bool = False) -> bool:
    """Whether a clean cell is a missing value.

    typed: whether the source has a missing value of its own, `NULL`, so that 'NA' and an
    empty text are texts; what the config lists is missing in any source.
    """
    if reading.rules == 1:
        return text.lower() in MISSING
    if text == NULL or (not text and not typed):
        return True
    if reading.missing is not None:
        return text in reading.missing or canonical(text) in reading.missing
    return not typed and text.lower() in MISSING


def judge(
    texts: Sequence[str], reading: Reading, *, as_text: bool = False, typed: bool = False
) -> ColumnVerdict:
    """What a column of these distinct, clean texts is.

    Numbers when every text that is not missing is one; text when none is. A mixed column
    comes as text with what is odd in it; so does one whose texts are almost numbers, or
    dates. as_text: whether it is text whatever it holds.
    """
    present = sorted(text for text in texts if not is_missing(text, reading, typed=typed))
    there = set(present)
    kept = tuple(text if text in there else None for text in texts)
    if reading.rules == 1:
        return _judge_1(texts, kept, present, as_text=as_text)
    if present and all(text.lower() in TRUTH for text in present):
        return ColumnVerdict(texts=tuple(text and text.lower() for text in kept))
    if as_text:
        return ColumnVerdict(texts=kept)
    plain = {text for text in present if _NUMBER.fullmatch(text)}
    zeros = sorted(text for text in plain if LEADING_ZERO.match(text))
    if zeros and not (padded := _are_padded(plain)):
        note = f"has leading zeros ('{shown(zeros[0])}') and is read as text"
        return ColumnVerdict(texts=kept, note=note)
    if len(plain) == len(there):
        numbers = tuple(None if text is None else float(text) for text in kept)
        note = ""
        if zeros and padded:
            note = f"is padded with zeros ('{zeros[0]}') and is read as numbers; "
            note += "list it in dataset.categorical to keep it as text"
        return ColumnVerdict(numbers, note=note)
    if plain:
        return ColumnVerdict(texts=kept, odd=frozenset(there - plain))
    if _are_dates(present):
        return ColumnVerdict(texts=kept, odd=frozenset(filter(_may_be_date, present)))
    amounts = set(filter(almost, present))
    if 2 * len(amounts) >= len(there):
        return ColumnVerdict(texts=kept, odd=frozenset(amounts), words=frozenset(there - amounts))
    what = quantities(present)
    remedy = "and is read as text; write decimal numbers alone to use their size"
    return ColumnVerdict(texts=kept, note=f"holds {what} {remedy}" if what else "")


def _judge_1(
    texts: Sequence[str], kept: tuple[str | None, ...], present: Sequence[str], *, as_text: bool
) -> ColumnVerdict:
    """By the rules of version 0.1."""
    numbers = tuple(None if text is None else number(text) for text in kept)
    numeric = {text for text, value in zip(texts, numbers, strict=True) if value is not None}
    if not as_text and len(numeric) == len(present):
        return ColumnVerdict(numbers)
    if as_text or not (numeric or all(map(_ALMOST_1.fullmatch, present))):
        return ColumnVerdict(texts=kept)
    return ColumnVerdict(texts=kept, odd=frozenset(set(present) - numeric))


_ALMOST_1 = re.compile(
    r"[+\-\u2212]?[$€£¥]?\s?[+\-\u2212]?(\d+([.,]\d+)?|\d{1,3}([.,'\u2019\s]\d{3})+([.,]\d+)?)"
    r"(\s?[%$€£¥])?"
)


def _are_padded(numbers: set[str]) -> bool:
    """Whether numbers are written to a fixed width, as 01.50 beside 12.75 is, and no codes."""
    shapes = {(len(text), text.find(".")) for text in numbers}
    return len(shapes) == 1 and shapes.pop()[1] > 0 and not any("e" in t.lower() for t in numbers)


def quantities(texts: Sequence[str]) -> str:
    """`numbers with a unit ('15 km')`, or fractions, where the cells of a text column are that."""
    if max(map(len, texts), default=_LONGEST + 1) > _LONGEST or _are_seasons(texts):
        return ""
    if all(map(_FRACTION.fullmatch, texts)):
        return f"fractions ('{shown(texts[0])}')"
    if all(map(_DECADE.fullmatch, texts)):
        return ""
    found = [match for text in texts if (match := _UNIT.fullmatch(_plainly(text)))]
    units = {match[2].lower() for match in found}
    sizes = {match[1] for match in found}
    if 2 * len(found) < len(texts) or not found or units <= _ORDINALS:
        return ""
    if len(units) > _MOST_UNITS or len(sizes) <= len(units):
        return ""
    return f"numbers with a unit ('{shown(found[0].string)}')"


# What may mean a missing value, but is none of those that are taken for one.
_GAP = re.compile(
    r"[\W_]+|\\n|\(?<?(?:n\.? ?a\.?|n\.? ?d\.?|nil|null|none|missing|unknown|unk|blank|empty"
    r"|undefined|unspecified|tbd|not (?:available|applicable|known|given|reported))>?\)?|nat"
    r"|#[a-z/0]+[!?]?|[+-]?(?:1\.#)?(?:nan|ind|qnan)",
    re.IGNORECASE,
)


def objection(text: str, rules: int, *, several: bool) -> str:
    """What a cell is that keeps its column from being numbers, and what to do.

    several: whether the column has further such texts, so that it may be meant as one of text.
    """
    otherwise = ", or list the column in dataset.categorical" if several else ""
    if not text:
        return f"an empty text; list '' in dataset.missing_values{otherwise}"
    if rules > 1 and _may_be_date(text):
        what = "a date or time; list the column in dataset.exclude"
        return f"{what}, or in dataset.categorical to keep it as text" if several else what
    if _DECIMAL_COMMA.fullmatch(text):
        return "not a number; write decimals with a point"
    if almost(text) if rules > 1 else _ALMOST_1.fullmatch(text):
        return f"not a number; write digits alone, decimals with a point{otherwise}"
    if rules > 1 and _GAP.fullmatch(text):
        return f"not a number; if it means missing, list it in dataset.missing_values{otherwise}"
    return f"not a number; correct it{otherwise or ', or list it in dataset.missing_values'}"
