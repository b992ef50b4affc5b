"""Folds: cross-validation of one config, and how long the model at the end trains.

The folds train together, as replicas of a cohort where they have as many rows. Each is measured on
its own validation rows at the median of the best epochs of the other folds, as the settings of a
search are; the model at the end trains on all but the test rows for the median of all.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.comparison import trials
from optcli.comparison.trials import Measure, Trial, TrialResult, prepared
from optcli.core.errors import Fault, InvalidInput
from optcli.storage import files
from optcli.training.held_out import students_t
from optcli.tuning.plan import draws
from optcli.tuning.scores import at_epoch, best_epochs, median

if TYPE_CHECKING:
    from optcli.config import Config

FILE = "folds.csv"
HEAD = ("fold", "rows", "outcome", "epochs", "best_epoch", "scored_at")
INTERVAL = "mean ± t(K - 1) · s/√K; approximate, as folds share training rows"
FEW = {1: 12.706204736, 2: 4.3026527299}  # the 0.975 quantile of Student's t


@dataclass(frozen=True)
class Fold:
    """What a fold came to.

    rows: that it validates on. epochs: it trained. best_epoch: of its lowest validation loss, 0
    where it diverged. scored_at: the epoch at which `scores` are, loss and metrics by name.
    """

    rows: int
    outcome: str
    epochs: int
    best_epoch: int
    scored_at: int
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Folds:
    """All folds, in their order."""

    found: Sequence[Fold]

    @property
    def diverged(self) -> int:
        """How many did."""
        return sum(fold.best_epoch == 0 for fold in self.found)

    @property
    def epochs(self) -> int:
        """How long the model at the end trains: the median of the best epochs."""
        return median([fold.best_epoch for fold in self.found if fold.best_epoch] or [1])

    def summary(self) -> dict[str, Any]:
        """What summary.json says of them."""
        names = self.found[0].scores
        scores = {name: spread([fold.scores[name] for fold in self.found]) for name in names}
        return {
            "count": len(self.found),
            "diverged": self.diverged,
            "epochs": self.epochs,
            "best_epochs": [fold.best_epoch for fold in self.found],
            "scores": scores,
            "interval": INTERVAL,
        }

    def csv(self) -> bytes:
        """The table of the folds, in full precision."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = list(self.found[0].scores)
        writer.writerow([*HEAD, *(f"validation_{name}" for name in names)])
        for number, fold in enumerate(self.found, 1):
            scores = [fold.scores[name] for name in names]
            about = (fold.rows, fold.outcome, fold.epochs, fold.best_epoch, fold.scored_at)
            writer.writerow([number, *about, *map(repr, scores)])
        return text.getvalue().encode()


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard error and 95 % interval of one score over the folds."""
    whole = all(map(math.isfinite, values))
    mean = statistics.fmean(values) if whole else math.inf
    error = statistics.stdev(values) / math.sqrt(len(values)) if whole else math.inf
    freedom = len(values) - 1
    margin = (FEW.get(freedom) or students_t(freedom)) * error
    return {
        "mean": mean,
        "standard_error": error,
        "ci_low": mean - margin if whole else math.nan,
        "ci_high": mean + margin if whole else math.nan,
        "values": list(values),
    }


def cross_validated(config: Config, done: Callable[[int, int], object]) -> Folds:
    """Train and measure all folds of a config; the same bits as each alone.

    done: called with the folds that are done, and with all. Raises InvalidInput.
    """
    task = config.task()
    own = draws(config.split, config.seed, config.split.count)
    every = [Trial("fold", config.optimizer, seed) for seed, _ in own]
    results: dict[Trial, TrialResult] = {}
    with config.locating_faults():
        settings: dict[str, Any] = {"fixed_split": False, "final": False, "draws": own}
        jobs = trials.jobs({"fold": task}, every, Measure(rows="validation"), **settings)
        done(0, len(every))
        for job in jobs:
            results |= {result.trial: result for result in trials.train(job)}
            done(len(results), len(every))
        rows = [len(_validation(prepared(task, draw))) for _, draw in own]
    return _scored([results[trial] for trial in every], rows)


def _validation(data: Any) -> Any:
    return data.validation.x


def _scored(results: Sequence[TrialResult], rows: Sequence[int]) -> Folds:
    names = [
        name.removeprefix("validation_")
        for name in results[0].history
        if name.startswith("validation_")
    ]
    found = []
    for k, (result, count) in enumerate(zip(results, rows, strict=True)):
        diverged = result.outcome == "diverged" or result.best is None
        others = best_epochs([each for j, each in enumerate(results) if j != k])
        scored_at = median(others or best_epochs([result]) or [1])
        scored_at = min(scored_at, int(result.history["epoch"][-1]))
        scores = {
            name: math.inf if diverged else at_epoch(result, scored_at, Measure(name))
            for name in names
        }
        best = 0 if diverged else best_epochs([result])[0]
        epochs = int(result.history["epoch"][-1])
        found.append(Fold(count, result.outcome, epochs, best, scored_at, scores))
    return Folds(found)


def read(folder: Path) -> Folds | None:
    """The folds that a run's folder tells of; None where it does not."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
        found = [
            Fold(
                *(int(row["rows"]), row["outcome"], int(row["epochs"])),
                *(int(row["best_epoch"]), int(row["scored_at"])),
                {
                    name.removeprefix("validation_"): float(value)
                    for name, value in row.items()
                    if name.startswith("validation_")
                },
            )
            for row in rows
        ]
        if not found:
            raise ValueError("it is empty")
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        message = f"is damaged: it does not list folds ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    return Folds(found)


def write(folder: Path, found: Folds) -> None:
    """Write folds.csv; raises EnvironmentFailed."""
    files.write(folder / FILE, found.csv())
