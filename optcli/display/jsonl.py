"""JSON Lines, for programs: one object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO

from optcli.core.jsonable import jsonable
from optcli.display.output import Output


class JsonLines:
    """One object a line, its kind under `event`. Numbers that are not finite are null."""

    def __init__(self, stream: TextIO) -> None:
        self.output = Output(stream)

    def emit(self, event: str, fields: Mapping[str, Any]) -> None:
        """One line of any kind."""
        self.output.line(json.dumps({"event": event, **jsonable(fields)}, allow_nan=False))

    def close(self) -> None:
        """Nothing is left open."""
