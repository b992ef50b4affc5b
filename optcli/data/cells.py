"""Cells: the one place that decides what the cells of a column are: numbers, text or neither.

The distinct texts of a column are judged together, so that every source of a table, in
one piece or in many, comes to the same verdict.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from optcli.data.characters import shown
from optcli.data.dates import are_dates, is_readable, may_be_date
from optcli.data.reading_rules import Form, Reading
from optcli.data.written_numbers import almost, is_written, quantities

# Spellings of a missing value, in lower case, where the config has no list of its own.
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})
TRUTH = ("false", "true")
# In the place of a missing value of a typed source: a text that no file can hold.
NULL = "\ud800"

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


def spellings(values: Sequence[str | float] | None) -> tuple[str, ...] | None:
    """How values that stand for missing ones are written in cells; None for the default list."""
    if values is None:
        return None
    return tuple(value if isinstance(value, str) else number_text(value) for value in values)


def canonical(text: str) -> str:
    """One spelling for what differs by the source alone: `True` and `true`, `1.0` and `1`."""
    if text.lower() in TRUTH:
        return text.lower()
    if _NUMBER.fullmatch(text) and not LEADING_ZERO.match(text):
        return number_text(float(text))
    return text


# ---- the verdict -----------------------------------------------------------------------


@dataclass(frozen=True)
class ColumnVerdict:
    """What the K distinct texts of a column are.

    numbers: (K,) their values, None for a missing one; None where the column is text.
    texts: (K,) the categories of a text column, None for a missing one. odd: the texts
    that keep it from being what it should be, of which the first is to be named; then
    `words`, of which the first is to be named, too. note: what is said of the column. why:
    what is wrong with an odd text, where there is more to say than `objection` does. form: how
    a column of dates or written numbers is written.
    """

    numbers: tuple[float | None, ...] | None = None
    texts: tuple[str | None, ...] = ()
    odd: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    note: str = ""
    why: Mapping[str, str] = field(default_factory=dict)
    form: Form | None = None


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
    if are_dates(present):
        return ColumnVerdict(texts=kept, odd=frozenset(filter(may_be_date, present)))
    amounts = set(filter(almost, present))
    if 2 * len(amounts) >= len(there):
        return ColumnVerdict(texts=kept, odd=frozenset(amounts), words=frozenset(there - amounts))
    what = quantities(present)
    remedy = "and is read as text; list it in dataset.numeric to use their size"
    if what.startswith("fractions"):
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


# What may mean a missing value, but is none of those that are taken for one.
_GAP = re.compile(
    r"[\W_]+|\\n|\(?<?(?:n\.? ?a\.?|n\.? ?d\.?|nil|null|none|missing|unknown|unk|blank|empty"
    r"|undefined|unspecified|tbd|not (?:available|applicable|known|given|reported))>?\)?|nat"
    r"|#[a-z/0]+[!?]?|[+-]?(?:1\.#)?(?:nan|ind|qnan)",
    re.IGNORECASE,
)


_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:[0-9]*,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+|[0-9]*,[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?"
)


def objection(text: str, rules: int, *, several: bool) -> str:
    """What a cell is that keeps its column from being numbers, and what to do.

    several: whether the column has further such texts, so that it may be meant as one of text.
    """
    otherwise = ", or list the column in dataset.categorical" if several else ""
    if not text:
        return f"an empty text; list '' in dataset.missing_values{otherwise}"
    if rules > 1 and may_be_date(text):
        if is_readable(text):
            what = "a date; list the column in dataset.dates"
        else:
            what = "a date or time; list the column in dataset.exclude"
        return f"{what}, or in dataset.categorical to keep it as text" if several else what
    or_text = ", or in dataset.categorical to keep it as text" if several else ""
    if rules > 1 and almost(text) and is_written(text):
        first = "" if several else "correct it, or "
        return f"not a plain number; {first}list the column in dataset.numeric{or_text}"
    if _DECIMAL_COMMA.fullmatch(text):
        return "not a number; write decimals with a point"
    if almost(text) if rules > 1 else _ALMOST_1.fullmatch(text):
        return f"not a number; write digits alone, decimals with a point{otherwise}"
    if rules > 1 and _GAP.fullmatch(text):
        return f"not a number; if it means missing, list it in dataset.missing_values{otherwise}"
    return f"not a number; correct it{otherwise or ', or list it in dataset.missing_values'}"
