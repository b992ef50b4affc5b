"""The file with the JSON Schema of a config, and the line by which an editor finds it."""

from __future__ import annotations

import os
from pathlib import Path

PATH = Path(__file__).parents[1] / "config" / "schema.json"
LINE = "# yaml-language-server: $schema="


def line(config: Path) -> str:
    """The line for a config that is written there; "" where optcli is installed elsewhere.

    The path is relative, and so holds for whoever has the same folder: a clone, or a project with
    a virtual environment in it. An absolute one would be that of one user of one machine.
    """
    here = Path.cwd().resolve()
    folder = config.absolute().parent.resolve()
    if not (PATH.resolve().is_relative_to(here) and folder.is_relative_to(here)):
        return ""
    return f"{LINE}{Path(os.path.relpath(PATH.resolve(), folder)).as_posix()}\n"
