"""Remarks: columns that are no data, and what else of a table is worth saying.

None of it ends a run. What is said names the column and the remedy. Columns are looked at
a block of rows at a time, and most are done with after the first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import TargetKind
from optcli.data.base import Dataset, Roles
from optcli.data.categories import classes_of
from optcli.data.characters import folded
from optcli.data.columns import BLOCK, EXACT, Column, Numbers, Words, distinct, inexact, short
from optcli.data.features import Feature
from optcli.data.split import Split
from optcli.data.table import Table
from optcli.data.targets import NUMERIC

LEAST = 20  # rows from which chance does not make a counter or a copy
NAMED = 5  # the same under a name that only a counter has
CALENDAR = 366  # up to here a count of days, weeks or hours may be the data itself
MANY = 30  # rows from which an identifier is told from a number
SEEN = 2 * BLOCK  # rows in which an identifier's values must differ
DIFFERENT = 0.95  # share of an identifier's values that differ
# Different texts of a column that are worth a note: so many, or such a share of the rows; but
# few of them are none too many in any table.
MANY_TEXTS, MANY_SHARE, FEW_TEXTS = 50, 0.1, 2
FEW = 5  # columns that are named one by one; more are named together
NEAR = 1e-6  # how near to a line a linear copy is, relative to the value and to all values
EPS = np.finfo(np.float64).eps

# Names that pandas and R give to a counter of rows.
WRITTEN = re.compile(r"unnamed: ?\d+|__index_level_\d+__|level_\d+|index|rownames|row\.names")
TIME = re.compile(r"t|times?|dates?|days?|weeks?|months?|years?|hours?|minutes?|seconds?|steps?")
# The first word of an identifier's name (id_customer, but not no_of_rooms), the last one, and
# both in one.
FIRST = re.compile(r"id|uid|uuid|guid|pk")
LAST = re.compile(r"id|uid|uuid|guid|pk|key|index|idx|nr|no|num|number|nummer|serial")
JOINED = re.compile(
    r"(user|customer|client|order|row|item|product|patient|subject|student|employee|account"
    r"|invoice|transaction|passenger|case|record|sample|session|device|member|person|kunden"
    r"|phone|serial)(id|key|nr|no|num|number|nummer)"
)


@dataclass(frozen=True)
class Remarks:
    """Sentences on features; where many share one they share a line."""

    roles: Roles
    found: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def add(self, name: str, one: str, several: str) -> None:
        """`column 'a' ` + one, or `12 columns ` + several + the names."""
        self.found.setdefault(one, (several, []))[1].append(name)

    def sentences(self) -> Iterator[str]:
        for one, (several, names) in self.found.items():
            if len(names) <= FEW:
                alone = self.roles.without("it")
                yield from (f"column '{short(name)}' {one}; {alone}" for name in names)
                continue
            shown = ", ".join(f"'{short(name)}'" for name in names[:FEW])
            rest = f" and {len(names) - FEW} more"
            how = self.roles.without("them")
            yield f"{len(names)} columns {several} ({shown}{rest}); {how}"


def counters(table: Table, features: Iterable[str], remarks: Remarks) -> set[str]:
    """Note the features that count the rows of the whole table or tell them apart."""
    found = set()
    for name in features:
        column = table.columns[name]
        if not isinstance(column, Numbers):
            continue
        if counts_rows(name, column):
            remarks.add(name, "counts the rows", "count the rows")
        elif identifies(name, column):
            remarks.add(
                name,
                "has a different number in each row, like an identifier",
                "have a different number in each row, like identifiers",
            )
        else:
            continue
        found.add(name)
    return found


def counts_rows(name: str, column: Numbers) -> bool:
    """Whether a column runs 0, 1, 2, … or 1, 2, 3, … over all rows.

    In few rows that may be chance, or a calendar; there the name must speak for it, too.
    """
    parts = words_of(name)
    if WRITTEN.fullmatch(name.strip().lower()) or parts[-1:] == ["id"]:
        least = NAMED
    else:
        least = CALENDAR + 1 if any(map(TIME.fullmatch, parts)) else LEAST
    if len(column) < least:
        return False
    first = column.value(0)
    if first not in (0, 1):
        return False
    for start, piece in column.pieces():
        counted = np.arange(first + start, first + start + len(piece))
        if not np.array_equal(piece.values, counted):
            return False
    return True


def identifies(name: str, column: Numbers) -> bool:
    """Whether whole numbers tell the rows apart under a name that says that they do."""
    if not names_identifier(name):
        return False
    values = column.select(slice(0, SEEN)).values
    values = values[~np.isnan(values)]
    if len(values) < MANY or np.any(values != np.rint(values)):
        return False
    return len(distinct(values)) >= DIFFERENT * len(values)


def names_identifier(name: str) -> bool:
    """Whether a name says that the column tells the rows apart."""
    parts = words_of(name) or [""]
    named = (
        FIRST.fullmatch(parts[0]) or LAST.fullmatch(parts[-1]) or JOINED.fullmatch("".join(parts))
    )
    return bool(named or WRITTEN.fullmatch(name.strip().lower()))


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: `customerID` has customer and id."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+", name)]


def oddities(dataset: Dataset, table: Table, names: Sequence[str], split: Split) -> list[str]:
    """What may be a slip, but need not be."""
    found: list[str] = []
    if dataset.roles().missing == "impute":
        imputed = sum(table.columns[name].gaps() for name in names)
        found += [f"{imputed} missing values imputed"] if imputed else []
    for name in names:
        column = table.columns[name]
        if isinstance(column, Words):
            found += many_values(name, column, dataset.roles())
            found += alike(name, classes_of(column))
        elif name in dataset.roles().dates:
            continue
        elif name not in dataset.roles().target and dates_as_numbers(column):
            alone = dataset.roles().without("it")
            alone = f"list it in dataset.dates, or {alone}" if dataset.has_key("dates") else alone
            found.append(f"column '{short(name)}' holds dates as numbers; {alone}")
        elif column.span.size > EXACT and column.find(rounded) is not None:
            found.append(f"column '{name}' holds numbers beyond 2^53, which are rounded")
    own = {os.path.realpath(path) for _, path in dataset.input_files()}
    for part in ("validation", "test"):
        way = getattr(split, part)
        if isinstance(way, str) and os.path.realpath(way) in own:
            found.append(f"split.{part} is the training rows' own file")
    return found


def alike(name: str, texts: Sequence[str]) -> list[str]:
    """What is said of texts that look the same, or nearly so."""
    pairs: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for text in texts:
        other = seen.setdefault(folded(text), text)
        if other != text:
            pairs.append((other, text))
    found = []
    for one, two in pairs if len(pairs) <= FEW else pairs[:1]:
        how = "case" if one.casefold() == two.casefold() else "blanks or invisible characters"
        more = f", and {len(pairs) - 1} more do" if len(pairs) > FEW else ""
        both = f"'{short(one)}' and '{short(two)}'"
        found.append(f"column '{short(name)}': {both} differ only in {how}{more}")
    return found


def dates_as_numbers(column: Numbers) -> bool:
    """Whether all values are days as 20240131 is one."""
    first = column.select(slice(0, LEAST)).values
    if not np.all(_are_days(first[~np.isnan(first)])) or len(distinct(first)) < FEW:
        return False
    return column.find(lambda piece: ~(_are_days(piece.values) | piece.missing)) is None


def _are_days(values: Array) -> Array:
    values = np.where(np.isfinite(values), values, -1)
    year, rest = np.divmod(values, 10_000)
    month, day = np.divmod(rest, 100)
    good = (year >= 1900) & (year <= 2100) & (month >= 1) & (month <= 12)
    days: Array = good & (day >= 1) & (day <= 31) & (day == np.rint(day))
    return days


def rounded(column: Numbers) -> Array:
    """Where a number is as long as counts and keys are, but not kept exactly."""
    return inexact(column) & (np.abs(column.values) < 2.0**64)


# ---- copies of the target ------------------------------------------------------------


def copies(
    table: Table, features: Sequence[str], targets: Sequence[str], kind: TargetKind, to: Remarks
) -> None:
    """Note the features that are a target once more, under another name or in other words."""
    if table.rows < LEAST:
        return
    left = list(features)
    for target in targets:
        column, what = table.columns[target], f"the target '{short(target)}'"
        recoded = _recoded(table, left, column, measured=kind in NUMERIC)
        for name in tuple(left):
            if name in recoded and _same(table.columns[name], column):
                forms = f"equals {what}", f"equal {what}"
            elif name in recoded:
                forms = f"recodes {what} one to one", f"recode {what} one to one"
            elif kind in NUMERIC and (scale := _line(table.columns[name], column)):
                forms = f"equals {what}", f"equal {what}"
                if scale != 1 or not _same(table.columns[name], column):
                    forms = f"is a linear function of {what}", f"are linear functions of {what}"
            else:
                continue
            left.remove(name)
            to.add(name, *forms)


def _keys(column: Column) -> Array:
    """What tells the values of a piece apart, NaN where one is missing."""
    if isinstance(column, Numbers):
        return column.values
    return np.where(column.codes < 0, np.nan, column.codes)


def _recoded(table: Table, names: Sequence[str], target: Column, *, measured: bool) -> set[str]:
    """The columns whose values and the target's go together one to one.

    measured: whether the target may be different in every row, where that would say
    nothing; its values must come twice or more on average. Missing values go with any.
    """
    there: dict[str, dict[float, float]] = {name: {} for name in names}
    seen: dict[str, int] = dict.fromkeys(names, 0)
    for start, piece in target.pieces():
        values = _keys(piece)
        if measured and not start and len(distinct(values)) > len(values) / 2:
            return set()
        for name in list(there):
            own = _keys(table.columns[name].select(slice(start, start + len(piece))))
            gone = np.isnan(own) | np.isnan(values)
            y, x = (values[~gone], own[~gone]) if gone.any() else (values, own)
            if not _paired(y[:LEAST], x[:LEAST], {}) or not _paired(y, x, there[name]):
                del there[name]
            else:
                seen[name] += len(y)
        if not there:
            break
    return {
        name
        for name, pairs in there.items()
        if len(pairs) > 1 and seen[name] >= max(LEAST, 2 * len(pairs))
    }


def _paired(y: Array, x: Array, known: dict[float, float]) -> bool:
    """Whether each y has one x and each x one y, those known before included; they are added."""
    values, first, codes = np.unique(y, return_index=True, return_inverse=True)
    if np.any(x != x[first][codes]):
        return False
    for value, other in zip(values.tolist(), x[first].tolist(), strict=True):
        if known.setdefault(value, other) != other:
            return False
    return len(set(known.values())) == len(known)


def _line(column: Column, target: Column) -> float:
    """The slope a where the target is a·x + b of a numeric column but for rounding, else 0."""
    if not isinstance(column, Numbers) or not isinstance(target, Numbers):
        return 0.0
    slope, x_low, y_low, width, seen = 0.0, 0.0, 0.0, 0.0, 0
    for start, piece in column.pieces():
        x, y = piece.values, target.select(slice(start, start + len(piece))).values
        there = ~(np.isnan(x) | np.isnan(y))
        x, y = x[there], y[there]
        with np.errstate(all="ignore"):
            if not seen and len(x):
                low, high = x.argmin(), x.argmax()
                x_low, y_low, width = x[low], y[low], abs(y[high] - y[low])
                slope = float((y[high] - y_low) / (x[high] - x_low))
                if not (np.isfinite(slope) and slope):
                    return 0.0
            own = NEAR * np.minimum(np.abs(y) + np.abs(slope * x), width)
            near = own + 8 * EPS * (abs(y_low) + abs(slope * x_low))
            if not np.all(np.abs(y_low + slope * (x - x_low) - y) <= near):
                return 0.0
        seen += len(x)
    return slope if seen >= LEAST else 0.0


def _same(column: Column, target: Column) -> bool:
    """Whether two columns hold the same, where both have a value."""
    if isinstance(column, Numbers) != isinstance(target, Numbers):
        return False
    for start, piece in column.pieces():
        other = target.select(slice(start, start + len(piece)))
        there = ~(piece.missing | other.missing)
        if isinstance(piece, Numbers) and isinstance(other, Numbers):
            if np.any(piece.values[there] != other.values[there]):
                return False
        elif isinstance(piece, Words) and isinstance(other, Words):
            own, wanted = np.array(piece.categories), np.array(other.categories)
            if np.any(own[piece.codes[there]] != wanted[other.codes[there]]):
                return False
    return True


def many_values(name: str, column: Words, roles: Roles) -> list[str]:
    """What is said of a text feature with many values that is not listed as categorical."""
    if name in (*roles.target, *(roles.categorical or ())):
        return []
    values, rows = len(column.distinct()), len(column) - column.gaps()
    if (
        roles.rare_categories is not None
        or values <= FEW_TEXTS
        or (values <= MANY_TEXTS and values <= rows * MANY_SHARE)
    ):
        return []
    what = f"column '{short(name)}' is text with {values} different values in {rows} rows, "
    keep = "set dataset.rare_categories, or list it in dataset.categorical"
    return [f"{what}an input for each; {roles.without('it')}, {keep}"]


def merged_categories(features: Sequence[Feature], roles: Roles) -> list[str]:
    """What is said of the categories that were merged into one for their few rows."""
    merged = [(f.name, f.merged, f.categories) for f in features if f.merged and f.categories]
    least = roles.rare_categories or 0
    few = f"fewer than {least:g} training rows"
    if least < 1:
        few = f"fewer than {100 * least:g} % of the training rows"
    found = []
    for name, rare, kept in merged[:FEW]:
        count = f"{len(rare)} of {len(rare) + len(kept) - 1} categories"
        have = f"{'has' if len(rare) == 1 else 'have'} {few}"
        found.append(f"column '{short(name)}': {count} {have}, merged into '{short(kept[-1])}'")
    if len(merged) > FEW:
        found.append(f"{len(merged) - FEW} more columns have categories of {few}, merged alike")
    return found
