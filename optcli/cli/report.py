"""`optcli report`: one HTML file on run folders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options
from optcli.cli.help import OUTPUT

EXAMPLES = (
    "optcli report runs/iris",
    "optcli report runs/iris runs/other -o both.html",
)

Folders = Annotated[
    list[Path],
    options.argument(
        "FOLDER...", "Folders of runs, comparisons, evaluations, traces, gradient checks"
    ),
]
File = Annotated[
    str | None,
    options.option(
        "Write this file; - is standard output (default: report.html in the folder)",
        "-o",
        "--output",
        metavar="FILE.html",
        rich_help_panel=OUTPUT,
    ),
]


def command(
    folder: Folders,
    output: File = None,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Write results as one HTML page that opens offline.

    It has the verdict or outcome, tables, curves whose values can be read by pointing, config
    and environment. Of several training runs the curves are drawn together.
    """
    from optcli.api import report
    from optcli.display.report import written
    from optcli.storage import outputs

    options.load(plugin, quiet=quiet)
    if output is not None and outputs.is_stdout(output):
        sys.stdout.buffer.write(report.page(folder))
        sys.stdout.flush()
        return 0
    file = report.destination(folder, output)
    report.write(file, report.page(folder), folder)
    written(file, folder, sys.stdout, quiet=quiet, json=json)
    return 0
