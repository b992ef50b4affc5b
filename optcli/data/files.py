"""The data set in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from optcli.core.specs import Columns, Doc, Ge, MinLen
from optcli.data import streaming, table
from optcli.data.base import DATASETS, Dataset, Missing, RareClasses, Roles
from optcli.data.cells import number_text
from optcli.data.opening import check_there
from optcli.data.reading import RULES, Reading
from optcli.data.table import Table


@DATASETS.register("csv")
@dataclass(frozen=True, kw_only=True)
class File(Dataset):
    """A table in a .csv, .csv.gz, .tsv or .parquet file, with names in the first line."""

    path: Annotated[str, MinLen(1), Doc("the file, relative to the config")]
    target: Annotated[
        str | tuple[str, ...], Columns(), MinLen(1), Doc("what to predict: one column, or several")
    ]
    features: Annotated[
        tuple[str, ...] | None,
        Columns(),
        MinLen(1),
        Doc("columns to predict from; by default the others"),
    ] = None
    exclude: Annotated[tuple[str, ...], Columns(), Doc("columns to leave out")] = ()
    categorical: Annotated[
        tuple[str, ...] | None,
        Columns(),
        Doc("columns that are text even where they hold numbers; [] demands numbers everywhere"),
    ] = None
    missing: Annotated[
        Missing,
        Doc("rows with missing values: an error, drop the row, or impute mean and mode"),
    ] = "error"
    rare_classes: Annotated[
        RareClasses,
        Doc("classes of too few rows: an error, drop their rows, or merge them into one class"),
    ] = "error"
    rare_below: Annotated[
        int | None,
        Ge(2),
        Doc("rows under which a class is rare; by default one for each part of the split"),
    ] = None
    missing_values: Annotated[
        tuple[str | int | float, ...] | None,
        Doc("spellings of a missing value beside an empty cell; by default NA, null, ? and others"),
    ] = None
    delimiter: Annotated[str | None, Doc("between fields; by default found in the first rows")] = (
        None
    )
    weights: Annotated[str | None, Columns(), Doc("column of sample weights")] = None
    image: Annotated[
        tuple[Annotated[int, Ge(1)], ...] | None,
        MinLen(1),
        Doc("[channels, height, width] of the images whose pixels the features are"),
    ] = None

    stream: Annotated[
        bool | None,
        Doc("keep the table in a file instead of memory; by default from 100 MB on"),
    ] = None
    cache: Annotated[
        str | None,
        Doc("folder for what is streamed, relative to the config; by default runs/.cache"),
    ] = None

    def table(self, seed: int, rules: int = RULES) -> Table:
        check_there(self.path, "dataset.path")
        return self.other(self.path, self.reading(rules))

    def reading(self, rules: int = RULES) -> Reading:
        """How the table is read."""
        missing = self.missing_values
        spellings = None if missing is None else tuple(map(_spelled, missing))
        return Reading(rules, self.delimiter, spellings, self.categorical or ())

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
        )

    def other(self, path: str, reading: Reading) -> Table:
        if streaming.is_large(path) if self.stream is None else self.stream:
            folder = Path(self.cache or streaming.CACHE)
            return streaming.read(path, folder, reading)
        return table.read(path, reading)


def _spelled(value: str | float) -> str:
    """How a value that stands for a missing one is written in a cell."""
    return value if isinstance(value, str) else number_text(value)
