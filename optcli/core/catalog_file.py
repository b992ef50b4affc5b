"""The file with a page on all that optcli registers, which is read without importing any of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[1] / "plugins" / "catalog.json"


@functools.cache
def read() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """By the plural of each kind, in the order of names, the fields of a `plugins.catalog.Page`."""
    found: Mapping[str, Sequence[Mapping[str, Any]]] = json.loads(PATH.read_text("utf-8"))
    return found
