"""What `optcli report` says when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.output import Output


def written(
    path: Path, folders: Sequence[Path], stream: TextIO | None, *, quiet: bool, json: bool
) -> None:
    """Where the page is, and how large."""
    size = path.stat().st_size
    if json and stream is not None:
        fields = {"file": str(path), "bytes": size, "folders": list(map(str, folders))}
        JsonLines(stream).emit("report", fields)
    elif not quiet:
        Output(stream).line(f"report: {path} ({size / 1000:,.0f} kB)")
