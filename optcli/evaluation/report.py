"""Report: all that an evaluation found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from optcli.core.arrays import Array
from optcli.core.html_table import html_table
from optcli.core.specs import TargetKind
from optcli.evaluation.calibration import Calibration
from optcli.evaluation.importance import Importance
from optcli.evaluation.ranking import Curve
from optcli.evaluation.rows import Rows
from optcli.evaluation.thresholds import Threshold

MOST_PAIRS = 20  # of classes that are confused
MOST_RESIDUALS = 5000  # rows whose residuals a folder keeps
MOST_POINTS = 20_000  # numbers of all its target columns


@dataclass(frozen=True)
class Measure:
    """A number with its 95 % interval.

    low, high: None where the resamples tell nothing of it: it is undefined in many of them,
    or the same in all.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def span(self) -> str:
        """`0.9123 to 0.9456`; a dash where there is none."""
        if self.low is None or self.high is None:
            return "-"
        return f"{self.low:.4g} to {self.high:.4g}"


@dataclass(frozen=True)
class OfClass:
    """One class or label: support (weight of its rows), predictions, and measures by name.

    calibration: of the label's probability; None for one of several classes, of which the
    report has one for all.
    """

    name: str
    support: float
    predicted: float
    measures: Mapping[str, Measure]
    calibration: Calibration | None = None


@dataclass(frozen=True)
class OfTarget:
    """One target column: measures by name, and quantiles of true − predicted by their level.

    predictions, values: what was predicted and what is true, (N,) of all rows, in the data's own
    units; of a report that was read from its folder (M,) of at most 5000 rows, from all over.
    """

    name: str
    measures: Mapping[str, Measure]
    residuals: Mapping[str, float]
    predictions: Array = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    values: Array = field(default_factory=lambda: np.empty(0), repr=False, compare=False)


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
class Report:
    """What a trained run is worth on labelled rows.

    kind: of the targets. source: the table, as it was named. rows: how many; weighted: whether
    they have sample weights. names: of the classes, labels or target columns; of a single label
    its two classes. one_of_many: whether a row has one class. values: loss and metrics of the
    config, as `Run.evaluate` gives them. measures: these and what suits the task besides, with
    intervals. resamples: how many were drawn for the intervals; 0 for none. classes: one entry
    a class or label. averages: macro, weighted and micro. confusion: weights (C, C), true class
    by predicted one. confused: the most frequent errors. curves: of each class or label, of two
    classes of the positive one. calibration: None where there are no probabilities, and of
    several labels, which have their own. targets: one entry a target column. training_rows:
    None where that is not known. baseline: loss and metrics of the constant guess of the
    training rows; empty where the run keeps none. folder: where it was written.
    """

    kind: TargetKind
    source: str
    rows: int
    weighted: bool
    names: tuple[str, ...]
    one_of_many: bool
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

    @classmethod
    def of(
        cls, rows: Rows, values: Mapping[str, float], found: Mapping[str, Any], source: str = ""
    ) -> Self:
        """The report on rows. values: loss and metrics of the config. found: the other fields."""
        about = (rows.kind, source, len(rows), rows.weighted, rows.names, rows.one_of_many)
        return cls(*about, values, **found)

    def __repr__(self) -> str:
        found = ", ".join(f"{name}: {value:.5g}" for name, value in self.values.items())
        return f"<{type(self).__name__} {self.rows} rows: {found}>"

    @property
    def binary(self) -> bool:
        """Whether there are two classes, the last of which is the positive one."""
        return self.one_of_many and len(self.names) == 2

    @property
    def calibrations(self) -> tuple[tuple[str, Calibration], ...]:
        """The calibration of each label, or the one of all classes, whose name is empty."""
        if self.calibration is not None:
            return (("", self.calibration),)
        own = ((each.name, each.calibration) for each in self.classes)
        return tuple((name, found) for name, found in own if found is not None)

    def _repr_html_(self) -> str:
        """Its measures as a table, for a notebook."""
        rows = [
            [name, f"{each.value:.5g}", each.span, f"{self.baseline.get(name, math.nan):.5g}"]
            for name, each in self.measures.items()
        ]
        headings = ["measure", "value", "95 % interval", "baseline"]
        if not self.baseline:
            rows, headings = [row[:3] for row in rows], headings[:3]
        where = self.source if self.folder is None else str(self.folder)
        return html_table(f"{where}: {self.rows:,} rows", headings, rows, self.notes)

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists and numbers, unrounded; the loss and the metrics come first."""
        found: dict[str, Any] = dict(self.values)
        found |= {
            "kind": self.kind,
            "source": self.source,
            "rows": self.rows,
            "weighted": self.weighted,
            "measures": _plain(self.measures),
            "intervals": {
                "level": 0.95,
                "method": "bootstrap percentiles; rows drawn with replacement, not stratified",
                "resamples": self.resamples,
                "seed": self.seed,
            },
        }
        if self.classes:
            key = "classes" if self.one_of_many else "labels"
            found[key] = [_flat(each) for each in self.classes]
            found["averages"] = {name: _plain(of) for name, of in self.averages.items()}
        if self.confusion is not None:
            counts = [list(map(_number, row)) for row in self.confusion.tolist()]
            found["confusion"] = {"classes": list(self.names), "counts": counts}
            found["confused"] = [asdict(each) for each in self.confused]
        if self.calibration is not None:
            found["calibration"] = _calibration(self.calibration)
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
        if of.calibration is not None:
            found["calibration"] = _calibration(of.calibration)
    return found | _plain(of.measures)


def _calibration(found: Calibration) -> dict[str, Any]:
    return {**asdict(found), "rule": found.rule}


def _number(weight: float) -> float:
    """A count as a whole number, where it is one."""
    return int(weight) if float(weight).is_integer() else weight
