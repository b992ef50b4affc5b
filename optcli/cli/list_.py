"""`optcli list`: what can be named in a config."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from optcli.cli import options

NAME = "list"


def command(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help="One of datasets, models, losses, …; by default all."),
    ] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """List what a config can name."""
    from optcli import display
    from optcli.plugins import catalog

    options.load(plugin, quiet=False)
    display.catalog(catalog.entries(kind), json=json, stream=sys.stdout)
    return 0
