"""`optcli plugin`: check a plug-in against the laws of what it registers."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path
from typing import Annotated

import typer

from optcli.cli import options

NAME = "plugin"

app = typer.Typer(help="Check plug-ins against the laws.", add_completion=False)


@app.callback()
def group() -> None:
    """Check plug-ins against the laws."""


@app.command()
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A plug-in (.py).", show_default=False)
    ],
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check what a plug-in registers.

    Says which laws hold, and for those that do not what to write instead. Exits with 1 where
    one is broken.
    """
    from optcli.api.plugin import inspect_file
    from optcli.core.environment import blas_threads
    from optcli.display.plugin import pick

    options.load(plugin, quiet=quiet)
    show = pick(json=json, quiet=quiet, stream=sys.stdout)
    start, holds = time.perf_counter(), True
    with blas_threads(1):
        for found in inspect_file(file):
            show.add(found)
            holds = holds and found.holds
            for each in found.findings:
                if debug and each.error is not None:
                    traceback.print_exception(each.error)
    show.finish(time.perf_counter() - start)
    return 0 if holds else 1
