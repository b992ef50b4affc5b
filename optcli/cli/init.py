"""`optcli init`: a commented config for a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from optcli.cli import options
from optcli.cli.help import OUTPUT

EXAMPLES = (
    "optcli init",
    "optcli init --data configs/data/penguins.csv --target species penguins.yaml",
)

File = Annotated[
    str, options.argument("FILE", "Config to write (default: config.yaml); - prints it")
]
Data = Annotated[
    str | None,
    options.option("Table to train on; without it, the iris example", "--data", metavar="TABLE"),
]
Target = Annotated[
    list[str] | None,
    options.option("Column to predict; repeatable", "--target", metavar="COLUMN"),
]
Seed = Annotated[
    int,
    options.option(
        "Seed of the config, and so of its split", "--seed", metavar="N", min=0, max=2**63 - 1
    ),
]
Quick = Annotated[
    bool,
    options.option("Choose the model by the number of rows; try none", "--quick"),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace an existing file", rich_help_panel=OUTPUT),
]


def command(
    file: File = "config.yaml",
    data: Data = None,
    target: Target = None,
    seed: Seed = 0,
    quick: Quick = False,
    overwrite: Overwrite = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Write a commented config for a table.

    Infer the task, loss, metrics, model and split from the table, choose between a linear model
    and networks by cross-validation, and say what becomes of each column.
    """
    from optcli.api.init import init
    from optcli.display import init as display
    from optcli.storage import outputs

    there = None if outputs.is_stdout(file) else Path(file)
    rest: dict[str, Any] = {"seed": seed, "quick": quick, "overwrite": overwrite}
    watch = display.listener(quiet, json, sys.stderr)
    try:
        found = init(there, data=data, target=target or (), listener=watch, **rest)
    finally:
        watch.close()
    display.starter(found, quiet=quiet, json=json, stream=sys.stdout)
    return 0
