"""`optcli list`: what can be named in a config."""

from __future__ import annotations

import sys
from typing import Annotated

from optcli.cli import options

SUITES = "suites"
IDEAS = "ideas"
EXAMPLES = ("optcli list optimizers",)


def command(
    kind: Annotated[
        str | None,
        options.argument("KIND", "datasets, models, losses, ideas, ... (default: all)"),
    ] = None,
    plugins: Annotated[
        bool, options.option("List what installed packages offer instead", "--plugins")
    ] = False,
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """List what can be named: datasets, models, losses, optimizers, suites, ideas, ..."""
    from optcli.display import list as display
    from optcli.display.faults import say
    from optcli.plugins import catalog

    options.load(plugin, quiet=False)
    found: list[display.CatalogEntry] = []
    if plugins:
        found += catalog.offered(kind)
        if not found:
            say(quiet=False, stream=sys.stderr)("no installed package offers any")
        display.catalog(found, json=json, stream=sys.stdout)
        return 0
    if kind not in (SUITES, IDEAS):
        found += catalog.entries(kind, others=(SUITES, IDEAS))
    if kind in (None, SUITES):
        from optcli.comparison import suites

        found += [entry for entry in suites.listed() if kind or entry.kind == SUITES]
    if kind in (None, IDEAS):
        from optcli.ideas import ideas

        found += [
            catalog.CatalogEntry(IDEAS, idea.name, idea.aliases, idea.summary) for idea in ideas()
        ]
    display.catalog(found, json=json, stream=sys.stdout)
    return 0
