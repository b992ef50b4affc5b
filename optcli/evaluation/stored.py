"""Stored: the report that lies in a folder, read back from evaluation.json and residuals.csv."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import TargetKind
from optcli.evaluation.calibration import Bin, Calibration
from optcli.evaluation.importance import ColumnImportance, Drop, Importance
from optcli.evaluation.measures import RATIOS
from optcli.evaluation.ranking import Curve
from optcli.evaluation.report import (
    Confused,
    Measure,
    OfClass,
    OfTarget,
    Report,
    TrainingRows,
)
from optcli.evaluation.thresholds import Threshold
from optcli.storage import kinds, results

RESIDUALS = "residuals.csv"
OF_TARGET = ("rmse", "mae", "r2", "bias")  # what each target column has


def read(folder: Path) -> Report:
    """The report of an evaluation's folder; raises InvalidInput where it is damaged."""
    found = results.evaluation(folder)
    try:
        report = replace(_report(found), folder=folder)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        message = f"is damaged: it does not describe an evaluation ({error!r})"
        raise InvalidInput(Fault(message, file=str(folder / kinds.EVALUATION))) from error
    path = folder / RESIDUALS
    if not report.targets or not path.is_file():
        return report
    try:
        own = _residuals(path)
        targets = [_with_rows(each, own[each.name]) for each in report.targets]
    except (KeyError, OSError, ValueError, MemoryError, csv.Error) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    return replace(report, targets=tuple(targets))


def _report(found: Mapping[str, Any]) -> Report:
    """What evaluation.json says; raises what a damaged one makes it raise."""
    kind, one_of_many = found["kind"], "classes" in found
    if kind not in get_args(TargetKind):
        raise ValueError(f"'kind' is {kind!r}")
    classes = [_class(each) for each in found.get("classes" if one_of_many else "labels", ())]
    targets = [_target(each) for each in found.get("targets", ())]
    names = (*(each.name for each in classes), *(each.name for each in targets))
    measures = _measures(found["measures"])
    counts, confusion = found.get("confusion"), None
    if counts is not None:
        confusion = np.array([list(map(_number, row)) for row in _list(counts["counts"])])
        if confusion.shape != (len(names), len(names)):
            raise ValueError("'confusion' is not that of the classes")
    thresholds = [_threshold(each) for each in _list(found.get("thresholds", []))]
    if thresholds and len(names) != 2:
        raise ValueError("'thresholds' are those of two classes")
    calibration, seen = found.get("calibration"), found.get("training_rows")
    importance, intervals = found.get("importance"), found["intervals"]
    return Report(
        kind,
        _text(found["source"]),
        _count(found["rows"]),
        found["weighted"] is True,
        names,
        one_of_many,
        {name: _number(found[name]) for name in measures if name in found},
        measures,
        _count(intervals["resamples"]),
        _count(intervals["seed"]),
        tuple(classes),
        {name: _measures(each) for name, each in found.get("averages", {}).items()},
        confusion,
        tuple(_confused(each) for each in _list(found.get("confused", []))),
        tuple(_curve(each) for each in _list(found.get("curves", []))),
        None if calibration is None else _calibration(calibration),
        tuple(thresholds),
        tuple(targets),
        None if seen is None else _training_rows(seen),
        None if importance is None else _importance(importance),
        {name: _number(each) for name, each in found.get("baseline", {}).items()},
        tuple(map(_text, _list(found["notes"]))),
    )


