"""Settings of a search: budget, seeds, metric, workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optcli.core.errors import Fault, InvalidInput

if TYPE_CHECKING:
    from concurrent.futures import Executor

BUDGET = 40
REPEATS = 3


@dataclass(frozen=True)
class TuneSettings:
    """Settings of a search.

    budget: settings that are tried, 1 to 10,000. repeats: how often each is trained, 1 to 1,000,
    each time from another seed and with other validation rows; folds of the config take the place
    of repeats. metric: what is to be best; by default the loss. jobs: processes at most; None for
    one per core. backend: `dask`, `dask://HOST:PORT` or `tls://HOST:PORT`, or None for processes of
    this machine. scheduler_file: which a dask scheduler has written, instead. executor: any
    executor of `concurrent.futures`, instead; it is not shut down. command: the command line, kept
    to say how an interrupted search is continued. directory: where that was given; None for here.
    """

    budget: int = BUDGET
    repeats: int = REPEATS
    metric: str | None = None
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
            "budget": (self.budget, 10_000),
            "repeats": (self.repeats, 1000),
            "jobs": (self.jobs, 1024),
        }
        faults = [
            Fault(f"is {value}; must be 1 to {most:,}", parameter=name)
            for name, (value, most) in limits.items()
            if value is not None and not 1 <= value <= most
        ]
        if faults:
            raise InvalidInput(*faults)
