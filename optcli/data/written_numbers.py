"""Written numbers: `$ 1,234.50`, `12 %`, `3.5 kg`; which texts are some, and their values."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from optcli.core.patterns import Pattern
from optcli.data.characters import plainly, shown
from optcli.data.dates import are_seasons
from optcli.data.reading_rules import NumberForm

# ---- what is a written number ----------------------------------------------------------

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
_ALMOST = Pattern(
    rf"[+-]?\s?(?:{_AFFIX}\s?)?[+-]?\s?{_AMOUNT}(?:\s?{_AFFIX})?(?:\s?-)?"
    rf"|[+-]?\s?(?:{_AFFIX}\s?)?\(\s?(?:{_AFFIX}\s?)?{_AMOUNT}(?:\s?{_AFFIX})?\s?\)(?:\s?{_AFFIX})?"
)
_QUARTER = Pattern(r"(?:(?:19|20)[0-9]{2}|'?[0-9]{2})\s?[qQ][1-4]")
_TELEPHONE = Pattern(r"\+[0-9]+ .*|[0-9]{3} [0-9]{3} [0-9]{3}(?: [0-9]{3})*")
_UNIT = Pattern(
    rf"([+-]?\s?{_AMOUNT})\s?((?:[^\W\d_]|[\u00b0'\"\u2032\u2033])[^\W\d_\u00b0]*"
    r"(?:[\u00b2\u00b3]|\^?-?[1-3])?"
    r"(?:[ /*.\u00b7]?[^\W\d_]+(?:[\u00b2\u00b3]|\^?-?[1-3])?){0,2})\.?"
)
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_DECADE = Pattern(r"'?(?:[12][0-9])?[0-9]0s")
_FRACTION = Pattern(  # by what one divides; not blood pressures, 120/80, or seasons, 2009/10
    r"[+-]?(?:[0-9]+[ -])?[0-9]+[/\u2044](?:[2-9]|1[0-26]|20|25|32|50|64|1000?|1)"
    r"|[+-]?[0-9]*\s?[\u00bc-\u00be\u2150-\u215e]"
)
_LONGEST = 60  # characters of what may be a number
_MOST_UNITS = 3  # that a column of quantities has


def almost(text: str) -> bool:
    """Whether a cell that is no number is one but for its way of writing."""
    if len(text) > _LONGEST or not any(c.isdecimal() for c in text):
        return False
    plain = plainly(text)
    if _TELEPHONE.fullmatch(plain) or _QUARTER.fullmatch(plain):
        return False
    return _ALMOST.fullmatch(plain) is not None


def quantities(texts: Sequence[str]) -> str:
    """`numbers with a unit ('15 km')`, or fractions, where the cells of a text column are that."""
    if max(map(len, texts), default=_LONGEST + 1) > _LONGEST or are_seasons(texts):
        return ""
    if all(map(_FRACTION.fullmatch, texts)):
        return f"fractions ('{shown(texts[0])}')"
    if all(map(_DECADE.fullmatch, texts)):
        return ""
    found = [match for text in texts if (match := _UNIT.fullmatch(plainly(text)))]
    units = {match[2].lower() for match in found}
    sizes = {match[1] for match in found}
    if 2 * len(found) < len(texts) or not found or units <= _ORDINALS:
        return ""
    if len(units) > _MOST_UNITS or len(sizes) <= len(units):
        return ""
    return f"numbers with a unit ('{shown(found[0].string)}')"


# ---- from a text to its value ----------------------------------------------------------

POINT, COMMA = ".", ","
_PLAIN = Pattern(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.I
)
_DASHES = Pattern(r"[-\u2010-\u2015\u2212\ufe63\uff0d]+")
_BODY = re.compile(r"(?:[0-9]|[.,](?=[0-9]))(?:[0-9.,']|[ ](?=[0-9]{3}(?![0-9])))*")
_POWER = re.compile(r"[eE]([+-]?[0-9]+)|\s?[x\u00d7*\u00b7]\s?10\s?(?:\^|\*\*)?\s?([+-]?[0-9]+)")
_BEFORE = Pattern(rf"{_MONEY}|[%\u2030\u2031]")
_WORD = r"[^\W\d_]+(?:[\u00b2\u00b3]|\^?-?[1-3])?"
_AFTER = Pattern(
    rf"{_AFFIX}|(?:[\u00b0'\"\u2032\u2033]{{1,2}}[^\W\d_]?|{_WORD})"
    rf"(?:\s?[ /*.\u00b7]\s?{_WORD}){{0,3}}\.?"
)
# Marks between groups of digits, for each mark of decimals.
_WHOLE = {
    mark: Pattern(
        r"[0-9]+|[1-9][0-9]{0,2}(?P<by>[ '" + other + r"])[0-9]{3}(?:(?P=by)[0-9]{3})*"
        rf"|[1-9][0-9]?(?:{other}[0-9]{{2}})+{other}[0-9]{{3}}|[1-9][0-9]{{0,3}}(?:{other}[0-9]{{4}})+"
    )
    for mark, other in ((POINT, r","), (COMMA, r"\."))
}
# What stands around a number with one or two decimals, and many of these.
_FRAME = Pattern(r"([^0-9.,()+-]*)([0-9](?:[0-9.,]*[0-9])?([.,])[0-9]{1,2})([^0-9.,()+-]*)")
_FIXED = {
    mark: Pattern(rf"(?:(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{other}[0-9]{{3}})+){ours}[0-9]{{1,2}}\n)*")
    for mark, other, ours in ((POINT, ",", r"\."), (COMMA, r"\.", ","))
}
_THOUSANDS = Pattern(r"[1-9][0-9]{0,2}([.,])[0-9]{3}")  # may be that, or three decimals
# Signs and codes of one currency.
_SAME = {
    "US$": "$",
    "USD": "$",
    "EUR": "\u20ac",
    "Eur": "\u20ac",
    "eur": "\u20ac",
    "GBP": "\u00a3",
    "Rs": "\u20b9",
    "INR": "\u20b9",
}
_AROUND = re.compile(r"\s*([/*\u00b7])\s*")
_POWERS = str.maketrans("\u00b2\u00b3", "23", "^")
_POINTED = frozenset("$\u00a3\u00a5\u20b9\u20a9")  # currencies written with a point, if before
_NOT = "not a number; correct it, or, if it means missing, list it in dataset.missing_values"


@dataclass(frozen=True)
class _Written:
    """A number as it is written: the digits with their marks, sign, unit and power of ten."""

    body: str
    negative: bool = False
    unit: str = ""
    power: int = 0
    before: bool = False  # where the unit stands
    plain: bool = False

    def value(self, decimal: str) -> float | None:
        """The value where `decimal` is the mark of decimals; None where it cannot be."""
        if self.plain and (decimal == POINT or POINT not in self.body):
            return float(self.body)
        whole, _, rest = self.body.lstrip("+-").partition(decimal)
        if (rest and not rest.isdigit()) or not (whole or rest):
            return None
        if whole and not _WHOLE[decimal].fullmatch(whole):
            return None
        digits = "".join(filter(str.isdigit, whole)) or "0"
        value = float(f"{digits}.{rest or 0}e{self.power}")
        return -value if self.negative or self.body[0] == "-" else value


class NumberEvidence:
    """What the rows of a column show of how its numbers are written."""

    def __init__(self, decimal: str | None = None) -> None:
        self._given = decimal or ""
        self._units: Counter[str] = Counter()
        self._bare = ""  # the first number without a unit
        self._only: Counter[str] = Counter()  # numbers that only one mark of decimals allows
        self._either: Counter[str] = Counter()  # the mark, in numbers of two possible values
        self._plain = True
        self._small = self._pointed = False

    def add(self, texts: Sequence[str]) -> None:
        """Take in some of the column's texts, without missing ones."""
        if (alike := _alike(texts)) is not None:
            self._only[alike.decimal] += len(texts)
            self._plain &= alike.plain
            if alike.unit:
                self._units[alike.unit] += len(texts)
            elif not self._bare and alike.decimal == POINT:
                self._bare = next((t for t, v in zip(texts, alike.values, strict=True) if v), "")
            return
        for text in texts:
            written = _written(text)
            if written is None:
                continue
            if written.unit:
                self._units[written.unit] += 1
            elif not self._bare and written.value(POINT):
                self._bare = text
            self._plain &= written.plain
            point, comma = written.value(POINT), written.value(COMMA)
            if comma is None and point is not None and not written.plain:
                self._only[POINT] += 1
            elif comma is None and point is not None:
                self._only[POINT] += "." in written.body
            elif point is None and comma is not None:
                self._only[COMMA] += 1
            elif point != comma and (match := _THOUSANDS.fullmatch(written.body)):
                self._either[match[1]] += 1
                first = written.unit.rstrip(" ")[:1]
                self._pointed |= written.before and first in _POINTED
            elif point == comma and point:
                self._small |= written.body.isdigit() and len(written.body) <= 3

    @property
    def form(self) -> NumberForm:
        """How the numbers are written, as far as that shows."""
        unit = max(self._units, key=lambda unit: (self._units[unit], unit), default="")
        return NumberForm(self._given or self._decimal(), unit)

    @property
    def note(self) -> str:
        """What is to be said of the column, where some numbers lack the unit of the others."""
        if not self._units or not self._bare:
            return ""
        unit = shown(self.form.unit)
        return (
            f"has numbers without a unit ('{shown(self._bare)}'), which are taken to be in '{unit}'"
        )

    def _decimal(self) -> str:
        only, either = self._only, self._either
        if only[POINT] or only[COMMA]:
            return POINT if only[POINT] >= only[COMMA] else COMMA
        if not either or self._plain:
            return POINT
        # 999 beside 1,234 is how thousands are written; three decimals would be kept
        thousands = set(either) == {COMMA} and (self._small or self._pointed)
        return POINT if thousands else ""


