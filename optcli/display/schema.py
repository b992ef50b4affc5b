"""What `optcli schema` prints."""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from typing import Any, TextIO

from optcli.display.output import Output


def schema(found: Mapping[str, Any], stream: TextIO) -> None:
    """A JSON Schema, indented."""
    output = Output(stream)
    for line in dumps(found, indent=2).splitlines():
        output.line(line)