def _number(value: Any) -> float:
    """A number, of which null is one that is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise TypeError(f"{value!r} is no number")
    return math.nan if value is None else float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else _number(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _array(values: Any) -> Array:
    return np.array([_number(each) for each in _list(values)], float)


def _measure(found: Mapping[str, Any]) -> Measure:
    return Measure(_number(found["value"]), _optional(found["low"]), _optional(found["high"]))


def _measures(found: Mapping[str, Any]) -> dict[str, Measure]:
    return {_text(name): _measure(each) for name, each in found.items()}


def _own(found: Mapping[str, Any], beside: tuple[str, ...], needed: tuple[str, ...]) -> Any:
    """The measures that stand beside a name."""
    measures = _measures({key: each for key, each in found.items() if key not in beside})
    if missing := [name for name in needed if name not in measures]:
        raise KeyError(missing[0])
    return measures


def _class(found: Mapping[str, Any]) -> OfClass:
    calibration = found.get("calibration")
    return OfClass(
        _text(found["name"]),
        _number(found["support"]),
        _number(found["predicted"]),
        _own(found, ("name", "support", "predicted", "calibration"), RATIOS),
        None if calibration is None else _calibration(calibration),
    )


def _target(found: Mapping[str, Any]) -> OfTarget:
    residuals = {_text(level): _number(each) for level, each in found["residuals"].items()}
    for level in ("0.05", "0.5", "0.95"):
        residuals[level]
    measures = _own(found, ("name", "residuals"), OF_TARGET)
    return OfTarget(_text(found["name"]), measures, residuals)


def _with_rows(target: OfTarget, rows: list[tuple[float, float]]) -> OfTarget:
    predictions, values = np.array(rows, float).T
    return replace(target, predictions=predictions, values=values)


def _residuals(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Prediction and true value of each row, by target column."""
    found: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for of, predicted, true in list(csv.reader(file))[1:]:
            found.setdefault(of, []).append((float(predicted), float(true)))
    return found


def _confused(found: Mapping[str, Any]) -> Confused:
    names = _text(found["true"]), _text(found["predicted"])
    return Confused(*names, _number(found["rows"]), _number(found["share"]))


def _curve(found: Mapping[str, Any]) -> Curve:
    points = ("thresholds", "false_positive_rate", "recall", "precision")
    thresholds, false, recall, precision = arrays = [_array(found[name]) for name in points]
    if len({len(each) for each in arrays}) != 1 or not len(arrays[0]):
        raise ValueError("'curves' have columns of different lengths")
    thresholds[0] = math.inf  # which JSON has not
    return Curve(
        _text(found["name"]),
        thresholds,
        false,
        recall,
        precision,
        _number(found["roc_auc"]),
        _number(found["average_precision"]),
        _number(found["prevalence"]),
    )


def _calibration(found: Mapping[str, Any]) -> Calibration:
    of = found["of"]
    return Calibration(
        None if of is None else _text(of),
        _number(found["error"]),
        _number(found["expected"]),
        tuple(_bin(each) for each in _list(found["bins"])),
        _count(found["count"]),
    )


def _bin(found: Mapping[str, Any]) -> Bin:
    edges = _number(found["low"]), _number(found["high"])
    shares = (found[name] for name in ("confidence", "accuracy", "ci_low", "ci_high"))
    return Bin(*edges, _count(found["rows"]), *map(_number, shares))


def _threshold(found: Mapping[str, Any]) -> Threshold:
    names = ("threshold", "precision", "recall", "f1", "predicted")
    threshold, precision, recall, f1, predicted = (_number(found[name]) for name in names)
    return Threshold(threshold, precision, recall, f1, predicted, found["best"] is True)


def _training_rows(found: Mapping[str, Any]) -> TrainingRows:
    seen, of, looked_up = (_count(found[name]) for name in ("found", "of", "looked_up"))
    return TrainingRows(seen, of, looked_up, _number(found["by_chance"]))


def _drop(found: Mapping[str, Any]) -> Drop:
    span = found["interval"]
    if span is None:
        return Drop(_number(found["value"]), None)
    low, high = _list(span)
    return Drop(_number(found["value"]), (_number(low), _number(high)))


def _importance(found: Mapping[str, Any]) -> Importance:
    metric, correlated = found["metric"], found["correlated"]
    columns = [
        ColumnImportance(
            _text(each["name"]),
            _drop(each["loss"]),
            None if metric is None else _drop(each["metric"]),
        )
        for each in _list(found["columns"])
    ]
    pair = None
    if correlated is not None:
        a, b, r = _list(correlated)
        pair = _text(a), _text(b), _number(r)
    return Importance(
        tuple(columns),
        None if metric is None else _text(metric),
        _count(found["rows"]),
        _count(found["repeats"]),
        pair,
    )
