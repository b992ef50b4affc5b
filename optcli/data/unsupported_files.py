"""Unsupported files: what a file is that is no delimited text, and what to do with it."""

from __future__ import annotations

import re
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput
from optcli.data import formats
from optcli.data.formats import GZIP, ZSTD, packing
from optcli.data.opening import STDIN

EXPORT = "export the table as CSV"
WRITE = "write it as Parquet or CSV"
R = "is R data; save it by write.csv(…, row.names = FALSE)"
UNREADABLE = "is compressed in a way that is not read; unpack it, or compress it as .gz or .zst"
HTML = "is a web page, not a table; download the file itself"

# What files that are no text begin with.
MARKS = {
    b"\xd0\xcf\x11\xe0": f"is a spreadsheet or archive; {EXPORT}",
    b"\xff\xfe": "is UTF-16; save the file as UTF-8",
    b"\xfe\xff": "is UTF-16; save the file as UTF-8",
    b"FEA1": f"is a Feather file of version 1; {WRITE}",
    b"Obj\x01": f"is an Avro file; {WRITE}",
    b"SQLite format 3\0": f"is a database; {EXPORT}",
    b"\x89HDF": f"is an HDF5 file; {EXPORT}",
    b"MATLAB 5.0 MAT-file": f"is a MATLAB file; {EXPORT}",
    b"$FL2@(#)": f"is an SPSS file; {EXPORT}",
    b"$FL3@(#)": f"is an SPSS file; {EXPORT}",
    b"<stata_dta>": f"is a Stata file; {EXPORT}",
    b"HEADER RECORD*******LIB": f"is a SAS file; {EXPORT}",
    b"\0" * 12 + b"\xc2\xea\x81\x60": f"is a SAS file; {EXPORT}",
    b"RDX2\n": R,
    b"RDX3\n": R,
    b"RDA2\n": R,
    b"RDA3\n": R,
    b"X\n\0\0\0": R,
    b"%PDF-": f"is a PDF document; {EXPORT}",
    b"\x89PNG": "is a picture, not a table",
    b"\xff\xd8\xff": "is a picture, not a table",
    b"GIF89a": "is a picture, not a table",
    b"BZh91AY&SY": UNREADABLE,
    b"\xfd7zXZ\0": UNREADABLE,
    b"7z\xbc\xaf\x27\x1c": UNREADABLE,
    b"Rar!\x1a": UNREADABLE,
}
# What the first entries of a zip archive tell of it.
ZIPPED = {
    b"xl/": "is a spreadsheet; its name must end in .xlsx",
    b"[Content_Types].xml": f"is a spreadsheet; {EXPORT}",
    b"mimetypeapplication/vnd.oasis": f"is a spreadsheet; {EXPORT}",
    b".npy": "is an archive of NumPy arrays; its name must end in .npz",
    b".csv": "is a zip archive; unpack it",
    b".tsv": "is a zip archive; unpack it",
    b".txt": "is a zip archive; unpack it",
}

_JSON = re.compile(rb"\{\s*(\"|\})|\[\s*(\{|\[|\"[^\"]*\"\s*[,\]]\s*(\"|$)|-?\d[^,;\t|\]]*,\s)")
_VALUE = rb"[-+]?[\d.]+([eE][-+]?\d+)?"
_SPARSE = re.compile(
    rb"%s(,%s)*([ \t]+qid:\d+)?([ \t]+\d+:%s)+[ \t]*(#.*)?" % (_VALUE, _VALUE, _VALUE)
)
_RULE = re.compile(rb"\|?(\s*(:-+:?|-+:|-{2,})\s*(\||$))+")


def refuse(data: bytes, path: Path) -> None:
    """Raise InvalidInput for what begins like a file of another kind than delimited text.

    data: what the file begins with, unpacked.
    """
    what = _binary(data, path) or _text(data[: 1 << 16])
    if what is not None:
        raise InvalidInput(Fault(what, file=str(path)))


def _binary(data: bytes, path: Path) -> str | None:
    if data.startswith(ZSTD):
        if packing(path) == ".zst" or path is STDIN:
            return "is compressed twice; unpack it once"
        return f"is compressed; name it {path.name}.zst"
    if data.startswith(GZIP):
        if path.suffix.lower() in (".rds", ".rdata", ".rda"):
            return R
        if packing(path) == ".gz" or path is STDIN:
            return "is compressed twice; unpack it once"
        return f"is compressed; name it {path.name}.gz"
    if data.startswith(b"PK\x03\x04"):
        what = next((what for mark, what in ZIPPED.items() if mark in data[:2000]), None)
        return what or f"is a spreadsheet or archive; {EXPORT}"
    what = formats.renamed(data)
    what = what or next((what for mark, what in MARKS.items() if data.startswith(mark)), None)
    if what is None and re.match(rb"\x80[\x02-\x05][\x95}\]c(]", data):
        return f"is a Python pickle; {WRITE}"
    if what is None and re.match(rb"[\x68-\x73][\x01\x02]\x01\x00", data):
        return f"is a Stata file; {EXPORT}"
    if what is None and data.startswith(b"ORC") and min(data[3:16], default=32) < 9:
        return f"is an ORC file; {WRITE}"
    wide = b"\0" in (data[:1], data[1:2]) and data[:64].count(b"\0") * 3 > len(data[:64])
    return what or ("is UTF-16; save the file as UTF-8" if wide else None)


def _text(data: bytes) -> str | None:
    """What is text, but not a table with a delimiter between its fields."""
    lines = [line.strip() for line in data.removeprefix(b"\xef\xbb\xbf").splitlines()]
    lines = [line for line in lines if line][:1000]
    start = b"\n".join(lines[:20])
    begin = start[:20].lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<!doctype")):
        return HTML
    if begin.startswith((b"<table", b"<div", b"<body", b"<head")):
        return f"is HTML, not a table of delimited text; {EXPORT}"
    if begin.startswith(b"<?xml"):
        return HTML if b"<html" in start.lower() else f"is XML, not a table; {EXPORT}"
    if _JSON.match(start):
        if _is_object(lines[0]) and (len(lines) == 1 or _is_object(lines[1])):
            return "is NDJSON; its name must end in .ndjson or .jsonl"
        return "is JSON, not a table; write it as NDJSON, CSV or Parquet"
    first = next((line for line in lines if not line.startswith(b"%")), b"")
    if re.match(rb"@relation\b", first, re.IGNORECASE):
        return "is ARFF; write it as CSV"
    rows = [line for line in lines if not line.startswith(b"#")][:2]
    if rows and all(map(_SPARSE.fullmatch, rows)):
        return "looks like LIBSVM; write it as CSV, with a header and a column for each feature"
    if begin.startswith((b"ascii spss port file", b"spss port file")):
        return f"is an SPSS file; {EXPORT}"
    if len(lines) > 1 and b"|" in lines[0] and _RULE.fullmatch(lines[1]):
        return f"is a Markdown table; {EXPORT}"
    return None


def _is_object(line: bytes) -> bool:
    """Whether a line is a JSON object of its own, as a row of NDJSON is."""
    return line.startswith(b"{") and line.endswith(b"}")
