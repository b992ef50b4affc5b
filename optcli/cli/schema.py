"""`optcli schema`: the JSON Schema of a config."""

from __future__ import annotations

import sys
from typing import Annotated

from optcli.cli import options
from optcli.core import schema_file

EXAMPLES = ("optcli schema", "optcli schema --path")


def command(
    path: Annotated[
        bool, options.option("Print the path of the file that has it, for settings", "--path")
    ] = False,
    plugin: options.Plugin = None,
    debug: options.Debug = False,
) -> int:
    """Print the config's JSON Schema, for editors."""
    from optcli.display.output import Output

    text = f"{schema_file.PATH}\n" if path else schema_file.PATH.read_text("utf-8")
    if plugin and not path:
        from optcli.config import json_schema

        options.load(plugin, quiet=False)
        text = json_schema.written()
    output = Output(sys.stdout)
    for line in text.splitlines():
        output.line(line)
    return 0
