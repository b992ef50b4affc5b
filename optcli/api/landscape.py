"""`landscape`: the loss around what runs have found, and the folder that holds it.

found = optcli.landscape("runs/iris")
found.train.min(), found.solutions[0].sharpness.largest.value
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.api import predict, runs
from optcli.api.check import Setup
from optcli.api.predict import Run, Say, silent
from optcli.api.resume import set_up_again
from optcli.comparison import read_back
from optcli.core.environment import blas_threads, environment
from optcli.core.errors import Fault, InvalidInput, setting
from optcli.core.html_table import html_table
from optcli.plugins import loading
from optcli.storage import files, kinds, outputs, results, seals
from optcli.storage.destination import Destination
from optcli.storage.paths import relative
from optcli.surface.curvature import PROBES
from optcli.surface.measuring import Subject, Surface
from optcli.surface.result import Landscape
from optcli.surface.stored import read, solutions, summary, tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS, ROWS = 41, 10_000
PLANES = ("random", "ends", "path")
LIMITS = {"points": (3, 501), "rows": (1, 10_000_000), "probes": (2, 10_000)}


@dataclass(frozen=True, repr=False)
class SavedLandscape(Landscape):
    """A finished landscape, and its folder."""

    folder: Path | None = None

    def __repr__(self) -> str:
        return f"<SavedLandscape {self.folder}: {self.title}>"

    def plot(self) -> Figure:
        """The maps, the paths on them and the cuts, as a matplotlib figure."""
        from optcli import plots

        return plots.landscape_map(self)

    def _repr_html_(self) -> str:
        """The solutions as a table, for a notebook."""
        from optcli.display.landscape import columns

        shown = columns(solutions(self))
        rows = zip(*(column.cells for column in shown), strict=True)
        return html_table(self.title, [column.heading for column in shown], list(map(list, rows)))


def landscape(
    of: Run | str | Path | Sequence[Run | str | Path],
    *,
    plane: str | None = None,
    radius: float | None = None,
    points: int = POINTS,
    rows: int = ROWS,
    probes: int = PROBES,
    curvature: bool = True,
    seed: int = 0,
    overrides: Sequence[str] = (),
    data: Any = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    animate: bool = False,
    say: Say = silent,
) -> SavedLandscape:
    """Measure the loss around what runs have found, and save it in a folder.

    of: a run or several of the same model, or a comparison, whose entries are taken at their chosen
    settings. plane: `random`, filter-normalized random directions (the default for one run);
    `ends`, through the ends of several runs (their default), which the start joins where
    they are two; `path`, the principal components of the paths. For the last two, and for
    objectives, runs are trained again, as their folders do not keep the path. radius: how far a
    map of random directions goes, in units of the filters' norms, or the size of any other map
    in units of the usual one (default 1). points: of the grid along each
    side, 3 to 501. rows: of each part of the data that are measured, at most. curvature: whether
    the Hessian's eigenvalues and trace are estimated, the latter from `probes` vectors. seed: of
    the random directions and vectors. overrides: `KEY=VALUE`, for tables that have moved. data:
    the table of a run that was trained on one in memory. out: the folder, by default
    `runs/landscape-<run>-<date>-<time>`. plots: False, or the format, `png` (True), `svg` or
    `pdf`. animate: whether a GIF shows the paths grow. say: called with each sentence that is
    worth saying. Raises InvalidInput, EnvironmentFailed.

        >>> import optcli
        >>> few = {"points": 5, "curvature": False, "plots": False}
        >>> found = optcli.landscape("runs/iris", **few, out="runs/landscape")
        >>> found.train.shape
        (5, 5)
    """
    outputs.picture_format(plots)
    given = [of] if isinstance(of, Run | str | Path) else list(of)
    _check(given, plane, radius, {"points": points, "rows": rows, "probes": probes}, seed)
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        say(text)

    with contextlib.ExitStack() as stack:
        title, subjects = _subjects(given, overrides, data, stack)
        destination = Destination(kinds.LANDSCAPE, f"landscape-{title}", out, overwrite)
        destination.check()
        wanted = _plane_for(plane, subjects, animate)
        with blas_threads(1):
            surface = Surface(subjects, rows, note)
            surface.train_where_needed(wanted, say)
            found = surface.measured(
                title, wanted, radius, points, seed, probes if curvature else None
            )
    found = replace(found, notes=tuple(notes))
    asked = {
        "of": [str(each.folder if isinstance(each, Run) else each) for each in given],
        "plane": wanted,
        "radius": radius,
        "points": points,
        "rows": rows,
        "probes": probes if curvature else 0,
        "seed": seed,
    }
    recorded = {**environment(1, None), "plugins": loading.identity()}
    with destination.claim(_config(asked, destination.folder), recorded) as folder:
        done = SavedLandscape(**vars(found), folder=folder)
        _save(folder, done, plots=plots, animate=animate)
    return done


def _check(
    given: Sequence[Any],
    plane: str | None,
    radius: float | None,
    counts: Mapping[str, int],
    seed: int,
) -> None:
    faults = [
        Fault(f"is {value}; must be {LIMITS[name][0]} to {LIMITS[name][1]:,}", parameter=name)
        for name, value in counts.items()
        if not LIMITS[name][0] <= value <= LIMITS[name][1]
    ]
    if not given:
        faults.append(Fault("is missing; name one run or more, or a comparison", "RUN"))
    if plane not in (None, *PLANES):
        faults.append(Fault(f"is '{plane}'; must be {', '.join(PLANES)}", parameter="plane"))
    if radius is not None and not 0 < radius < np.inf:
        faults.append(Fault(f"is {radius:g}; must be above 0, and finite", parameter="radius"))
    if seed < 0:
        faults.append(Fault(f"is {seed}; must be at least 0", parameter="seed"))
    if faults:
        raise InvalidInput(*faults)


# ---- what is looked at -------------------------------------------------------------------


def _subjects(
    given: Sequence[Run | str | Path],
    overrides: Sequence[str],
    data: Any,
    stack: contextlib.ExitStack,
) -> tuple[str, list[Subject]]:
    """A title, and the runs; raises InvalidInput where they are not of one model."""
    folders = [each.folder if isinstance(each, Run) else Path(each) for each in given]
    if None in folders:
        raise InvalidInput(Fault("was not kept in a folder; train it with out=", "RUN"))
    places = [folder for folder in folders if folder is not None]
    if len(places) == 1 and places[0].is_dir() and kinds.guessed(places[0]) in _COMPARED:
        found = _of_comparison(places[0], overrides)
        title = places[0].resolve().name
    else:
        names = [folder.resolve().name for folder in places]
        labels = names if len(set(names)) == len(names) else list(map(str, places))
        found = [
            _of_run(folder, label, overrides, data, stack)
            for folder, label in zip(places, labels, strict=True)
        ]
        title = "-".join(labels[:3]) if len(set(names)) == len(names) else names[0]
    first = found[0]
    for each in found[1:]:
        layouts = [one.cohort.architecture().layout.shapes for one in (first, each)]
        objectives = [one.objective for one in (first, each)]
        if layouts[0] != layouts[1] or objectives[0] != objectives[1]:
            message = f"is of another model than {first.label}; runs on one map must have the same"
            raise InvalidInput(Fault(message, each.label))
    if first.cohort.architecture().layout.size < 2:
        message = "has one parameter; a plane takes two or more"
        raise InvalidInput(Fault(message, first.label))
    return title, found


_COMPARED = (kinds.COMPARE, kinds.BENCHMARK, kinds.SHARD, kinds.BENCHMARK_SHARD)


def _of_comparison(folder: Path, overrides: Sequence[str]) -> list[Subject]:
    """Each entry at its chosen setting, with the seed of its first final run."""
    from optcli import config as configs

    runs.opened(folder)
    kinds.require(folder, kinds.COMPARE, "name one of the comparisons in it")
    loading.check(kinds.recorded(folder).get("plugins"), "comparison", "restore it")
    entries = read_back.summary(folder)["optimizers"]
    if not all("config" in row for row in entries):
        message = "is of optcli 0.1, which kept no configs of its entries; compare again"
        raise InvalidInput(Fault(message, file=str(folder)))
    return [
        _subject(row["label"], Setup.of(configs.load(folder / row["config"], overrides)))
        for row in entries
    ]


def _of_run(
    folder: Path, label: str, overrides: Sequence[str], data: Any, stack: contextlib.ExitStack
) -> Subject:
    """A finished run with the rows that it was trained on; raises InvalidInput."""
    run = predict.load(folder)
    setup = stack.enter_context(set_up_again(folder, overrides, data))
    kept = run.trained.parameters[0], run.trained.statistics[0]
    return replace(_subject(label, setup), outcome=str(run.summary["outcome"]), model=kept)


def _subject(label: str, setup: Setup) -> Subject:
    config = setup.config
    return Subject(label, setup.cohort, setup.data, config.optimizer, config.objective)


def _plane_for(plane: str | None, solutions: Sequence[Subject], animate: bool) -> str:
    """Which plane is drawn: the wanted one, or what suits; raises InvalidInput."""
    ground = solutions[0].objective
    if plane is None:
        plane = "ends" if len(solutions) > 1 else "random"
        if ground is not None:
            plane = "whole" if ground.size == 2 else "path"
    if plane == "random" and len(solutions) > 1:
        message = f"is random, which takes one run; {len(solutions)} given; use ends or path"
        raise InvalidInput(Fault(message, parameter="plane"))
    if plane == "ends" and len(solutions) < 2:
        message = "is ends, which takes two runs or more; use random or path"
        raise InvalidInput(Fault(message, parameter="plane"))
    if plane == "random" and animate:
        remedy = f"give {setting('plane', 'path')}"
        message = f"shows paths, which lie off a plane of random directions; {remedy}"
        raise InvalidInput(Fault(message, parameter="animate"))
    return plane


# ---- the folder ----------------------------------------------------------------------


def _config(asked: Mapping[str, Any], folder: Path) -> str:
    """What config.yaml says: what was looked at, and how; paths as seen from the folder."""
    from optcli.config import writing

    places = [relative(path, folder) for path in asked["of"]]
    return writing.written({"landscape": {**asked, "of": places}})


def _save(folder: Path, found: Landscape, *, plots: bool | str, animate: bool) -> None:
    """Write what was found; raises EnvironmentFailed."""
    for name, (header, lines) in tables(found).items():
        files.write(folder / name, files.csv_bytes(header, lines))
    files.write_json(folder / results.SUMMARY, summary(found))
    if plots or animate:
        from optcli import plots as drawing

        if plots:
            kind = outputs.picture_format(plots)
            picture = drawing.render(drawing.landscape_map(found), kind)
            files.write(folder / f"landscape.{kind}", picture)
        if animate:
            files.write(folder / "landscape.gif", drawing.landscape_animation(found))
    seals.seal(folder, kinds.LANDSCAPE)


def stored(folder: Path) -> SavedLandscape:
    """The landscape that lies in a folder; raises InvalidInput where it is damaged."""
    return SavedLandscape(**vars(read(folder)), folder=folder)
