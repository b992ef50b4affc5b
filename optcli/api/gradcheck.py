"""`gradcheck`: analytic against numerical gradients of all that is registered, or of a config.

`optcli.gradcheck` checks a function of your own: see `optcli.gradients`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.api.check import Setup, check
from optcli.core.environment import blas_threads, environment
from optcli.core.errors import Fault, InvalidInput, setting
from optcli.core.html_table import html_table
from optcli.core.jsonable import jsonable
from optcli.data.checksum import checksum
from optcli.gradients.case import Case, CaseSet
from optcli.gradients.cases import case_sets
from optcli.gradients.check import How
from optcli.gradients.differences import Tolerance
from optcli.gradients.model_cases import cohort_cases
from optcli.gradients.result import NOT_CHECKED, RIGHT_GRADIENT, WRONG_GRADIENT, Result
from optcli.plugins import loading
from optcli.storage import files, kinds, results, seals
from optcli.storage.destination import Destination

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHECKED = ("kind", "name", "cases", "outcome", "worst_ratio")  # of a set of cases
Listener = Callable[[CaseSet, Sequence[tuple[Case, Result]]], object]


@dataclass(frozen=True)
class Checks:
    """What is checked, and how.

    names: of what is registered. setup: of the config that is checked; None for none. case_sets:
    what that comes to, in order. how: tolerances, seed, and whether along directions alone.
    destination: where the picture goes; None for no picture.
    """

    names: tuple[str, ...]
    setup: Setup | None
    case_sets: tuple[CaseSet, ...]
    how: How
    destination: Destination | None


@dataclass(frozen=True)
class Checked:
    """What the checks came to.

    outcome: `wrong` where a gradient is, else `not checked` where one could not be, else
    `right`. notes: sentences worth saying. folder: of the picture, None where none was asked for.
    checked: `kind`, `name`, `cases`, `outcome` and `worst_ratio` of each set of cases.
    """

    outcome: str
    notes: tuple[str, ...]
    seconds: float
    folder: Path | None = None
    checked: tuple[Mapping[str, Any], ...] = ()

    def plot(self) -> Figure:
        """The largest error of each set of cases over its tolerance, as a matplotlib figure."""
        from optcli import plots

        return plots.error_ratios(self.checked, f"gradients: {self.outcome}")

    def _repr_html_(self) -> str:
        """The sets of cases as a table, for a notebook."""
        rows = [[str(row[name]) for name in CHECKED] for row in self.checked]
        return html_table(f"gradients: {self.outcome}", CHECKED, rows, self.notes)

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return self.outcome == RIGHT_GRADIENT


def checks(
    names: Iterable[str] = (),
    config: str | Path | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    *,
    fast: bool = False,
    rtol: float = 1e-6,
    atol: float = 0.0,
    seed: int = 0,
    plots: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> Checks:
    """What is to be checked: a config's model and loss on its data, and what is named.

    Without either, all that is registered. fast: along random directions alone. rtol: the
    relative error that passes; atol: the absolute one, beyond rounding. plots: whether to keep
    a picture of the worst cases in a folder; out: that folder, by default
    `runs/gradcheck-<date>-<time>`. Raises InvalidInput for a name that nothing has, a config
    that is not valid, a tolerance out of range, a folder that cannot be written.
    """
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not math.isfinite(value):
            raise InvalidInput(Fault(f"is {value}; must be finite", parameter=name))
    if out is not None and not plots:
        message = f"has no effect without {setting('plots')}; add {setting('plots')}"
        raise InvalidInput(Fault(message, parameter="out"))
    destination = None
    if plots:
        destination = Destination(kinds.GRADCHECK, "gradcheck", out, overwrite)
        destination.check()
    names, setup, chosen = tuple(names), None, []
    if config is not None:
        setup = check(config, overrides)
        chosen.append(cohort_cases(setup.cohort, setup.config.title))
    if names or config is None:
        chosen += case_sets(names)
    how = How(fast=fast, tolerance=Tolerance(rtol, atol), seed=seed)
    return Checks(names, setup, tuple(chosen), how, destination)


def gradcheck(chosen: Checks, listener: Listener = lambda case_set, found: None) -> Checked:
    """Check, and keep the picture where one is wanted.

    listener: called with each set of cases and its results. Raises InvalidInput, EnvironmentFailed.
    """
    start, notes = time.perf_counter(), list[str]()
    worst: list[tuple[Case, Result]] = []
    rows: list[dict[str, Any]] = []
    with blas_threads(1):
        for case_set in chosen.case_sets:
            found = list(case_set.check(chosen.how))
            listener(case_set, found)
            results = [result for _, result in found]
            noted = dict.fromkeys(text for result in results for text in result.notes)
            notes += [f"{case_set.name}: {text}" for text in noted]
            entire = [result for case, result in found if not case.projections]
            if not chosen.how.fast and any(result.unit != "entries" for result in entire):
                notes.append(
                    f"{case_set.name} is large: checked along random directions, as --fast"
                )
            worst.append(max(found, key=lambda each: each[1].worst_ratio))
            rows.append(
                {
                    "kind": case_set.kind,
                    "name": case_set.name,
                    "cases": len(results),
                    "outcome": _outcome(result.outcome for result in results),
                    "worst_ratio": worst[-1][1].worst_ratio,
                }
            )
        outcome = _outcome(row["outcome"] for row in rows)
        seconds = time.perf_counter() - start
        picture = _drawn(worst) if chosen.destination else b""
    folder = None
    if chosen.destination:
        text = _config(chosen, chosen.destination.folder)
        with chosen.destination.claim(text, _environment(chosen)) as folder:
            files.write(folder / kinds.PICTURE, picture)
            summary = {"outcome": outcome, "seconds": seconds, "checked": rows}
            files.write_json(folder / "summary.json", summary)
            seals.seal(folder, kinds.GRADCHECK)
        notes.append(f"picture: {folder / kinds.PICTURE}")
    return Checked(outcome, tuple(notes), seconds, folder, tuple(rows))


def stored(folder: Path) -> Checked:
    """The check that lies in a folder; raises InvalidInput where it is damaged."""
    if kinds.is_picture(folder):
        message = "holds the picture of a gradient check of optcli 0.1, which kept no results"
        raise InvalidInput(Fault(message, file=str(folder)))
    found = results.summary(folder)
    rows = found.get("checked")
    if not isinstance(rows, list) or not all(set(CHECKED) <= set(row) for row in rows):
        message = "is damaged: it does not describe a gradient check"
        raise InvalidInput(Fault(message, file=str(folder / results.SUMMARY)))
    return Checked(found["outcome"], (), found["seconds"], folder, tuple(rows))


def _outcome(of: Iterable[str]) -> str:
    """The worst of several outcomes."""
    outcomes = set(of)
    worst = (each for each in (WRONG_GRADIENT, NOT_CHECKED) if each in outcomes)
    return next(worst, RIGHT_GRADIENT)


def _config(chosen: Checks, folder: Path) -> str:
    """What config.yaml in `folder` says."""
    from optcli.config import portable, writing

    how = chosen.how
    values: dict[str, Any] = {
        "gradcheck": {
            "names": list(chosen.names),
            "fast": how.fast,
            "rtol": how.tolerance.rtol,
            "atol": how.tolerance.atol,
            "seed": how.seed,
        }
    }
    if chosen.setup is not None:
        values["config"] = jsonable(portable(chosen.setup.config, folder))
    return writing.written(values)


def _environment(chosen: Checks) -> dict[str, Any]:
    """What environment.json says."""
    data = None if chosen.setup is None else checksum(chosen.setup.data)
    return {**environment(1, data), "plugins": loading.identity()}


def _drawn(found: Iterable[tuple[Case, Result]]) -> bytes:
    """A picture of the worst cases."""
    from optcli import plots
    from optcli.gradients.curves import curve
    from optcli.plots.gradcheck import MOST_PANELS

    worst = sorted(found, key=lambda each: -each[1].worst_ratio)[:MOST_PANELS]
    curves = [
        curve(
            case.function,
            result.verdict,
            result.name,
            outcome=result.outcome,
            analytic=case.analytic,
        )
        for case, result in worst
    ]
    figure = plots.error_by_step(curves, "analytic against numerical gradients")
    return plots.render(figure)
