"""Options that several commands have."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from optcli.cli.help import CONFIG, OTHER, OUTPUT
from optcli.core.errors import Fault, InvalidInput


def argument(metavar: str, text: str) -> Any:
    """An argument of a command."""
    return typer.Argument(metavar=metavar, help=text, show_default=False)


def option(text: str, *names: str, **rest: Any) -> Any:
    """An option of a command."""
    return typer.Option(*names, help=text, **rest)


Config = Annotated[Path, argument("CONFIG", "Config file (YAML)")]
Run = Annotated[Path, argument("RUN", "Run folder")]
Data = Annotated[Path, argument("DATA", "Table; - reads standard input")]
Set = Annotated[
    list[str] | None,
    option(
        "Set a config key, e.g. optimizer.lr=0.01; repeatable",
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=CONFIG,
    ),
]
Seed = Annotated[
    int | None,
    option(
        "Set the seed, at least 0; short for --set seed=N",
        "--seed",
        metavar="N",
        min=0,
        max=2**63 - 1,
        rich_help_panel=CONFIG,
    ),
]
Cache = Annotated[
    Path | None,
    option(
        "Cache directory for large tables",
        "--cache",
        metavar="DIR",
        rich_help_panel=CONFIG,
    ),
]
Plugin = Annotated[
    list[Path] | None,
    option(
        "Load a plug-in (custom losses, optimizers, ...); repeatable",
        "--plugin",
        metavar="FILE.py",
        rich_help_panel=CONFIG,
    ),
]
Out = Annotated[
    Path | None,
    option(
        "Write to this folder, which must be new or empty",
        "--out",
        metavar="DIR",
        rich_help_panel=OUTPUT,
    ),
]
Overwrite = Annotated[
    bool,
    option(
        "Allow --out to replace a folder made by optcli",
        "--overwrite",
        rich_help_panel=OUTPUT,
    ),
]
NoPlots = Annotated[bool, option("Do not draw plots", "--no-plots", rich_help_panel=OUTPUT)]
Plots = Annotated[
    str | None,
    option(
        "Format of the plots (default: png)",
        "--plots",
        metavar="png|svg|pdf",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[bool, option("Print only errors", "--quiet", "-q", rich_help_panel=OUTPUT)]
Json = Annotated[bool, option("Print only JSON Lines", "--json", rich_help_panel=OUTPUT)]
Debug = Annotated[bool, option("Show the traceback of an error", "--debug", rich_help_panel=OTHER)]


def plots(format_: str | None, none: bool) -> bool | str:
    """What --plots and --no-plots come to; raises InvalidInput where both are given."""
    if format_ is not None and none:
        raise InvalidInput(Fault("cannot be combined with --no-plots; give one", "--plots"))
    return format_ or not none


def load(plugins: list[Path] | None, *, quiet: bool) -> None:
    """Run the plug-ins of the command line; what is of version 0.1 in them is said in notes."""
    if not plugins:
        return
    import warnings

    from optcli.core import former_paths
    from optcli.core.errors import shown
    from optcli.display.faults import say
    from optcli.plugins import loading

    tell = say(quiet=quiet, stream=sys.stderr)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", f".*{former_paths.UNTIL}", DeprecationWarning)
        loading.load(plugins)
    for each in caught:
        if former_paths.UNTIL in str(each.message):
            tell(f"{shown(Path(each.filename))}:{each.lineno}: {each.message}")
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def overrides(of: list[str] | None, seed: int | None, cache: Path | None = None) -> list[str]:
    """The settings of the command line, in one list; raises InvalidInput for two seeds."""
    found = list(of or [])
    if seed is not None:
        others = [text for text in found if text.startswith("seed=")]
        if others and others[-1] != f"seed={seed}":
            message = f"is {seed}, but --set {others[-1]} is given as well; give one"
            raise InvalidInput(Fault(message, "--seed"))
        found.append(f"seed={seed}")
    if cache is not None:
        found.append(f"dataset.cache={json.dumps(str(cache.absolute()))}")
    return found


def numbers(name: str, text: str | None) -> list[float] | None:
    """Numbers between commas; raises InvalidInput."""
    if text is None:
        return None
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise InvalidInput(Fault(f"is '{text}'; must be numbers between commas, as 1,-0.5", name))
    return found
