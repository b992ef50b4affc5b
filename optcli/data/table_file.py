"""A table that is given: what its columns are for, and where it is if it is in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from optcli.core.specs import Columns, Doc, Ge, Gt, InputFile, MinLen
from optcli.data.base import Dataset, Missing, RareClasses, Roles, Unknown, Unlabelled
from optcli.data.reading_rules import RULES, Reading
from optcli.data.table import Table


@dataclass(frozen=True, kw_only=True)
class _File(Dataset):
    """Where a table is; its key comes before those of the columns."""

    path: Annotated[str, InputFile(), MinLen(1), Doc("the file, relative to the config")]


@dataclass(frozen=True, kw_only=True)
class TableColumns(Dataset):
    """What the columns of a table are for."""

    target: Annotated[
        str | tuple[str, ...], Columns(), MinLen(1), Doc("target column, or a list of them")
    ]
    features: Annotated[
        tuple[str, ...] | None,
        Columns(),
        MinLen(1),
        Doc("feature columns; by default all others"),
    ] = None
    exclude: Annotated[tuple[str, ...], Columns(), Doc("columns to leave out")] = ()
    categorical: Annotated[
        tuple[str, ...] | None,
        Columns(),
        Doc("columns to read as text; with [], every column must be numeric"),
    ] = None
    missing: Annotated[
        Missing,
        Doc(
            "what to do with rows with missing values: report an error, drop them, or impute "
            "mean and mode"
        ),
    ] = "error"
    unlabelled: Annotated[
        Unlabelled, Doc("what to do with rows without a target: report an error, or drop them")
    ] = "error"
    rare_classes: Annotated[
        RareClasses,
        Doc(
            "what to do with rare classes: report an error, drop their rows, or merge them into "
            "one class"
        ),
    ] = "error"
    rare_below: Annotated[
        int | None,
        Ge(2),
        Doc("classes with fewer rows are rare; by default the number of parts of the split"),
    ] = None
    dates: Annotated[
        tuple[str, ...],
        Columns(),
        Doc("columns of dates; year, month, weekday, day number and hour become inputs"),
    ] = ()
    day_first: Annotated[
        bool | None,
        Doc("whether 01/02/2024 is 1 February; by default as other rows of the column show"),
    ] = None
    numeric: Annotated[
        tuple[str, ...],
        Columns(),
        Doc("columns of numbers with a currency, percent, a unit or separators: $ 1,234.50"),
    ] = ()
    decimal: Annotated[
        Literal[".", ","] | None,
        Doc("decimal mark of the columns in numeric; by default as their rows show"),
    ] = None
    rare_categories: Annotated[
        int | float | None,
        Gt(0),
        Doc(
            "categories with fewer training rows become one, other; below 1: a fraction of the "
            "training rows"
        ),
    ] = None
    unknown: Annotated[
        Unknown,
        Doc("what to do with a category first met in new rows: report an error, or ignore it"),
    ] = "error"
    weights: Annotated[
        str | None,
        Columns(),
        Doc("column of sample weights; a row of weight 2 counts as two rows"),
    ] = None
    image: Annotated[
        tuple[Annotated[int, Ge(1)], ...] | None,
        MinLen(1),
        Doc("[channels, height, width] of the images whose pixels the features are"),
    ] = None

    def reading(self, rules: int) -> Reading:
        """How the table is read."""
        return Reading(
            rules,
            categorical=self.categorical or (),
            dates=dict.fromkeys(self.dates),
            numeric=dict.fromkeys(self.numeric),
            day_first=self.day_first,
            decimal=self.decimal,
        )

    def roles(self) -> Roles:
        target = (self.target,) if isinstance(self.target, str) else tuple(self.target)
        return Roles(
            target,
            self.features,
            self.exclude,
            self.categorical,
            self.weights,
            self.missing,
            self.image,
            self.rare_classes,
            self.rare_below,
            unlabelled=self.unlabelled,
            dates=self.dates,
            numeric=self.numeric,
            rare_categories=self.rare_categories,
            unknown=self.unknown,
        )


@dataclass(frozen=True, kw_only=True)
class TableFile(TableColumns, _File):
    """A table in a file. A kind of its own overrides `read`, which returns the columns."""

    def table(self, seed: int, rules: int = RULES) -> Table:
        return self.other(self.path, self.reading(rules))