def is_written(text: str) -> bool:
    """Whether a text is a number that may be read, as far as it shows alone."""
    return _written(text) is not None


def is_dash(text: str) -> bool:
    """Whether a cell is a dash alone, which stands for a missing value among written numbers."""
    return _DASHES.fullmatch(text) is not None


def values(texts: Sequence[str], form: NumberForm) -> tuple[list[float], dict[str, str]]:
    """The value of each text (K,), without its unit; what is wrong with those that have 0."""
    alike = _alike(texts)
    if alike is not None and (alike.unit or form.unit, alike.decimal) == (form.unit, form.decimal):
        return alike.values, {}
    found: list[float] = []
    odd: dict[str, str] = {}
    for text in texts:
        value = _value(text, form)
        if isinstance(value, str):
            odd[text] = value
        found.append(0.0 if isinstance(value, str) else value)
    return found, odd


@dataclass(frozen=True)
class _Alike:
    """Numbers between the same signs, with one or two decimals: those can be nothing else.

    plain: whether they have neither signs nor thousands, and a point.
    """

    values: list[float]
    decimal: str
    unit: str
    plain: bool


def _alike(texts: Sequence[str]) -> _Alike | None:
    """The numbers where all are so, as prices mostly are; at once, as a column may have many."""
    match = _FRAME.fullmatch(texts[0]) if texts else None
    if match is None or max(map(len, texts)) > _LONGEST:
        return None
    before, body, decimal, after = match.groups()
    first = _written(texts[0])
    if first is None or first.body != body or first.negative or first.power:
        return None
    if not all(text.startswith(before) and text.endswith(after) for text in texts):
        return None
    lines = "".join(f"{text[len(before) : len(text) - len(after)]}\n" for text in texts)
    if not _FIXED[decimal].fullmatch(lines):
        return None
    other = COMMA if decimal == POINT else POINT
    digits = lines.replace(other, "").replace(decimal, POINT).split()
    if len(digits) != len(texts):  # a cell of several lines
        return None
    plain = first.plain and other not in lines
    return _Alike(list(map(float, digits)), decimal, first.unit, plain)


