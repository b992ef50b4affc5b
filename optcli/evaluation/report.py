"""Report: all that an evaluation found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from optcli.core.arrays import Array
from optcli.core.specs import TargetKind
from optcli.evaluation.calibration import Calibration
from optcli.evaluation.importance import Importance
from optcli.evaluation.ranking import Curve
from optcli.evaluation.rows import Rows
from optcli.evaluation.thresholds import Threshold

MOST_PAIRS = 20  # of classes that are confused


@dataclass(frozen=True)
class Measure:
    """A number with its 95 % interval.

    low, high: None where the resamples tell nothing of it: it is undefined in many of them,
    or the same in all.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class OfClass:
    """One class or label: support (weight of its rows), predictions, and measures by name."""

    name: str
    support: float
    predicted: float
    measures: Mapping[str, Measure]


@dataclass(frozen=True)
class OfTarget:
    """One target column: measures by name, and quantiles of true − predicted by their level."""

    name: str
    measures: Mapping[str, Measure]
    residuals: Mapping[str, float]


@dataclass(frozen=True)
class Confused:
    """Rows of one class that are predicted to be of another: their weight, and its share."""

    true: str
    predicted: str
    rows: float
    share: float


@dataclass(frozen=True)
class TrainingRows:
    """How many rows are equal to a training row, inputs and target.

    found: of them; an estimate where only `looked_up` of `of` rows could be looked up.
    by_chance: how many would be, if the rows were new: as often as training rows are equal to
    another.
    """

    found: int
    of: int
    looked_up: int
    by_chance: float

    @property
    def optimistic(self) -> bool:
        """Whether more were found than chance explains, by three deviations of a Poisson count.

        Of the expected count one row is a guess, so that a few copies are no finding.
        """
        return self.found > self.by_chance + 3 * math.sqrt(self.by_chance + 1)


@dataclass(frozen=True)
class EvaluationReport:
    """What a trained run is worth on labelled rows.

    values: loss and metrics of the config, as `Run.evaluate` gives them. measures: these and
    what suits the task besides, with intervals. resamples: how many rows were drawn for the
    intervals; 0 for none. undefined: measures that have none, by why. classes: one entry a
    class or label. averages: macro, weighted and micro. confusion: weights (C, C), true class
    by predicted one. confused: the most frequent errors. curves: of each class or label, of
    two classes of the positive one. calibration: None where there are no probabilities.
    targets: one entry a target column. training_rows: None where that is not known.
    baseline: loss and metrics of the constant guess of the training rows; empty where the run
    keeps none. rows: the rows themselves, for pictures. folder: where it was written.
    """

    kind: TargetKind
    source: str
    rows: Rows
    values: Mapping[str, float]
    measures: Mapping[str, Measure]
    resamples: int
    seed: int
    classes: tuple[OfClass, ...] = ()
    averages: Mapping[str, Mapping[str, Measure]] = field(default_factory=dict)
    confusion: Array | None = None
    confused: tuple[Confused, ...] = ()
    curves: tuple[Curve, ...] = ()
    calibration: Calibration | None = None
    thresholds: tuple[Threshold, ...] = ()
    targets: tuple[OfTarget, ...] = ()
    training_rows: TrainingRows | None = None
    importance: Importance | None = None
    baseline: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    def __repr__(self) -> str:
        found = ", ".join(f"{name}: {value:.5g}" for name, value in self.values.items())
        return f"<EvaluationReport {len(self.rows)} rows: {found}>"

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists and numbers, unrounded; the loss and the metrics come first."""
        found: dict[str, Any] = dict(self.values)
        found |= {
            "kind": self.kind,
            "source": self.source,
            "rows": len(self.rows),
            "weighted": self.rows.weighted,
            "measures": _plain(self.measures),
            "intervals": {
                "level": 0.95,
                "method": "bootstrap percentiles; rows drawn with replacement, not stratified",
                "resamples": self.resamples,
                "seed": self.seed,
            },
        }
        if self.classes:
            key = "classes" if self.rows.one_of_many else "labels"
            found[key] = [_flat(each) for each in self.classes]
            found["averages"] = {name: _plain(of) for name, of in self.averages.items()}
        if self.confusion is not None:
            counts = [list(map(_number, row)) for row in self.confusion.tolist()]
            found["confusion"] = {"classes": list(self.rows.names), "counts": counts}
            found["confused"] = [asdict(each) for each in self.confused]
        if self.calibration is not None:
            found["calibration"] = {**asdict(self.calibration), "rule": self.calibration.rule}
        if self.thresholds:
            found["thresholds"] = [asdict(each) for each in self.thresholds]
        if self.curves:
            found["curves"] = [asdict(each) for each in self.curves]
        if self.targets:
            found["targets"] = [
                {**_flat(each), "residuals": dict(each.residuals)} for each in self.targets
            ]
        if self.training_rows is not None:
            told = {**asdict(self.training_rows), "optimistic": self.training_rows.optimistic}
            found["training_rows"] = told
        if self.importance is not None:
            found["importance"] = asdict(self.importance)
        if self.baseline:
            found["baseline"] = dict(self.baseline)
        found["notes"] = list(self.notes)
        return found


def _plain(measures: Mapping[str, Measure]) -> dict[str, Any]:
    return {name: asdict(each) for name, each in measures.items()}


def _flat(of: OfClass | OfTarget) -> dict[str, Any]:
    """A class or target with its measures beside its name."""
    found: dict[str, Any] = {"name": of.name}
    if isinstance(of, OfClass):
        found |= {"support": _number(of.support), "predicted": _number(of.predicted)}
    return found | _plain(of.measures)


def _number(weight: float) -> float:
    """A count as a whole number, where it is one."""
    return int(weight) if float(weight).is_integer() else weight
