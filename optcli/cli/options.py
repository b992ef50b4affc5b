"""Options that several commands have."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from optcli.core.errors import Fault, InvalidInput

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="A table; - is standard input.", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config; repeatable."),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", min=0, max=2**63 - 1, help="Short for --set seed=N."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder to write; must be new or empty.")
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Folder to unpack large tables in."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Let --out replace a folder that optcli made.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON alone, one object a line.")]
NoPlots = Annotated[bool, typer.Option("--no-plots", help="Draw no pictures.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Plugin = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE.py", help="Load losses, … of your own; repeatable."),
]


def load(plugins: list[Path] | None, *, quiet: bool) -> None:
    """Run the plug-ins of the command line; what is of version 0.1 in them is said in notes."""
    if not plugins:
        return
    import warnings

    from optcli.core import former
    from optcli.core.errors import shown
    from optcli.display.faults import say
    from optcli.plugins import loading

    tell = say(quiet=quiet, stream=sys.stderr)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", f".*{former.UNTIL}", DeprecationWarning)
        loading.load(plugins)
    for each in caught:
        if former.UNTIL in str(each.message):
            tell(f"{shown(Path(each.filename))}:{each.lineno}: {each.message}")
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def overrides(of: list[str] | None, seed: int | None, cache: Path | None = None) -> list[str]:
    """The settings of the command line, in one list; raises InvalidInput for two seeds."""
    found = list(of or [])
    if seed is not None:
        others = [text for text in found if text.startswith("seed=")]
        if others and others[-1] != f"seed={seed}":
            raise InvalidInput(Fault(f"is {seed}, beside --set {others[-1]}; give one", "--seed"))
        found.append(f"seed={seed}")
    if cache is not None:
        found.append(f"dataset.cache={json.dumps(str(cache.absolute()))}")
    return found


def numbers(option: str, text: str | None) -> list[float] | None:
    """Numbers between commas; raises InvalidInput."""
    if text is None:
        return None
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise InvalidInput(Fault(f"is '{text}'; must be numbers between commas, as 1,-0.5", option))
    return found
