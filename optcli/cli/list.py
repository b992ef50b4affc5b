"""`optcli list`: what can be named in a config."""

from __future__ import annotations

import sys
from typing import Annotated

from optcli.cli import options

EXAMPLES = ("optcli list optimizers",)


def command(
    kind: Annotated[
        str | None,
        options.argument("KIND", "datasets, models, losses, ... (default: all)"),
    ] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """List what a config can name: datasets, models, losses, optimizers, ..."""
    from optcli.display import list as display
    from optcli.plugins import catalog

    options.load(plugin, quiet=False)
    display.catalog(catalog.entries(kind), json=json, stream=sys.stdout)
    return 0
