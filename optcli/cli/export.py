"""`optcli export`: a trained model in a file that needs no optcli."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from optcli.cli import options
from optcli.cli.help import OUTPUT

EXAMPLES = (
    "optcli export runs/iris iris.onnx",
    "optcli export runs/iris iris.py",
)

File = Annotated[str, options.argument("FILE", "File to write: .onnx, .safetensors or .py")]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace an existing file", rich_help_panel=OUTPUT),
]


def command(
    run: options.Run,
    file: File,
    overwrite: Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Write a trained model to a file that needs no optcli.

    An .onnx file takes raw columns, prepares them, and gives labels with probabilities, or values.
    A .safetensors file has the parameters, and all else as JSON in its header. A .py file predicts
    with Python's standard library alone.
    """
    from optcli.api.export import export
    from optcli.display import export as display

    options.load(plugin, quiet=quiet)
    found = export(run, file, overwrite=overwrite)
    display.exported(found, quiet=quiet, json=json, stream=sys.stdout)
    return 0
