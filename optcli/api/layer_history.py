"""`layer_history`: activations and gradients layer by layer over a training, dead units counted.

found = optcli.layer_history("runs/iris")
found.layers[0].dead, found.plot()
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.api import predict
from optcli.api.check import Setup
from optcli.api.predict import Run, Say, silent
from optcli.api.resume import set_up_again
from optcli.core.arrays import Array
from optcli.core.environment import blas_threads
from optcli.core.errors import Fault, InvalidInput
from optcli.core.html_table import html_table
from optcli.surface.again import retrained
from optcli.surface.on_the_way import QUANTILES, Layers, layer_tracks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS, ROWS, MOST_ROWS = 41, 1000, 100_000


@dataclass(frozen=True, repr=False)
class LayerHistory(Layers):
    """What the layers of a model computed at points of its training, with its picture."""

    def plot(self) -> Figure:
        """A row for each layer: its activations and its gradients over the epochs, as bands."""
        from optcli.plots.layers import layers

        return layers(self)

    def __repr__(self) -> str:
        return f"<LayerHistory {self.title}: {len(self.layers)} layers>"

    def _repr_html_(self) -> str:
        """Each layer's units, and how many were dead at the start and at the end."""
        rows = [
            [each.layer, str(each.units), *(("-", "-") if each.dead is None else _ends(each.dead))]
            for each in self.layers
        ]
        headings = ["layer", "units", "dead at the start", "dead at the end"]
        return html_table(self.title, headings, rows, self.notes)


def _ends(dead: Array) -> tuple[str, str]:
    return str(dead[0]), str(dead[-1])


def layer_history(
    of: Run | str | Path,
    overrides: Sequence[str] = (),
    *,
    rows: int = ROWS,
    data: Any = None,
    say: Say = silent,
) -> LayerHistory:
    """Train a run again, and measure its layers on the way.

    At up to 41 points, the start and the end among them, the same training rows go forward and
    backward through the model: quantiles of each layer's activations and of the sizes of the
    entries of its weights' gradient, and how many units are dead, that is 0 for every one of these
    rows. Dropout is off, batch norm uses its running statistics, and regularization is left out.
    The training itself has the bits it had.

    of: a run folder or a run, or a config file, which is trained without a folder. overrides:
    `KEY=VALUE`. rows: from all over the training rows, at most, 1 to 100,000. data: the table of a
    run that was trained on one in memory. say: called with each sentence that is worth saying.
    Raises InvalidInput, for an objective among others, which has no layers.

        >>> import optcli
        >>> found = optcli.layer_history("runs/iris")
        >>> [(each.layer, each.units) for each in found.layers]
        [('dense1', 32), ('dense2', 32), ('dense3', 3)]
        >>> found.layers[0].activations.shape
        (41, 5)
    """
    if not 1 <= rows <= MOST_ROWS:
        raise InvalidInput(Fault(f"is {rows}; must be 1 to {MOST_ROWS:,}", parameter="rows"))
    with contextlib.ExitStack() as stack:
        title, setup, kept = _setup(of, overrides, data, stack)
        cohort = setup.cohort
        if setup.config.objective is not None:
            message = "trains on an objective, which has no layers; name a run with a model"
            raise InvalidInput(Fault(message, str(title)))
        whole = cohort.replicas[0].data.train
        part = whole.sampled(rows)
        notes = []
        if cohort.training.average is not None:
            notes.append("the model is the average of the parameters, as the config has it")
        with blas_threads(setup.config.training.threads):
            again = "" if kept is None else " again"
            say(f"training {title}{again} to measure its layers")
            found = retrained(cohort)
            if kept is not None and kept.tobytes() != found.best.tobytes():
                notes.append(
                    f"{title} ended elsewhere when it was trained again; another machine or "
                    "version may be why: see optcli runs verify"
                )
            if found.outcome == "diverged":
                notes.append("training diverged; shown is what came before that")
            count = len(found.steps)
            at = np.unique(np.linspace(0, count - 1, min(MOST_POINTS, count)).round().astype(int))
            tracks = layer_tracks(cohort, part, found.points[at], found.statistics[at])
    if not tracks:
        raise InvalidInput(Fault("is of a model that has no layers with weights", str(title)))
    for note in notes:
        say(note)
    return LayerHistory(
        title,
        found.outcome,
        len(part.x),
        len(whole.x),
        found.epochs[at],
        found.steps[at],
        QUANTILES,
        tuple(tracks),
        tuple(notes),
    )


def _setup(
    of: Run | str | Path, overrides: Sequence[str], data: Any, stack: contextlib.ExitStack
) -> tuple[str, Setup, Array | None]:
    """What to train, what it is called, and the parameters (P,) that it came to, if it was."""
    from optcli import config as configs

    folder = of.folder if isinstance(of, Run) else Path(of)
    if folder is None:
        raise InvalidInput(Fault("was not kept in a folder; train it with out=", "RUN"))
    if folder.is_file():
        config = configs.load(folder, overrides).with_data(data)
        if config.split.folds:
            message = "has folds, which decide how long is trained; train it, and name its run"
            raise InvalidInput(Fault(message, str(folder)))
        return config.title, Setup.of(config), None
    run = predict.load(folder)
    setup = stack.enter_context(set_up_again(folder, overrides, data))
    return folder.resolve().name, setup, run.trained.parameters[0]
