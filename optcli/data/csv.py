"""The data set in a file, or several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Self

from optcli.core.machine import memory_available
from optcli.core.specs import CacheFolder, Doc, InputFile
from optcli.data import formats, streaming, table
from optcli.data.base import DATASETS
from optcli.data.cells import spellings
from optcli.data.reading_rules import RULES, Reading
from optcli.data.table import Table
from optcli.data.table_file import TableFile

KEPT_BYTES = 1_000_000_000  # of inputs that are kept in memory, at most
KEPT_BYTES_1 = 100_000_000  # by version 0.1


@DATASETS.register("csv")
@dataclass(frozen=True, kw_only=True)
class CSV(TableFile):
    """A table in a file: CSV, TSV, NDJSON, Parquet, Arrow, Excel, NumPy's arrays or IDX.

    Text may be compressed (.gz, .zst). A folder or a pattern stands for the Parquet files in it.
    """

    missing_values: Annotated[
        tuple[str | int | float, ...] | None,
        Doc(
            "texts that mean missing, in addition to empty cells; by default NA, null, ? and others"
        ),
    ] = None
    delimiter: Annotated[
        str | None, Doc("field delimiter; by default detected from the first rows")
    ] = None
    sheet: Annotated[
        str | int | None,
        Doc("sheet of an .xlsx workbook, by name or number from 1; by default the first"),
    ] = None
    labels: Annotated[
        str | None,
        InputFile(),
        Doc("file of the labels of a .npy or IDX file; by default found by its name beside it"),
    ] = None

    stream: Annotated[
        bool | None,
        Doc(
            "keep the table on disk and its inputs out of memory; by default if these take more "
            "than 1 GB"
        ),
    ] = None
    cache: Annotated[
        str | None,
        CacheFolder(),
        Doc("folder of the streaming cache, relative to the config; by default runs/.cache"),
    ] = None

    def reading(self, rules: int) -> Reading:
        missing = spellings(self.missing_values)
        return replace(super().reading(rules), delimiter=self.delimiter, missing=missing)

    def read(self, path: str | Path, reading: Reading) -> Table:
        own = str(path) == self.path
        return table.read(path, reading, sheet=self.sheet, labels=self.labels if own else None)

    def other(self, path: str, reading: Reading) -> Table:
        folder = Path(self.cache or streaming.CACHE)
        if formats.of(Path(path)) in formats.ARRAYS:  # which are in memory anyway
            return self.read(path, reading)
        if self.stream or (self.stream is None and streaming.is_large(path)):
            return streaming.read(path, folder, reading)
        found = streaming.cached(path, folder, reading)
        return self.read(path, reading) if found is None else found

    def streams(self, size: int, rules: int = RULES) -> bool:
        if self.stream is not None:
            return self.stream
        if rules > 1:
            return size > KEPT_BYTES
        if formats.of(Path(self.path)) in formats.ARRAYS:
            return size > memory_available() / 2
        return size > KEPT_BYTES_1

    def settled(self, *, streams: bool) -> Self:
        return replace(self, stream=streams)

    def rows_by(self) -> dict[str, Any]:
        names = ("path", "target", "weights", "sheet", "labels")
        return {name: getattr(self, name) for name in names}