def _value(text: str, form: NumberForm) -> float | str:
    written = _written(text)
    if written is None:
        return _NOT
    if written.unit and written.unit != form.unit:
        others = f"in '{shown(form.unit)}'" if form.unit else "without a unit"
        return f"in '{shown(written.unit)}', where others are {others}; write all in one unit"
    if form.decimal:
        value = written.value(form.decimal)
        if value is not None:
            return value
        other = COMMA if form.decimal == POINT else POINT
        if written.value(other) is None:
            return _NOT
        marks = {POINT: "a point", COMMA: "a comma"}
        own, others = marks[other], marks[form.decimal]
        return f"with {own} before its decimals, where others have {others}; correct it"
    point, comma = written.value(POINT), written.value(COMMA)
    if point == comma and point is not None:
        return point
    if point is None or comma is None:
        return _NOT
    return (
        f"which may be {point:.10g} or {comma:.10g}, and no row tells; set dataset.decimal to "
        "'.' or ',', the mark before decimals"
    )


def _written(text: str) -> _Written | None:
    """A number as it is written, None where the text is none."""
    if len(text) > _LONGEST:
        return None
    if _PLAIN.fullmatch(text):
        return _Written(text, plain=True)
    plain = plainly(text).strip()
    body = _BODY.search(plain)
    if body is None:
        return None
    before, after, digits = plain[: body.start()], plain[body.end() :], body[0]
    power = 0
    if match := _POWER.match(after):
        power, after = int(match[1] or match[2]), after[match.end() :]
    around = _around(before, after, digits[-1] in ",.")
    return None if around is None else _Written(digits, *around, power, bool(before.strip("-+( ")))


@functools.lru_cache(maxsize=1024)  # a column has few
def _around(before: str, after: str, whole: bool) -> tuple[bool, str] | None:
    """Whether a number is negative, and its unit, by what stands around its digits.

    whole: whether the digits end with a mark, as in 5,- without cents. None where it is none.
    """
    before, after = before.strip(), after.strip()
    negative = False
    if "(" in before:
        if before.count("(") > 1 or after.count(")") != 1:
            return None
        before, after = before.replace("(", " ").strip(), after.replace(")", " ").strip()
        negative = True
    signs = [sign for sign in (before[:1], before[1:][-1:]) if sign in ("-", "+")]
    if signs:
        if len(signs) > 1 or negative:
            return None
        negative = signs[0] == "-"
        before = before.strip("+-").strip()
    if after[:1] == "-" and whole:
        after = after[1:].strip()
    elif after[-1:] == "-" or after[:1] == "-":
        if negative or signs:
            return None
        negative, after = True, after.strip("-").strip()
    if (before and not _BEFORE.fullmatch(before)) or (after and not _AFTER.fullmatch(after)):
        return None
    return negative, " ".join(_unit(part) for part in (before, after) if part)


def _unit(text: str) -> str:
    """One spelling of a unit: km/h for km / h, m2 for m², € for EUR, kg for kg."""
    unit = _AROUND.sub(r"\1", " ".join(text.split())).rstrip(".").translate(_POWERS)
    return _SAME.get(unit, unit)
