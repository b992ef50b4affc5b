"""Checks: whether the columns of a table are fit for what they are meant for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, Grave, InvalidInput, suggestion
from optcli.core.specs import Bound, Ge, Gt, Le, TargetKind, range_text
from optcli.data.base import Roles
from optcli.data.categories import classes_of
from optcli.data.cells import number
from optcli.data.column_faults import first_word, missing_text, size_fault
from optcli.data.columns import INEXACT, Numbers, Words, inexact, rows_where, short
from optcli.data.table import Table, listed
from optcli.data.targets import NUMERIC
from optcli.data.written_numbers import quantities

# Where a column of dates or of written numbers cannot be, too.
LISTED = {"dates": ("numeric", "categorical", "weights"), "numeric": ("categorical",)}
BLAMED = 3  # columns that are named where rows are dropped
MOST_LOST = 0.1  # share of rows that may be dropped without alarm


def features_of(roles: Roles, table: Table, taken: Sequence[str]) -> tuple[str, ...]:
    """The names of the features; raises InvalidInput for names that are not there."""
    faults = []
    named = {
        "target": roles.target,
        "features": roles.features or (),
        "exclude": roles.exclude,
        "categorical": roles.categorical or (),
        "weights": (roles.weights,) if roles.weights else (),
        "dates": roles.dates,
        "numeric": roles.numeric,
    }
    for field, names in named.items():
        for i, name in enumerate(names):
            if name not in table.columns:
                table.check_header(name)
                hint = suggestion(name, table.names)
                faults.append(
                    Fault(
                        f"no column '{name}'{hint} ({table.source} has {listed(table.names)})",
                        f"dataset.{field}",
                    )
                )
            elif name in names[:i]:
                faults.append(Fault(f"'{name}' is named twice", f"dataset.{field}"))
    for name in roles.features or ():
        for field in ("target", "weights", "exclude"):
            if name in named[field]:
                faults.append(
                    Fault(
                        f"'{name}' is in dataset.{field}, too; name it in one", "dataset.features"
                    )
                )
    for name in roles.target:
        for field in ("exclude", "weights"):
            if name in named[field]:
                faults.append(
                    Fault(f"'{name}' is in dataset.{field}, too; name it in one", "dataset.target")
                )
        if name in roles.dates:
            message = f"'{name}' is in dataset.dates, too; a target cannot be a date"
            faults.append(Fault(message, "dataset.target"))
        if name in taken:
            message = f"'{short(name)}' is what the split is made by, too; name it in one"
            faults.append(Fault(message, "dataset.target"))
    for field, fields in LISTED.items():
        for name in named[field]:
            for other in fields:
                if name in named[other]:
                    message = f"'{name}' is in dataset.{other}, too; name it in one"
                    faults.append(Fault(message, f"dataset.{field}"))
    if roles.features is not None:
        features = tuple(roles.features)
    else:
        others = {*roles.target, *roles.exclude, *named["weights"], *taken, *table.aside}
        features = tuple(name for name in table.names if name not in others)
    if not features and not faults and table.header.doubt is not None:
        faults.append(table.header.doubt)
    if not features and not faults:
        faults.append(Fault(f"{table.source} has no column beside it", "dataset.target"))
    if faults:
        raise InvalidInput(*faults)
    return features


def left_out(table: Table, named: Collection[str]) -> list[str]:
    """What to say of columns that are no data; named: those with a role, be it to be excluded."""
    found = []
    for place, name in enumerate(table.names, 1):
        reason = table.aside.get(name)
        if reason is not None and name not in named:
            unnamed = name in table.header.unnamed
            what = f"column {place} has no name and" if unnamed else f"column '{name}'"
            found.append(f"{what} {reason}: left out")
    return found


def without_missing(
    table: Table, roles: Roles, features: Sequence[str], others: Sequence[str]
) -> Table:
    """The table as `missing` wants it; raises InvalidInput where it is an error.

    others: columns in use that are no features; what they lack cannot be imputed.
    """
    faults = []
    for name in (*features, *others):
        missing = table.columns[name].gaps()
        if not missing:
            continue
        feature = name in features
        if missing == table.rows:
            remedy = "list it in dataset.exclude" if feature else "choose another"
            faults.append(table.fault(name, f"every value is missing; {remedy}"))
        elif roles.missing == "error":
            remedy = f"set dataset.missing to drop{' or impute' * feature}"
            column = table.columns[name]
            if isinstance(column, Words) and column.gap:
                remedy += f", or, if '{short(column.gap)}' is a value, dataset.missing_values"
            faults.append(table.fault(name, f"{missing_text(table, name)}; {remedy}"))
        elif roles.missing == "impute" and not feature:
            message = f"{missing_text(table, name)}; only features can be imputed; set "
            key = "dataset.unlabelled" if name in roles.target else "dataset.missing"
            faults.append(table.fault(name, f"{message}{key} to drop"))
    if faults:
        mixed = [table.faults[n] for n in (*features, *others) if n in table.faults]
        raise InvalidInput(*mixed, *faults)
    if roles.missing != "drop":
        return table
    whole = drop(table, [*features, *others])
    if not whole.rows:
        message = f"every row has a missing value, {blamed(table, [*features, *others])}"
        message += way_out(table, roles, features, others)
        raise InvalidInput(Fault(message, file=table.source))
    return whole


def with_target(table: Table, roles: Roles) -> Table:
    """The rows that have a target, where `unlabelled` drops the others; raises InvalidInput."""
    if roles.unlabelled == "error" or roles.missing == "drop":
        return table
    kept = drop(table, roles.target)
    if not kept.rows:
        message = f"every row lacks a target, {blamed(table, roles.target)}"
        raise InvalidInput(Fault(message, file=table.source))
    return kept


def drop(table: Table, names: Sequence[str]) -> Table:
    """The rows in which none of these columns has a missing value."""
    columns = [table.columns[name] for name in dict.fromkeys(names)]

    def whole(block: slice) -> Array:
        gone: Array = np.any([column.select(block).missing for column in columns], axis=0)
        return ~gone

    kept = rows_where(table.rows, whole, table.make)
    return table.select(kept) if len(kept) < table.rows else table


def blamed(table: Table, names: Sequence[str]) -> str:
    """`780 of them for column 'b', 3 for 'c'`: how many rows each column would drop."""
    gaps = {name: table.columns[name].gaps() for name in dict.fromkeys(names)}
    order = sorted((name for name in gaps if gaps[name]), key=lambda name: -gaps[name])
    counts = [f"{gaps[name]} for '{short(name)}'" for name in order[:BLAMED]]
    counts[0] = counts[0].replace(" for ", " of them for column ", 1)
    more = len(order) - BLAMED
    rest = f" (and {more} more column{'s' * (more > 1)})" if more > 0 else ""
    return ", ".join(counts) + rest


def way_out(table: Table, roles: Roles, features: Sequence[str], others: Sequence[str]) -> str:
    """How to keep rows that are dropped for what they lack; may be empty."""
    holed = [name for name in features if table.columns[name].gaps()]
    if any(table.columns[name].gaps() for name in others):
        if not holed:
            return ""  # what is no feature cannot be imputed
        which = "those that are features" if len(holed) > 1 else f"'{short(holed[0])}'"
        return f"; {roles.without(which)}"
    which = "them" if len(holed) > 1 else "it"
    return f"; {roles.without(which)}, or set dataset.missing: impute"


def dropped(
    table: Table, rows: int, roles: Roles, features: Sequence[str], others: Sequence[str]
) -> str:
    """What is said of a table of which so many rows are left, the others having missing values.

    Where they are more than a tenth, with the columns to blame, and before all else.
    """
    lost = table.rows - rows
    note = f"{lost} of {table.rows} rows dropped for missing values"
    if lost <= MOST_LOST * table.rows:
        return note
    share = f"{lost / table.rows:.1%}".replace("%", " %")
    note += f" ({share}), {blamed(table, [*features, *others])}"
    return Grave(note + way_out(table, roles, features, others))


def check_columns(
    table: Table, roles: Roles, features: Sequence[str], dtype: np.dtype[Any]
) -> None:
    """Raise InvalidInput for what mixed, huge, text and nearly unique columns there are."""
    faults = []
    for name in (*features, *roles.target):
        column = table.columns[name]
        if name in table.faults:
            faults.append(table.faults[name])
            continue
        fault = size_fault(table, name, dtype)
        if fault is not None:
            faults.append(fault)
        if isinstance(column, Numbers) or name in roles.target:
            continue
        listed_as_text = roles.categorical is not None and name in roles.categorical
        distinct, present = len(column.distinct()), table.rows - column.gaps()
        if roles.categorical == ():
            row, text = first_word(column)
            message = f"is '{text}', not a number as dataset.categorical: [] demands"
            faults.append(
                table.fault(name, f"{message}; exclude the column, or list it there", row)
            )
        elif distinct > present / 2 and not listed_as_text:
            message = f"is text with {distinct} different values in {present} rows"
            what = quantities(column.categories) if table.reading.rules > 1 else ""
            remedy = "list it in dataset.exclude, or in dataset.categorical to keep it"
            if what:
                message += f", {what}"
                remedy = "list it in dataset.numeric to use their size, or in dataset.exclude"
                if what.startswith("fractions"):
                    remedy = "write decimal numbers alone, or list it in dataset.exclude"
            faults.append(table.fault(name, f"{message}; {remedy}"))
    if roles.weights is not None:
        try:
            weights_of(table, roles.weights, dtype)
        except InvalidInput as error:
            faults.extend(error.faults)
    if faults:
        raise InvalidInput(*faults)


def weights_of(table: Table, name: str, dtype: np.dtype[Any], rows: str = "") -> Array:
    """Sample weights (N,): none negative, not all zero, and so that their sums are numbers.

    rows: which they are, in words. Raises InvalidInput.
    """
    column = table.columns[name]
    if name in table.faults:
        raise InvalidInput(table.faults[name])
    if isinstance(column, Words):
        raise InvalidInput(table.fault(name, "is text; weights must be numbers"))
    row = column.find(lambda piece: ~(np.isfinite(piece.values) & (piece.values >= 0)))
    if row is not None:
        message = f"is {column.value(row):g}; a weight must be at least 0 and finite"
        raise InvalidInput(table.fault(name, message, row))
    if column.find(lambda piece: piece.values != 0) is None:
        raise InvalidInput(table.fault(name, f"every weight is 0{rows}"))
    most = np.sqrt(float(np.finfo(dtype).max))  # so that products and sums stay finite
    limits: list[Bound] = [Ge(1 / most), Le(most)]
    row = column.find(lambda piece: (piece.values != 0) & ~within(piece.values, limits))
    if row is not None:
        message = f"is {column.value(row):g}, which {dtype} does not add up; rescale all weights"
        raise InvalidInput(table.fault(name, message, row))
    return column.values


def target_classes(
    table: Table, names: Sequence[str], kind: TargetKind, loss: str
) -> tuple[tuple[str, ...], ...]:
    """The classes of each target column; raises InvalidInput where they do not fit the loss."""
    faults = []
    if kind == "probabilities" and len(names) == 1:
        message = f"{loss} needs a target column for each class, but dataset.target names one"
        raise InvalidInput(Fault(f"{message}; for one column of classes use cross_entropy", "loss"))
    if kind in NUMERIC:
        for name in names:
            column = table.columns[name]
            if isinstance(column, Words):
                shown = listed(classes_of(column), 3)
                faults.append(
                    Fault(
                        f"{loss} needs numbers, but '{name}' is text ({shown}); "
                        "use a loss for classes, such as cross_entropy",
                        "loss",
                    )
                )
        if faults:
            raise InvalidInput(*faults)
        return ()
    if kind == "classes" and len(names) > 1:
        faults.append(
            Fault(
                f"{loss} needs one target column, but dataset.target names {len(names)}; "
                "use a loss for labels, such as binary_cross_entropy, or one for values",
                "loss",
            )
        )
        raise InvalidInput(*faults)
    classes = tuple(classes_of(table.columns[name]) for name in names)
    for name, found in zip(names, classes, strict=True):
        fault = _misfit(table, name, found, kind, loss)
        if fault is not None:
            faults.append(fault)
    if faults:
        raise InvalidInput(*faults)
    return classes


def check_targets(
    table: Table, names: Sequence[str], loss: str, bounds: Sequence[Bound], *, ordered: bool
) -> None:
    """Raise InvalidInput for values beyond the loss's bounds, and for classes without an order."""
    faults = []
    for name in names:
        column = table.columns[name]
        if ordered:
            texts = [text for text in classes_of(column) if number(text) is None]
            if texts:
                message = f"{loss} needs ordered classes, but '{name}' holds '{texts[0]}'"
                faults.append(
                    Fault(f"{message}; write them as numbers, or use cross_entropy", "loss")
                )
        elif bounds and isinstance(column, Numbers):
            row = column.find(lambda piece: ~within(piece.values, bounds) & ~piece.missing)
            if row is not None:
                limits = range_text(tuple(bounds))
                message = f"is {column.value(row):g}; {loss} needs targets {limits}"
                faults.append(table.fault(name, message, row))
    if faults:
        raise InvalidInput(*faults)


