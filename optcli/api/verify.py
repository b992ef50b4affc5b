"""`runs verify`: train a run again, and compare every number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from optcli.api.resume import check_changes, restored
from optcli.api.runs import trained_run
from optcli.core.environment import blas_threads
from optcli.core.events import Ended, EpochEnded
from optcli.plugins import loading
from optcli.storage import files, kinds, results
from optcli.training import train_cohort

# What may make the bits of another machine differ.
MACHINE = ("cpu", "blas", "numpy", "python", "platform", "threads", "optcli")


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

    overrides: `KEY=VALUE`, for tables that have moved. The best parameters are compared too,
    when all was trained again. Nothing is written. Raises InvalidInput where the run is
    damaged, or its data or a plug-in has changed.
    """
    from optcli import config as configs

    entry = trained_run(folder)
    recorded = kinds.recorded(folder)
    loading.check(recorded.get("plugins"), "run", "restore it, and verify again")
    config = configs.load(folder / kinds.CONFIG, overrides)
    check_changes(configs.load(folder / kinds.CONFIG), config, ())
    setup = restored(config, recorded, folder)
    columns = results.history(folder)
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    here = files.jsonable(setup.environment(str(recorded.get("config"))))
    machine = {key: (recorded.get(key), here.get(key)) for key in MACHINE}
    machine = {key: both for key, both in machine.items() if both[0] != both[1]}
    wanted = rows[: epochs if epochs is not None else len(rows)]

    def verdict(first: str | None = None) -> Verification:
        lengthened = recorded.get("lengthened_after", ())
        return Verification(first is None, len(same), first, machine, lengthened)

    same: list[int] = []  # epochs
    with blas_threads(setup.config.training.threads):
        for event in train_cohort(setup.cohort, stop=lambda: len(same) >= len(wanted)):
            if isinstance(event, EpochEnded) and len(same) < len(wanted):
                where = _unlike(event.row(), wanted[len(same)])
                if where:
                    return verdict(f"epoch {event.epoch}: {where}")
                same.append(event.epoch)
        assert isinstance(event, Ended)
        if len(same) < len(wanted):
            return verdict(f"it ended after {len(same)} epochs")
        whole = len(wanted) == len(rows) and entry.outcome in ("completed", "stopped_early")
        trained = setup.untrained().read(folder / "model.npz")
        if whole and event.state.best[:1].tobytes() != trained.parameters.tobytes():
            return verdict("the parameters of model.npz")
    return verdict()


def _unlike(row: Mapping[str, float], recorded: Mapping[str, float]) -> str | None:
    """The first column that differs, with both values."""
    for name, value in row.items():
        other = recorded.get(name, math.nan)
        if name != "seconds" and not np.array_equal(value, other, equal_nan=True):
            return f"{name} is {value!r}, was {other!r}"
    return None
