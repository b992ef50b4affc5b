"""Formats: what a table's file is, as its name tells, and what it begins with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
PACKINGS = {".gz": GZIP, ".zst": ZSTD}  # by suffix: what such a file begins with


@dataclass(frozen=True)
class Format:
    """One format of tables.

    name: what such a file is, in a sentence. suffixes: by which its name says it; the first is
    the one to recommend. marks: what such files begin with. typed: whether a missing value is
    one of its own there, so that 'NA' and an empty text are texts. streams: whether a file is
    read piece by piece where it is large.
    """

    name: str
    suffixes: tuple[str, ...]
    marks: tuple[bytes, ...] = ()
    typed: bool = True
    streams: bool = False


TEXT = Format("a delimited text file", (".csv", ".tsv", ".tab", ".txt"), typed=False, streams=True)
NDJSON = Format("an NDJSON file", (".ndjson", ".jsonl"), streams=True)
PARQUET = Format("a Parquet file", (".parquet",), (b"PAR1",), streams=True)
ARROW = Format(
    "an Arrow file", (".arrow", ".feather", ".ipc"), (b"ARROW1", b"\xff\xff\xff\xff"), streams=True
)
SPREADSHEET = Format("an Excel workbook", (".xlsx", ".xlsm"), (b"PK\x03\x04",), typed=False)
NPZ = Format("an archive of NumPy arrays", (".npz",), (b"PK\x03\x04", b"PK\x05\x06"))
NPY = Format("a NumPy array", (".npy",), (b"\x93NUMPY",))
IDX = Format("an IDX file", (".idx",))

FORMATS = (NDJSON, PARQUET, ARROW, SPREADSHEET, NPZ, NPY, IDX, TEXT)
ARRAYS = (NPZ, NPY, IDX)  # formats of numbers in arrays of any number of axes

_IDX = re.compile(r"(^|[-._])(idx[1-4][-.]?)?u?byte$|[-._]idx[1-4]$")  # train-images-idx3-ubyte


def packing(path: Path) -> str:
    """`.gz` or `.zst` where the name ends so, else nothing."""
    ending = path.suffix.lower()
    return ending if ending in PACKINGS else ""


def is_named_table(path: Path) -> bool:
    """Whether a file's name ends as those of tables do."""
    name = path.name.lower().removesuffix(packing(path))
    return any(name.endswith(each.suffixes) for each in FORMATS)


def of(path: Path) -> Format:
    """The format that a file's name tells; text where it tells none."""
    name = path.name.lower().removesuffix(packing(path))
    for each in FORMATS:
        if name.endswith(each.suffixes):
            return each
    return IDX if _IDX.search(name) else TEXT


def of_content(data: bytes) -> Format:
    """The format of what has no name; a text that begins with a brace is NDJSON."""
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    return by_mark(data) or (NDJSON if text.startswith(b"{") else TEXT)


def by_mark(data: bytes) -> Format | None:
    """The binary format that a file begins like."""
    return next((each for each in (PARQUET, ARROW, NPY) if data.startswith(each.marks)), None)


def renamed(data: bytes) -> str | None:
    """What to say of a binary table under another name: `is a Parquet file; its name must …`."""
    found = by_mark(data)
    if found is None:
        return None
    return f"is {found.name}; its name must end in {found.suffixes[0]}"
