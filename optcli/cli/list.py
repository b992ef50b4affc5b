"""`optcli list`: what can be named in a config."""

from __future__ import annotations

import sys
from typing import Annotated

from optcli.cli import options

SUITES = "suites"
EXAMPLES = ("optcli list optimizers",)


def command(
    kind: Annotated[
        str | None,
        options.argument("KIND", "datasets, models, losses, ... (default: all)"),
    ] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """List what can be named: datasets, models, losses, optimizers, suites, ..."""
    from optcli.display import list as display
    from optcli.plugins import catalog

    options.load(plugin, quiet=False)
    found: list[display.CatalogEntry] = []
    if kind != SUITES:
        found += catalog.entries(kind, others=(SUITES,))
    if kind in (None, SUITES):
        from optcli.comparison import suites

        found += [entry for entry in suites.listed() if kind or entry.kind == SUITES]
    display.catalog(found, json=json, stream=sys.stdout)
    return 0