def within(values: Array, bounds: Sequence[Bound]) -> Array:
    """Whether each value keeps all bounds."""
    kept = np.full(values.shape, True)
    for bound in bounds:
        if isinstance(bound, Ge):
            kept &= values >= bound.ge
        elif isinstance(bound, Gt):
            kept &= values > bound.gt
        elif isinstance(bound, Le):
            kept &= values <= bound.le
        else:
            kept &= values < bound.lt
    return kept


def _misfit(
    table: Table, name: str, classes: tuple[str, ...], kind: TargetKind, loss: str
) -> Fault | None:
    column = table.columns[name]
    if isinstance(column, Numbers):
        row = column.find(inexact)
        if row is not None:
            return table.fault(name, INEXACT, row)
    if len(classes) == 1:
        return table.fault(name, f"holds one class only, '{classes[0]}'; must hold two or more")
    if kind == "labels":
        if len(classes) > 2:
            return Fault(
                f"{loss} needs two classes, but '{name}' has {len(classes)} "
                f"({listed(classes, 5)}); use a loss for classes, such as cross_entropy",
                "loss",
            )
        return None
    if isinstance(column, Numbers):
        row = column.find(lambda piece: piece.values != np.rint(piece.values))
        if row is not None:
            value = column.value(row)
            return Fault(
                f"{loss} needs classes, but '{name}' holds numbers such as {value:g}; "
                "use a loss for values, such as mse",
                "loss",
            )
    if len(classes) > table.rows / 2 and len(classes) > 2:
        numbers = isinstance(column, Numbers)
        remedy = "use a loss for values, such as mse" if numbers else "choose another target"
        return Fault(
            f"{loss} needs classes, but '{name}' has {len(classes)} different values "
            f"in {table.rows} rows; {remedy}",
            "loss",
        )
    return None
