"""`trace`: paths of optimizers on an objective, and the run folder that holds them.

found = optcli.trace("rosenbrock", ["sgd", "adam:lr=0.1"], tune=True)
found.paths[0].label, found.paths[0].x, found.paths[0].outcome
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.environment import environment
from optcli.core.errors import Fault, InvalidInput
from optcli.core.html_table import html_table
from optcli.core.specs import named, unnamed
from optcli.objectives.base import OBJECTIVES, Objective
from optcli.objectives.model import unfit
from optcli.objectives.outcome import TOLERANCE
from optcli.optimizers.base import OPTIMIZERS
from optcli.plugins import loading
from optcli.plugins.first_use import check_before_training
from optcli.storage import files, kinds, outputs, results, seals
from optcli.storage.destination import Destination
from optcli.training import trace as tracing
from optcli.training.trace import Path, Trace, TracedOptimizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 1000
MOST_STEPS = 100_000


@dataclass(frozen=True, repr=False)
class SavedTrace(Trace):
    """A finished trace, and its run folder."""

    folder: Folder

    def __repr__(self) -> str:
        return f"<SavedTrace {self.folder}: {self.title}>"

    def plot(self) -> Figure:
        """The paths on the objective and the loss of each by step, as a matplotlib figure."""
        from optcli import plots

        return plots.trace_map(self, self.title)

    def _repr_html_(self) -> str:
        """What became of each optimizer as a table, for a notebook."""
        rows = [
            [
                path.label,
                f"{path.lr:.4g}",
                f"{path.loss[-1]:.4g}",
                f"{path.distance[-1]:.4g}",
                "-" if path.reached is None else f"{path.reached:,}",
                path.outcome,
            ]
            for path in self.paths
        ]
        headings = ["optimizer", "lr", "loss", "distance", "steps", "outcome"]
        return html_table(self.title, headings, rows)


def stored(folder: Folder) -> SavedTrace:
    """The trace that lies in a folder; raises InvalidInput where it is damaged.

    The objective and the optimizers must be known: load the plug-ins that they are from before.
    """
    from optcli.config.yaml_text import read_written

    values, summed = read_written(folder / kinds.CONFIG), results.summary(folder)
    try:
        described = dict(values["objective"])
        start = tuple(map(float, described.pop("start")))
        objective = unnamed(OBJECTIVES.find(described["name"]), described)
        optimizers = [unnamed(OPTIMIZERS.find(each["name"]), each) for each in values["optimizers"]]
        points = _points(folder / "paths.csv")
        paths = [
            Path.of(objective, TracedOptimizer(row["label"], optimizer), points[row["label"]])
            for row, optimizer in zip(summed["paths"], optimizers, strict=True)
        ]
        counts = int(values["steps"]), int(values["seed"])
        return SavedTrace(objective, start, *counts, tuple(paths), folder)
    except (KeyError, TypeError, ValueError, OSError, csv.Error) as error:
        message = f"is damaged: it does not describe a trace ({error!r})"
        raise InvalidInput(Fault(message, file=str(folder))) from error


def _points(path: Folder) -> dict[str, Array]:
    """The points (T + 1, n) of each label, as paths.csv has them."""
    with path.open(newline="", encoding="utf-8") as file:
        found: dict[str, list[list[float]]] = {}
        for label, _, _, _, *x in itertools.islice(csv.reader(file), 1, None):
            found.setdefault(label, []).append([float(cell) for cell in x])
    return {label: np.array(each) for label, each in found.items()}


def trace(
    objective: str | Objective,
    optimizers: Sequence[str],
    *,
    steps: int = STEPS,
    start: Sequence[float] | None = None,
    tune: bool = False,
    seed: int = 0,
    out: str | Folder | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    animate: bool = False,
    tuned: Callable[[Sequence[TracedOptimizer]], None] | None = None,
) -> SavedTrace:
    """Run optimizers from one start on an objective, and save the paths in a run folder.

    objective, optimizers: as on the command line, `quadratic:condition=50`,
    `adam:lr=0.01,beta1=0.8`; `sgd:lr=0.1|1` stands for one with each rate. tune: find each its
    best learning rate first, but for those whose rate is given; `tuned` is called with what was
    found. out: the folder, by default `runs/trace-<objective>-<date>-<time>`. plots: False, or the
    format, `png` (True), `svg` or `pdf`. Raises InvalidInput, EnvironmentFailed.

        >>> import optcli
        >>> found = optcli.trace("rosenbrock", ["sgd", "adam:lr=0.1"], steps=200, out="runs/trace")
        >>> [path.label for path in found.paths]
        ['adam:lr=0.1', 'sgd']
    """
    outputs.picture_format(plots)
    if isinstance(objective, str):
        objective = _objective(objective)
    entries = _entries(optimizers)
    begin = _start(objective, start)
    if not 1 <= steps <= MOST_STEPS:
        message = f"is {steps}; must be 1 to {MOST_STEPS:,}"
        raise InvalidInput(Fault(message, parameter="steps"))
    if seed < 0:
        raise InvalidInput(Fault(f"is {seed}; must be at least 0", parameter="seed"))
    destination = Destination(kinds.TRACE, f"trace-{objective.name}", out, overwrite)
    destination.check()
    if tune:
        entries = tracing.tune(objective, entries, steps=steps, start=begin, seed=seed)
        if tuned is not None:
            tuned([entry for entry in entries if entry.tunable])
    found = tracing.trace(objective, entries, steps=steps, start=begin, seed=seed)
    recorded = {**environment(1, None), "plugins": loading.identity()}
    with destination.claim(_config(found), recorded) as folder:
        _save(folder, found, plots=plots, animate=animate)
    return SavedTrace(**vars(found), folder=folder)


def _objective(word: str) -> Objective:
    """What is traced; raises InvalidInput, which tells where it is an optimizer instead."""
    from optcli.config import inline_spec

    try:
        return inline_spec.chosen(OBJECTIVES, word)
    except InvalidInput:
        if word.partition(":")[0] not in OPTIMIZERS.names():
            raise
    message = f"'{word}' is an optimizer; the objective comes first"
    raise InvalidInput(Fault(message, parameter="objective"))


def _entries(optimizers: Sequence[str]) -> list[TracedOptimizer]:
    """The optimizers by label; raises InvalidInput for a wrong one, and one that stands twice."""
    from optcli.config import inline_spec

    entries: list[TracedOptimizer] = []
    faults: list[Fault] = []
    for word in _single(optimizers):
        try:
            optimizer = inline_spec.chosen(OPTIMIZERS, word)
        except InvalidInput as error:
            faults += error.faults
            continue
        if optimizer.needs_model:
            faults.append(Fault(unfit(optimizer), word))
        if any(entry.optimizer == optimizer for entry in entries):
            faults.append(Fault("is listed twice", word))
        entries.append(TracedOptimizer(word, optimizer, "lr" not in inline_spec.given(word)))
    if not optimizers:
        message = "is missing; name one optimizer or more"
        faults.append(Fault(message, parameter="optimizers"))
    if faults:
        raise InvalidInput(*faults)
    check_before_training(entry.optimizer for entry in entries)
    return entries


def _single(words: Sequence[str]) -> Iterator[str]:
    """Each word, and `sgd:lr=0.1|1` as a word for each rate."""
    from optcli.config import inline_spec

    for word in words:
        alone, rates = inline_spec.without_list(word, "lr")
        for rate in rates:
            yield f"{alone},lr={rate}" if ":" in alone else f"{alone}:lr={rate}"
        if not rates:
            yield word


def _start(objective: Objective, start: Sequence[float] | None) -> tuple[float, ...]:
    if start is None:
        return objective.start
    if len(start) != objective.size:
        message = f"must have {objective.size} numbers for {objective.name}, not {len(start)}"
        raise InvalidInput(Fault(message, parameter="start"))
    return tuple(map(float, start))


def _config(found: Trace) -> str:
    """What config.yaml says: what was traced, and on what."""
    from optcli.config import writing

    return writing.written(
        {
            "objective": {**named(found.objective), "start": list(found.start)},
            "optimizers": [named(path.entry.optimizer) for path in found.paths],
            "steps": found.steps,
            "seed": found.seed,
        }
    )


def _save(folder: Folder, found: Trace, *, plots: bool | str, animate: bool) -> None:
    """Write what was found; raises EnvironmentFailed."""
    files.write(folder / "paths.csv", _table(found))
    result = {"objective": found.objective.name, "paths": summary(found)}
    files.write_json(folder / "summary.json", result)
    if plots or animate:
        from optcli import plots as drawing

        if plots:
            figure = drawing.trace_map(found, found.title)
            kind = outputs.picture_format(plots)
            files.write(folder / f"trace.{kind}", drawing.render(figure, kind))
        if animate:
            files.write(folder / "trace.gif", drawing.trace_animation(found, found.title))
    seals.seal(folder, kinds.TRACE)


def summary(found: Trace) -> list[dict[str, Any]]:
    """What became of each optimizer, the best first."""
    return [
        {
            "label": path.label,
            "optimizer": path.entry.optimizer.name,
            "hyperparameters": {
                key: value for key, value in named(path.entry.optimizer).items() if key != "name"
            },
            "outcome": path.outcome,
            "loss": float(path.loss[-1]),
            "distance": float(path.distance[-1]),
            "steps_to_tolerance": path.reached,
            "tolerance": TOLERANCE,
            "end": path.x[-1].tolist(),
        }
        for path in found.paths
    ]


def _table(found: Trace) -> bytes:
    """Every step of every path, in full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    places = [f"x{i}" for i in range(1, found.objective.size + 1)]
    writer.writerow(["optimizer", "step", "loss", "distance", *places])
    for path in found.paths:
        rows = np.column_stack([path.loss, path.distance, path.x]).tolist()
        writer.writerows([path.label, step, *row] for step, row in enumerate(rows))
    return text.getvalue().encode()
