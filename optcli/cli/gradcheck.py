"""`optcli gradcheck`: check analytic against numerical gradients."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optcli.cli import options

if TYPE_CHECKING:
    from optcli.gradients.cases import Case, CaseSet
    from optcli.gradients.result import Result

NAME = "gradcheck"


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Losses, layers, models, …; by default all."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="CONFIG", help="Check the model and loss of a config, on its data."
        ),
    ] = None,
    set_: options.Set = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Check along random directions; for large models.")
    ] = False,
    rtol: Annotated[
        float,
        typer.Option(min=0, metavar="X", help="Relative error that passes."),
    ] = 1e-6,
    atol: Annotated[
        float, typer.Option(min=0, metavar="X", help="Absolute error that passes, beyond rounding.")
    ] = 0.0,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Seed of the points and data.")
    ] = 0,
    plots: Annotated[bool, typer.Option("--plots", help="Draw error against step size.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the picture of --plots; must be new or empty."
        ),
    ] = None,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check analytic against numerical gradients.

    By default all that optcli has; else what is named, or the parts of a config.
    Exits with 1 where one is wrong or could not be checked.
    """
    from optcli.api.check import check
    from optcli.core.environment import blas_threads
    from optcli.core.errors import Fault, InvalidInput
    from optcli.display.gradcheck import pick
    from optcli.gradients.cases import case_sets, cohort_cases
    from optcli.gradients.check import How
    from optcli.gradients.differences import Tolerance
    from optcli.plugins.loading import load
    from optcli.storage import run_folder

    for option, value in (("--rtol", rtol), ("--atol", atol)):
        if not math.isfinite(value):
            raise InvalidInput(Fault(f"is {value}; must be finite", option))
    if out is not None and not plots:
        raise InvalidInput(Fault("is the folder of the picture; add --plots", "--out"))
    if out is not None:
        run_folder.check_claim(out, overwrite=False)
    load(plugin or [])
    chosen: list[CaseSet] = []
    if config is not None:
        plan = check(config, options.overrides(set_, None))
        chosen.append(cohort_cases(plan.cohort, plan.config.title))
    if names or config is None:
        chosen += case_sets(names or [])
    how = How(fast=fast, tolerance=Tolerance(rtol, atol), seed=seed)
    show = pick(chosen, json=json, quiet=quiet, stream=sys.stdout)
    start, ok, notes, worst = time.perf_counter(), True, [], []
    with blas_threads(1):
        for case_set in chosen:
            found = list(case_set.check(how))
            show.add(case_set, found)
            ok = ok and all(result.ok for _, result in found)
            noted = [text for _, result in found for text in result.notes]
            notes += [f"{case_set.name}: {text}" for text in dict.fromkeys(noted)]
            worst.append(max(found, key=lambda each: each[1].worst_ratio))
            entire = [result for case, result in found if not case.projections]
            if not fast and any(result.unit != "entries" for result in entire):
                notes.append(
                    f"{case_set.name} is large: checked along random directions, as --fast"
                )
        seconds = time.perf_counter() - start
        if plots:
            notes.append(f"picture: {_draw(worst, out)}")
    show.finish(seconds, notes)
    return 0 if ok else 1


def _draw(found: list[tuple[Case, Result]], out: Path | None) -> Path:
    """A picture of the worst cases; returns its path."""
    from optcli import plots
    from optcli.gradients.curves import curve
    from optcli.plots.gradcheck import MOST_PANELS
    from optcli.storage import run_folder

    found = sorted(found, key=lambda each: -each[1].worst_ratio)[:MOST_PANELS]
    curves = [
        curve(
            case.function,
            result.verdict,
            result.name,
            outcome=result.outcome,
            analytic=case.analytic,
        )
        for case, result in found
    ]
    name = "gradcheck.png"
    picture = {
        name: plots.render(plots.error_by_step(curves, "analytic against numerical gradients"))
    }
    if out is None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return run_folder.new(Path("runs"), f"gradcheck-{stamp}", picture) / name
    return run_folder.claim(out, picture, overwrite=False) / name
