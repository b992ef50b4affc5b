"""Which rows train, which validate, which test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le, Lt

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.randomness import generator
from optcli.core.specs import Doc, InputFile
from optcli.data.columns import (
    INEXACT,
    Column,
    Numbers,
    Words,
    blocks,
    first,
    inexact,
    rows_where,
    short,
)
from optcli.data.table import Table, listed

PARTS = ("train", "validation", "test")
WAYS = "a fraction, a table's path, {column: name}, {group: name, fraction: f} or {last: f}"
Part = Annotated[float, Ge(0), Lt(1)]
MOST_FOLDS = 1000


@dataclass(frozen=True)
class Draw:
    """Which rows validate, in the place of those of the split; the test rows stay.

    seed: with which a fraction or whole groups are drawn anew. fold: which of the split's folds,
    from 0, instead.
    """

    seed: int | None = None
    fold: int | None = None


@dataclass(frozen=True)
class Split:
    """Which rows train, which validate, which test.

    A fraction takes rows at random, stratified for classes unless `stratify` is false; then
    a part may lack a class. A mapping says how
    else: `{column: name}` reads the part from a column (its values are train,
    validation and test), `{group: name, fraction: f}` keeps the rows of a group
    together, `{last: f}` takes the last rows of the table. A text is the path of
    a table of its own.

    Folds take the place of validation rows: all rows but those of the test part are dealt into so
    many, each of which validates once; groups stay whole.
    """

    validation: Annotated[
        Part | str | dict[str, Any], InputFile(), Doc("fraction, a table's path, or a mapping")
    ] = 0.2
    test: Annotated[
        Part | str | dict[str, Any], InputFile(), Doc("the same, for the test rows")
    ] = 0.0
    seed: Annotated[int | None, Ge(0), Doc("seed of the split; by default the run's")] = None
    stratify: Annotated[
        bool, Doc("keep class proportions, with every class in each part; false: ignore classes")
    ] = True
    folds: Annotated[
        Annotated[int, Ge(2), Le(MOST_FOLDS)] | dict[str, Any] | None,
        Doc("cross-validation: number of folds, or {group: name, count: number}"),
    ] = None
    refit: Annotated[
        bool, Doc("train on the validation rows, too, as after tuning; nothing validates then")
    ] = False

    def __post_init__(self) -> None:
        """Raise InvalidInput with all that is wrong; keys are relative to the section."""
        faults = []
        random = []
        for part in ("validation", "test"):
            way = getattr(self, part)
            if isinstance(way, str):
                continue
            if not isinstance(way, Mapping):
                random.append(way)
                continue
            if set(way) not in ({"column"}, {"group", "fraction"}, {"last"}):
                known = ("column", "group", "fraction", "last")
                hint = next((suggestion(str(each), known) for each in way if each not in known), "")
                faults.append(Fault(f"is {_told(way)}; must be {WAYS}{hint}", part))
                continue
            fraction = way.get("fraction", way.get("last", 0.5))
            if isinstance(fraction, bool) or not (
                isinstance(fraction, int | float) and 0 < fraction < 1
            ):
                faults.append(Fault(f"takes {fraction!r} of the rows; must be in (0, 1)", part))
            elif "column" not in way:
                random.append(fraction)
        faults += _fold_faults(self)
        if self.folds is None and sum(random) >= 1 - 1e-9:
            message = f"fractions of {sum(random):g} in all leave no training row"
            faults.append(Fault(f"{message}; must be less than 1"))
        if faults := faults or _grouping_faults(self):
            raise InvalidInput(*faults)

    @property
    def count(self) -> int:
        """How many folds there are; 0 for none."""
        return int(self.folds["count"] if isinstance(self.folds, Mapping) else self.folds or 0)

    @property
    def group(self) -> str | None:
        """The column whose groups folds keep whole: their own, or that of the test part."""
        for way in (self.folds, self.test):
            if isinstance(way, Mapping) and "group" in way:
                return str(way["group"])
        return None


@dataclass(frozen=True)
class Rows:
    """Row indices of each part, ascending; None where there is no such part in the table."""

    train: Array
    validation: Array | None
    test: Array | None


def columns_of(split: Split) -> tuple[str, ...]:
    """The columns that the split is made by; they are no features."""
    every = (split.test, split.folds) if split.folds else (split.validation, split.test)
    ways = [way for way in every if isinstance(way, Mapping)]
    return tuple(
        dict.fromkeys(str(way[key]) for way in ways for key in ("column", "group") if key in way)
    )


def check_columns(split: Split, table: Table) -> None:
    """Raise InvalidInput for columns of the split that the table does not have."""
    faults = []
    for name in columns_of(split):
        if name not in table.columns:
            table.check_header(name)
            hint = suggestion(name, table.names)
            message = f"no column '{name}'{hint} ({table.source} has {listed(table.names)})"
            faults.append(Fault(message, "split"))
    if faults:
        raise InvalidInput(*faults)


def _told(way: object) -> str:
    """A way as the config has it."""
    if not isinstance(way, Mapping):
        return str(way)
    return "{" + ", ".join(f"{key}: {value}" for key, value in way.items()) + "}"


def _fold_faults(split: Split) -> list[Fault]:
    """Folds are so many, or a mapping; and take rows that may be dealt at random."""
    way = split.folds
    if isinstance(way, Mapping):
        count = way.get("count")
        number = isinstance(count, int) and not isinstance(count, bool)
        if set(way) != {"group", "count"} or not number or not 2 <= count <= MOST_FOLDS:  # type: ignore[operator]
            message = f"is {_told(way)}; must be a number from 2 to {MOST_FOLDS:,}, or "
            return [Fault(f"{message}{{group: name, count: number}}", "folds")]
    if way is not None and isinstance(split.test, Mapping) and "last" in split.test:
        message = "would train on rows later than those that they are validated on, with a test "
        message += "part in order of time; set validation: {last: 0.2} in the place of folds"
        return [Fault(message, "folds")]
    if way is not None and split.refit:
        return [Fault("does not go with folds, which train on all rows in turn", "refit")]
    return []


def _grouping_faults(split: Split) -> list[Fault]:
    """Groups stay together only if nothing else draws from their rows."""
    ways = {"validation": 0.0 if split.folds else split.validation, "test": split.test}
    if split.folds and split.group is not None:
        ways["validation"] = {"group": split.group, "fraction": 0.5}
    groups = {
        part: way["group"]
        for part, way in ways.items()
        if isinstance(way, Mapping) and "group" in way
    }
    faults = []
    for part, way in ways.items():
        other = next((group for of, group in groups.items() if of != part), None)
        draws = "last" in way if isinstance(way, Mapping) else not isinstance(way, str) and way > 0
        if other is not None and (draws or groups.get(part, other) != other):
            faults.append(
                Fault(
                    f"is {_told(way)}, which would split the groups of '{other}'; "
                    f"use {{group: {other}, fraction: …}}, or 0",
                    part,
                )
            )
    return faults


def divide(
    table: Table, split: Split, strata: Array | None, seed: int, draw: Draw | None = None
) -> Rows:
    """Divide the rows of a table; `seed` is the run's.

    strata: (N,) class indices, which fractions keep in proportion: every class has
    a row in each part, as long as it has as many rows. Test rows are taken first by
    `last` and `group`, so that `last` tests on the latest. draw: other validation rows; without
    one, where there are folds, nothing validates. Raises InvalidInput.
    """
    rng = generator(seed if split.seed is None else split.seed, "split")
    part = table.make(table.rows, np.int8)  # index into PARTS
    part[:] = 0
    _by_column(part, table, split)
    fractions: dict[int, float] = {}
    for code in (2, 1):
        way: Any = getattr(split, PARTS[code])
        if code == 1 and split.folds:
            continue
        if isinstance(way, Mapping) and "last" in way:
            part[_in_part(table, part, 0)[-count(way["last"], table.rows) :]] = code
        elif isinstance(way, Mapping) and "group" in way:
            _by_group(part, code, table, str(way["group"]), way["fraction"], rng)
        elif not isinstance(way, Mapping | str) and way > 0:
            fractions[code] = way
    if fractions:
        _at_random(table, part, fractions, strata, rng)
    if split.refit:
        part[part == 1] = 0
    if draw is not None:
        _draw_anew(table, part, split, strata, seed, draw)
    indices = [_in_part(table, part, code) for code in range(3)]
    if not len(indices[0]):
        message = f"leaves no training row of {table.rows}; take less for validation and test"
        raise InvalidInput(Fault(message, "split"))
    return Rows(
        indices[0],
        indices[1] if len(indices[1]) else None,
        indices[2] if len(indices[2]) else None,
    )


def _draw_anew(
    table: Table, part: Array, split: Split, strata: Array | None, seed: int, draw: Draw
) -> None:
    """Other validation rows, of all but the test rows."""
    way: Any = split.validation
    if draw.fold is not None:
        rng = generator(seed if split.seed is None else split.seed, "folds")
        _fold(table, part, split, strata, rng, draw.fold)
    elif draw.seed is not None:
        rng = generator(draw.seed, "validation")
        if isinstance(way, Mapping) and "group" in way:
            part[part == 1] = 0
            _by_group(part, 1, table, str(way["group"]), way["fraction"], rng)
        elif not isinstance(way, Mapping | str) and way > 0:
            part[part == 1] = 0
            _at_random(table, part, {1: way}, strata, rng)


def _fold(
    table: Table,
    part: Array,
    split: Split,
    strata: Array | None,
    rng: np.random.Generator,
    fold: int,
) -> None:
    """One of the folds validates: their sizes differ by one row at most, but for groups."""
    rows, count = _in_part(table, part, 0), split.count
    if split.group is not None:
        kinds = _group_folds(table, part, split.group, count, rng)
        for start, piece in table.columns[split.group].pieces():
            own = part[start : start + len(piece)]
            own[np.isin(_keys(piece), kinds[fold]) & (own == 0)] = 1
        return
    if len(rows) < count:
        message = f"is {count}; there are {len(rows)} rows to train on and to validate"
        raise InvalidInput(Fault(message, "split.folds"))
    order = rng.permutation(rows)
    if strata is not None:  # the rows of each class in turn
        order = order[np.argsort(strata[order], kind="stable")]
    part[order[fold::count]] = 1


def _group_folds(
    table: Table, part: Array, name: str, count: int, rng: np.random.Generator
) -> list[list[float]]:
    """The groups of each fold: the largest first, each to the fold with the fewest rows."""
    sizes = _group_sizes(table, part, name)
    if len(sizes) < count:
        message = f"is {count}, but column '{short(name)}' has {len(sizes)} groups"
        raise InvalidInput(Fault(f"{message}; must be at most as many", "split.folds"))
    groups = rng.permutation(np.array(sorted(sizes)))
    found: list[list[float]] = [[] for _ in range(count)]
    rows = [0] * count
    for group in sorted(groups.tolist(), key=lambda each: -sizes[each]):
        least = rows.index(min(rows))
        found[least].append(group)
        rows[least] += sizes[group]
    return found


def count(fraction: float, rows: int) -> int:
    """How many of `rows` a fraction takes: the nearest number, but one at least."""
    return max(1, round(fraction * rows))


def counts(fraction: float, sizes: Array) -> Array:
    """How many rows of each class a fraction takes, in all as near to it as can be.

    The remainders are dealt to the largest; every class gives one row at least.
    """
    exact = fraction * sizes
    taken = np.floor(exact).astype(np.intp)
    rest = round(exact.sum()) - taken.sum()
    taken[np.argsort(taken - exact, kind="stable")[:rest]] += 1
    return np.maximum(taken, 1)


def _in_part(
    table: Table, part: Array, code: int, strata: Array | None = None, kind: int = 0
) -> Array:
    """The rows of a part, ascending; with strata, those of one kind alone."""

    def there(block: slice) -> Array:
        rows: Array = part[block] == code
        return rows if strata is None else rows & (strata[block] == kind)

    return rows_where(len(part), there, table.make)


def _at_random(
    table: Table,
    part: Array,
    fractions: Mapping[int, float],
    strata: Array | None,
    rng: np.random.Generator,
) -> None:
    """Take fractions of the whole table out of the rows that no other part has."""
    if strata is None:
        groups = [_in_part(table, part, 0)]
    else:
        kinds = 1 + max(int(strata[block].max()) for block in blocks(len(strata)))
        groups = [_in_part(table, part, 0, strata, kind) for kind in range(kinds)]
    groups = [rows for rows in groups if len(rows)]
    if not groups:
        return
    for rows in groups:
        rng.shuffle(rows)
    sizes = np.array([len(rows) for rows in groups])
    start = np.zeros(len(groups), np.intp)
    for code in sorted(fractions):
        stop = start + counts(fractions[code] * len(part) / sizes.sum(), sizes)
        for rows, low, high in zip(groups, start, stop, strict=True):
            part[rows[low:high]] = code
        start = stop


def _by_group(
    part: Array, code: int, table: Table, name: str, fraction: float, rng: np.random.Generator
) -> None:
    """Take whole groups in random order, until the fraction of all rows is met most nearly.

    One group stays, to train on.
    """
    column, sizes = table.columns[name], _group_sizes(table, part, name)
    if len(sizes) < 2:
        message = (
            f"would leave no group of column '{short(name)}' for training; "
            "each part needs at least one"
        )
        raise InvalidInput(Fault(message, f"split.{PARTS[code]}"))
    chosen: list[float] = []
    wanted = count(fraction, table.rows)
    for group in rng.permutation(np.array(sorted(sizes)))[:-1]:
        if chosen and sizes[group] - wanted >= wanted:
            break  # without it the fraction is met more nearly
        chosen.append(group)
        wanted -= sizes[group]
        if wanted <= 0:
            break
    for start, piece in column.pieces():
        own = part[start : start + len(piece)]
        own[np.isin(_keys(piece), chosen) & (own == 0)] = code


def _group_sizes(table: Table, part: Array, name: str) -> Counter[float]:
    """How many rows of each group no part has yet."""
    column = table.columns[name]
    row = column.find(inexact) if isinstance(column, Numbers) else None
    if row is not None:
        raise InvalidInput(table.fault(name, INEXACT, row))
    sizes: Counter[float] = Counter()
    for start, piece in column.pieces():
        keys = _keys(piece)[part[start : start + len(piece)] == 0]
        sizes.update(keys.tolist())
    return sizes


def _keys(column: Column) -> Array:
    """What tells the values of a column apart."""
    return column.values if isinstance(column, Numbers) else column.codes


def _by_column(part: Array, table: Table, split: Split) -> None:
    ways = {code: getattr(split, PARTS[code]) for code in (1, 2) if code == 2 or not split.folds}
    by_column = {
        code: str(way["column"])
        for code, way in ways.items()
        if isinstance(way, Mapping) and "column" in way
    }
    for code, name in by_column.items():
        column = table.columns[name]
        allowed = ("train", *(PARTS[c] for c in by_column if by_column[c] == name))
        found = 0
        for start, piece in column.pieces():
            words = piece if isinstance(piece, Words) else piece.words()
            own = part[start : start + len(piece)]
            for category_code, category in enumerate(words.categories):
                rows = words.codes == category_code
                if category not in allowed and np.any(rows):
                    message = f"is '{category}'; must be {' or '.join(allowed)}"
                    if category in PARTS:
                        message += f" (or set split.{category} to {{column: {name}}})"
                    else:
                        message += suggestion(category, PARTS)
                    raise InvalidInput(table.fault(name, message, start + first(rows)))
                if category == PARTS[code]:
                    own[rows] = code
                    found += int(rows.sum())
        if not found:
            raise InvalidInput(
                Fault(f"no row of column '{name}' reads {PARTS[code]}", f"split.{PARTS[code]}")
            )
