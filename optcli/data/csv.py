"""The data set in a text file or a Parquet file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from optcli.core.specs import CacheFolder, Doc
from optcli.data import streaming
from optcli.data.base import DATASETS
from optcli.data.cells import number_text
from optcli.data.reading_rules import Reading
from optcli.data.table import Table
from optcli.data.table_file import TableFile


@DATASETS.register("csv")
@dataclass(frozen=True, kw_only=True)
class CSV(TableFile):
    """A table in a .csv, .csv.gz, .tsv or .parquet file, with names in the first line."""

    missing_values: Annotated[
        tuple[str | int | float, ...] | None,
        Doc(
            "texts that mean missing, in addition to empty cells; by default NA, null, ? and others"
        ),
    ] = None
    delimiter: Annotated[
        str | None, Doc("field delimiter; by default detected from the first rows")
    ] = None

    stream: Annotated[
        bool | None,
        Doc("keep the table on disk instead of in memory; by default if larger than 100 MB"),
    ] = None
    cache: Annotated[
        str | None,
        CacheFolder(),
        Doc("folder of the streaming cache, relative to the config; by default runs/.cache"),
    ] = None

    def reading(self, rules: int) -> Reading:
        missing = self.missing_values
        spellings = None if missing is None else tuple(map(_spelled, missing))
        return Reading(rules, self.delimiter, spellings, self.categorical or ())

    def other(self, path: str, reading: Reading) -> Table:
        if streaming.is_large(path) if self.stream is None else self.stream:
            return streaming.read(path, Path(self.cache or streaming.CACHE), reading)
        return self.read(path, reading)

    def streams(self, size: int) -> bool:
        return size > streaming.LARGE if self.stream is None else self.stream

    def rows_by(self) -> dict[str, Any]:
        return {"path": self.path, "target": self.target, "weights": self.weights}


def _spelled(value: str | float) -> str:
    """How a value that stands for a missing one is written in a cell."""
    return value if isinstance(value, str) else number_text(value)
