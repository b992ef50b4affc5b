"""The data set in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from optcli.data import table
from optcli.data.base import DATASETS, Dataset, Missing, Roles
from optcli.data.table import Table
from optcli.specs import Doc, Ge, MinLen


@DATASETS.register("csv")
@dataclass(frozen=True, kw_only=True)
class File(Dataset):
    """A table in a .csv, .csv.gz, .tsv or .parquet file, with names in the first line."""

    path: Annotated[str, MinLen(1), Doc("the file, relative to the config")]
    target: Annotated[
        str | tuple[str, ...], MinLen(1), Doc("what to predict: one column, or several")
    ]
    features: Annotated[
        tuple[str, ...] | None, MinLen(1), Doc("columns to predict from; by default the others")
    ] = None
    exclude: Annotated[tuple[str, ...], Doc("columns to leave out")] = ()
    categorical: Annotated[
        tuple[str, ...] | None,
        Doc("columns that are text even where they hold numbers; [] demands numbers everywhere"),
    ] = None
    missing: Annotated[
        Missing,
        Doc("rows with missing values: an error, drop the row, or impute mean and mode"),
    ] = "error"
    delimiter: Annotated[str | None, Doc("between fields; by default as in the header line")] = None
    weights: Annotated[str | None, Doc("column of sample weights")] = None
    image: Annotated[
        tuple[Annotated[int, Ge(1)], ...] | None,
        MinLen(1),
        Doc("[channels, height, width] of the images whose pixels the features are"),
    ] = None

    def table(self, seed: int) -> Table:
        return self.other(self.path)

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
        )

    def other(self, path: str) -> Table:
        return table.read(path, delimiter=self.delimiter, categorical=self.categorical or ())
