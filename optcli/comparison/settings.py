"""Settings of a comparison: budget, seeds, metric, workers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optcli.core.errors import Fault, InvalidInput

if TYPE_CHECKING:
    from concurrent.futures import Executor

MOST_SEEDS = 10_000
AXES = ("steps", "gradients", "seconds")  # of the curves


@dataclass(frozen=True)
class ComparisonSettings:
    """Settings of a comparison.

    tune: learning rates tried for each entry. budget: settings of all hyperparameters
    instead. tune_seeds: seeds of the first tuning runs; the finalists get up to 10. finalists:
    the best settings of each entry, each of which a rival has to beat. seeds: seeds of the
    final runs; by default 10 to 20, by the number of entries. metric: what is compared; by
    default the loss. at: the epoch of a run that counts, `best` (of the lowest validation loss)
    or `last`. target: for the steps to target, in units of the metric. fixed_split:
    the same split for all seeds. keep: whether the models of the final runs at the chosen
    settings are kept, each in a run folder. fail_unless, fail_if: conditions (`comparison.gate`)
    that `gates` of summary.json answers. x: the axis of the curves, `steps`, `gradients`
    (evaluations) or `seconds`. jobs: processes at most; None for one per core.
    backend: `dask`, `dask://HOST:PORT` or `tls://HOST:PORT`, or None for processes of this
    machine. scheduler_file: which a dask scheduler has written, instead. executor: any executor
    of `concurrent.futures`, instead; it is not shut down. command: the command line, kept to say
    how an interrupted comparison is continued. directory: where that was given; None for here.
    """

    tune: int = 9
    budget: int | None = None
    tune_seeds: int = 3
    finalists: int = 3
    seeds: int | None = None
    metric: str | None = None
    at: str = "best"
    target: float | None = None
    fixed_split: bool = False
    keep: bool = False
    fail_unless: tuple[str, ...] = ()
    fail_if: tuple[str, ...] = ()
    x: str = "steps"
    jobs: int | None = 1
    backend: str | None = None
    scheduler_file: Path | None = None
    executor: Executor | None = None
    command: str | None = None
    directory: str | None = None

    @property
    def origin(self) -> dict[str, str | None]:
        """What environment.json keeps of the command line, and of where its paths start."""
        here = self.directory or str(Path.cwd())
        return {"command": self.command, "directory": here if self.command else None}

    @property
    def elsewhere(self) -> bool:
        """Whether runs may be done on other machines."""
        asked = (self.backend, self.scheduler_file, self.executor)
        return any(each is not None for each in asked)

    def check(self) -> None:
        """Raise InvalidInput with all that is out of range."""
        limits = {
            "tune": (self.tune, 1000),
            "budget": (self.budget, 10_000),
            "tune_seeds": (self.tune_seeds, MOST_SEEDS),
            "finalists": (self.finalists, 100),
            "seeds": (self.seeds, MOST_SEEDS),
            "jobs": (self.jobs, 1024),
        }
        faults = [
            Fault(f"is {value}; must be 1 to {most:,}", parameter=name)
            for name, (value, most) in limits.items()
            if value is not None and not 1 <= value <= most
        ]
        if self.at not in ("best", "last"):
            faults.append(Fault(f"is '{self.at}'; must be best or last", parameter="at"))
        if self.keep and self.at == "last":
            message = "cannot be combined with at='last'; a run keeps the model of its best epoch"
            faults.append(Fault(message, parameter="keep"))
        for name in ("fail_unless", "fail_if"):
            if isinstance(getattr(self, name), str):
                faults.append(Fault("is a text; must be a list of conditions", parameter=name))
        if self.x not in AXES:
            faults.append(Fault(f"is '{self.x}'; must be one of {', '.join(AXES)}", parameter="x"))
        if self.target is not None and not math.isfinite(self.target):
            faults.append(Fault(f"is {self.target}; must be a number", parameter="target"))
        if faults:
            raise InvalidInput(*faults)
