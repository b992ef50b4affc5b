"""Settings of a comparison: budget, seeds, metric, workers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput

MOST_SEEDS = 10_000


@dataclass(frozen=True)
class ComparisonSettings:
    """On what settings is compared.

    tune: learning rates for each. budget: settings of all hyperparameters instead.
    tune_seeds, seeds: how many; without `seeds` 10 to 20, by how many take part. metric:
    what is compared, by default the validation loss. target: in its units. jobs: processes;
    None takes several where that is faster. command: the command line that makes the
    comparison, kept to say how one that was interrupted goes on.
    """

    tune: int = 9
    budget: int | None = None
    tune_seeds: int = 3
    seeds: int | None = None
    metric: str | None = None
    target: float | None = None
    fixed_split: bool = False
    jobs: int | None = 1
    backend: str | None = None
    command: str | None = None

    @property
    def origin(self) -> dict[str, str | None]:
        """What environment.json keeps of the command line, and of where its paths start."""
        return {"command": self.command, "directory": str(Path.cwd()) if self.command else None}

    def check(self) -> None:
        """Raise InvalidInput with all that is out of range."""
        limits = {
            "tune": (self.tune, 1000),
            "budget": (self.budget, 10_000),
            "tune_seeds": (self.tune_seeds, MOST_SEEDS),
            "seeds": (self.seeds, MOST_SEEDS),
            "jobs": (self.jobs, 1024),
        }
        faults = [
            Fault(f"is {value}; must be in [1, {most:,}]", parameter=name)
            for name, (value, most) in limits.items()
            if value is not None and not 1 <= value <= most
        ]
        if self.target is not None and not math.isfinite(self.target):
            faults.append(Fault(f"is {self.target}; must be a number", parameter="target"))
        if faults:
            raise InvalidInput(*faults)
