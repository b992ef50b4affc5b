"""`runs verify`: train a run again, and compare every number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from optcli.api.check import Setup
from optcli.api.resume import set_up_again
from optcli.api.runs import RunEntry, trained_run
from optcli.api.train import events
from optcli.core.environment import blas_threads
from optcli.core.events import Ended, EpochEnded
from optcli.core.jsonable import jsonable
from optcli.storage import kinds, results
from optcli.training.evaluation import evaluate
from optcli.training.model_file import Trained

# What may make the bits of another machine differ.
MACHINE = ("cpu", "simd", "blas", "numpy", "python", "platform", "threads", "optcli")


@dataclass(frozen=True)
class Verification:
    """Whether a run, trained again, has the same bits.

    epochs: how many were compared. first: where they first differ, in words. machine: what
    is another here, and may be why. lengthened: the epochs after which the run was given
    another length, and its schedule with it, which may be why, too.
    """

    agrees: bool
    epochs: int
    first: str | None = None
    machine: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    lengthened: Sequence[int] = ()


def verify(folder: Path, epochs: int | None = None, overrides: Sequence[str] = ()) -> Verification:
    """Train a run again, or its first epochs, and compare every number of its history.

    overrides: `KEY=VALUE`, for tables that have moved. When all was trained again, all that
    model.npz holds is compared too: parameters, statistics, encoder, model and loss; of shorter
    training, what does not depend on its length. So are the rows of summary.json and its scores of
    the test part, which are measured again. Nothing is written but a temporary folder, for
    a table that is streamed. Raises InvalidInput where the run is damaged, or its data or a
    plug-in has changed.
    """
    entry = trained_run(folder)
    with set_up_again(folder, overrides, remedy="restore it, and verify again") as setup:
        return _verified(folder, epochs, entry, kinds.recorded(folder), setup)


def _verified(
    folder: Path, epochs: int | None, entry: RunEntry, recorded: Mapping[str, Any], setup: Setup
) -> Verification:
    columns = results.history(folder)
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    here = jsonable(setup.environment(str(recorded.get("config"))))
    machine = {key: (recorded.get(key), here.get(key)) for key in MACHINE}
    machine = {k: both for k, both in machine.items() if k in recorded and both[0] != both[1]}
    wanted = rows[: epochs if epochs is not None else len(rows)]

    def verdict(first: str | None = None) -> Verification:
        lengthened = recorded.get("lengthened_after", ())
        return Verification(first is None, len(same), first, machine, lengthened)

    same: list[int] = []  # epochs
    with blas_threads(setup.config.training.threads):
        for event in events(setup.cohort, stop=lambda: len(same) >= len(wanted)):
            if isinstance(event, EpochEnded) and len(same) < len(wanted):
                where = _unlike(event.row(), wanted[len(same)])
                if where:
                    return verdict(f"epoch {event.epoch}: {where}")
                same.append(event.epoch)
        assert isinstance(event, Ended)
        if len(same) < len(wanted):
            return verdict(f"it ended after {len(same)} epochs")
        whole = len(wanted) == len(rows) and entry.outcome in ("completed", "stopped_early")
        trained = replace(
            setup.untrained(),
            parameters=event.state.best[:1],
            statistics=event.state.best_statistics[:1],
        )
        part = trained.unlike(folder / "model.npz", numbers=whole)
        if part:
            return verdict(f"the {part} of model.npz")
        if whole and (where := _unlike_summary(entry.summary, setup, trained, event, rows)):
            return verdict(f"summary.json: {where}")
    return verdict()


def _unlike_summary(
    summary: Mapping[str, Any],
    setup: Setup,
    trained: Trained,
    ended: Ended,
    rows: Sequence[Mapping[str, float]],
) -> str | None:
    """What of a summary differs from the run. rows: of its history."""
    best, test = int(ended.best_epoch[0]), setup.data.test
    measured = {"best": rows[best - 1] if best else {}, "final": rows[-1]}
    # a comparison that measured its runs on fresh rows put those scores there
    if test is not None:
        measured["end" if "end" in summary else "test"] = evaluate(setup.cohort, trained, test)
    for name, row in measured.items():
        if where := _unlike(jsonable(row), summary.get(name) or {}):
            return f"{name} {where}"
    return None


def _unlike(row: Mapping[str, float], recorded: Mapping[str, float]) -> str | None:
    """The first column that differs, with both values; what is not finite may be None."""
    for name, value in row.items():
        other = recorded.get(name, math.nan)
        same = value is other or np.array_equal(value, other, equal_nan=True)
        if name != "seconds" and not same:
            return f"{name} is {value!r}, was {other!r}"
    return None
