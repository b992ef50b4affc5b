"""`optcli plugin`: check a plug-in against the laws of what it registers."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path
from typing import Annotated

from optcli.cli import help as pages
from optcli.cli import options

EXAMPLES = ("optcli plugin check my_loss.py",)

app = pages.group("Check plug-ins.", *EXAMPLES)


@app.callback()
def group() -> None:
    """Check plug-ins."""


@app.command(cls=pages.Command, epilog=pages.examples(*EXAMPLES))
def check(
    file: Annotated[
        Path,
        options.argument("FILE|NAME", "Plug-in (.py), or installed package or what one offers"),
    ],
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check everything that a plug-in registers.

    Show which laws of its kind hold and, for those that do not, what to write instead. Exit
    with 1 if one is broken.
    """
    from optcli.api.plugin import inspect_file, inspect_installed
    from optcli.core.environment import blas_threads
    from optcli.display.plugin import listener

    options.load(plugin, quiet=quiet)
    show = listener(quiet, json, sys.stdout)
    start, holds = time.perf_counter(), True
    with blas_threads(1):
        is_file = file.exists() or file.is_symlink() or file.suffix or file.name != str(file)
        for found in inspect_file(file) if is_file else inspect_installed(str(file)):
            show(found)
            holds = holds and found.holds
            for each in found.findings:
                if debug and each.error is not None:
                    traceback.print_exception(each.error)
    show.finish(time.perf_counter() - start)
    return 0 if holds else 1
