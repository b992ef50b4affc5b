"""`runs plot`: the histories of several runs in one picture.

figure = optcli.overlay(["runs/a", "runs/b"], x="seconds", y="accuracy")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optcli.api import runs
from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.data.table import listed
from optcli.storage import kinds, results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.plots import Line

AXES = {
    "epoch": "epoch",
    "step": "step",
    "seconds": "seconds of training",
    "rows": "training rows seen",
}
PARTS = {"validation": "validation", "train": "training"}
OTHERS = ("lr", "gradient_norm", "update_norm", "sharpness")


def overlay(
    folders: Sequence[str | Path], x: str = "epoch", y: str = "loss", log: bool | None = None
) -> Figure:
    """One quantity of several runs by epoch, step, seconds or rows, as a matplotlib figure.

    folders: of runs of `train`, finished or not, one or more. x: `epoch`, `step`, `seconds` (of
    training alone) or `rows` (training rows seen so far). y: `loss` or a metric, of the
    validation rows where all runs have them, else as seen in training; or a column of history.csv,
    as `train_loss`. log: whether the vertical axis is logarithmic; None: where values span more
    than 1.5 decades. Raises InvalidInput for a folder without a history or without that column.

        >>> import optcli
        >>> figure = optcli.overlay(["runs/iris"], x="seconds", y="accuracy")
    """
    from optcli import plots

    if x not in AXES:
        message = f"is '{x}'; must be {', '.join(AXES)}{suggestion(x, AXES)}"
        raise InvalidInput(Fault(message, parameter="x"))
    if not folders:
        raise InvalidInput(Fault("is missing; name one run or more", "RUN"))
    places = [Path(folder) for folder in folders]
    entries = [runs.trained_run(folder) for folder in places]
    histories = [results.history(folder) for folder in places]
    column = _column(y, histories)
    lines = [
        plots.Line(name, _across(x, history, entry), np.asarray(history[column], float))
        for name, history, entry in zip(_names(places), histories, entries, strict=True)
    ]
    said = column
    if column == "sharpness":
        lines, said = _beside_limits(lines, histories, entries)
    part, _, name = column.partition("_")
    said = f"{PARTS[part]} {name}" if part in PARTS else said
    return plots.overlay(lines, AXES[x], said.replace("_", " "), log=log)


def _column(y: str, histories: Sequence[dict[str, list[float]]]) -> str:
    """The column of history.csv that is drawn, which all must have; raises InvalidInput."""
    common = [name for name in histories[0] if all(name in each for each in histories)]
    for name in (f"validation_{y}", f"train_{y}", y):
        if name in common and name not in ("epoch", "step", "seconds"):
            return name
    known = [name for name in common if name.startswith(tuple(PARTS)) or name in OTHERS]
    short = list(dict.fromkeys(n.partition("_")[2] if n not in OTHERS else n for n in known))
    message = f"'{y}' is in the history of none or not of all runs{suggestion(y, short)}"
    raise InvalidInput(Fault(f"{message}; all have {listed(short)}", parameter="y"))


def _beside_limits(
    lines: Sequence[Line],
    histories: Sequence[Mapping[str, Sequence[float]]],
    entries: Sequence[runs.RunEntry],
) -> tuple[list[Line], str]:
    """The sharpness where it was measured, with what is stable, and what the axis is called."""
    from optcli import config as configs
    from optcli.plots.loss import stable_up_to

    found, formulas = [], set()
    for line, history, entry in zip(lines, histories, entries, strict=True):
        limit = configs.load(entry.folder / kinds.CONFIG).optimizer.stability_limit
        measured, stable = np.isfinite(line.y), None
        if limit is not None and np.isfinite(near := stable_up_to(limit, history)[measured]).any():
            stable = near
            formulas.add(f"{limit:.3g}/lr")
        found.append(replace(line, x=line.x[measured], y=line.y[measured], limit=stable))
    dashed = formulas.pop() if len(formulas) == 1 else "limit of stability" if formulas else ""
    return found, f"sharpness, dashed: {dashed}" if dashed else "sharpness"


def _across(x: str, history: dict[str, list[float]], entry: runs.RunEntry) -> Array:
    """The horizontal values (N,) of a run."""
    if x != "rows":
        return np.asarray(history[x], float)
    steps, summary = np.asarray(history["step"], float), entry.summary
    rows = summary.get("samples_per_second", 0) * max(summary.get("seconds", 0), 1e-9)
    if not rows or not summary.get("steps"):
        message = "has no summary yet, which tells the rows; use another --x"
        raise InvalidInput(Fault(message, file=str(entry.folder)))
    seen: Array = steps * (rows / summary["steps"])
    return seen


def _names(folders: Sequence[Path]) -> list[str]:
    """The names of the folders; whole paths where two have the same name."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        return [str(folder) for folder in folders]
    return names
