"""Base: what a tracker is, what it is told, and the packages that trackers need."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from optcli.core.errors import Fault, InvalidInput

# The package that each imports, and the command that installs it.
PACKAGES = {
    "tensorboard": ("tensorboardX", "pip install optcli[tensorboard]"),
    "mlflow": ("mlflow", "pip install mlflow"),
}
# Columns of the history that are no scores.
ASIDE = ("step", "lr", "gradient_norm", "update_norm", "sharpness", "seconds")


@dataclass(frozen=True)
class Beginning:
    """A training that is about to begin.

    folder: of the run. title: what its config is called. text: its config.yaml. config: the same
    as a mapping. epoch: the last epoch of the checkpoint from which it goes on; 0 at the start.
    """

    folder: Path
    title: str
    text: str
    config: Mapping[str, Any]
    epoch: int = 0


class Tracker(Protocol):
    """What a tracker does. Whatever it raises ends it, not the training."""

    def begin(self, run: Beginning) -> int:
        """Connect, and return the last epoch that was logged before; 0 where there is none."""

    def log(self, row: Mapping[str, float]) -> None:
        """Log an epoch: a row of history.csv."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Log what summary.json says; all files of the run but pictures are there."""

    def close(self, outcome: str | None) -> None:
        """Disconnect. outcome: of the training; None where an error ended it."""


def require(names: Sequence[str]) -> None:
    """Raise InvalidInput for each tracker whose package is not installed; none is imported."""
    faults = [
        missing(name, i)
        for i, name in enumerate(names)
        if importlib.util.find_spec(PACKAGES[name][0]) is None
    ]
    if faults:
        raise InvalidInput(*faults)


def missing(name: str, place: int) -> Fault:
    """That a tracker lacks its package. place: in the list of `training.log`."""
    package, command = PACKAGES[name]
    message = f"'{name}' needs the package {package}, which is not installed; run: {command}"
    return Fault(message, f"training.log[{place}]")


def scores(summary: Mapping[str, Any]) -> dict[str, float]:
    """What a run scored by flat names: `best_epoch`, `best_validation_loss`, `test_accuracy`.

    Those of the baseline are called `baseline_best_loss`, `baseline_test_loss` and so on.
    """
    baseline = summary.get("baseline") or {}
    parts = {name: summary.get(name) for name in ("best", "test", "end")}
    parts |= {f"baseline_{name}": baseline.get(name) for name in ("best", "test")}
    found: dict[str, float] = {}
    for part, values in parts.items():
        for name, value in (values or {}).items():
            if isinstance(value, int | float) and name not in ASIDE:
                found[f"{part}_{name}"] = float(value)
    return found


def flat(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The values of a config by dotted keys; null left out, lists as texts."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{key}.")
        elif value is not None:
            plain = isinstance(value, bool | int | float | str)
            found[key] = value if plain else str(list(value))
    return found
