"""`optcli schema`: the JSON Schema of a config."""

from __future__ import annotations

import sys

from optcli.cli import options

EXAMPLES = ("optcli schema",)


def command(plugin: options.Plugin = None, debug: options.Debug = False) -> int:
    """Print the config's JSON Schema, for editors."""
    from optcli.config.json_schema import schema
    from optcli.display import schema as display

    options.load(plugin, quiet=False)
    display.schema(schema(), sys.stdout)
    return 0
