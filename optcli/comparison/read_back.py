"""Read back: what a finished comparison left in its folder, as it was when it ended.

Nothing is run or written. No plug-in need be there, as optimizers are read as what they are
called and set to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.comparison import store
from optcli.comparison.trials import Measure
from optcli.core.errors import Fault, InvalidInput
from optcli.storage import results

LEVEL = ("median", "ci_low", "ci_high")


@dataclass(frozen=True)
class StoredRun:
    """A run as runs.csv and history.csv have it. history: columns, NaN where a cell is empty."""

    label: str
    hyperparameters: Mapping[str, Any]
    seed: int
    outcome: str
    steps: int
    history: Mapping[str, Sequence[float]]


def measure(summary: Mapping[str, Any]) -> Measure:
    """What was compared, of a comparison's summary.json; version 0.1 measured validation rows."""
    rows = summary.get("rows", "validation")
    metric = summary["quantity"].partition("_")[2]
    return Measure(metric, summary["higher_is_better"], rows, summary.get("at", "best"))


def summary(folder: Path) -> dict[str, Any]:
    """summary.json of a comparison, with infinity and NaN where JSON has null.

    Raises InvalidInput where it is damaged.
    """
    found = results.summary(folder)
    try:
        return restored(found) if found.get("version", 1) > 1 else found
    except (KeyError, TypeError) as error:
        message = f"is damaged: it does not describe a comparison ({error!r})"
        raise InvalidInput(Fault(message, file=str(folder / results.SUMMARY))) from error


def restored(found: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison's summary as it was before JSON made null of what is not finite.

    A run that diverged has the worst value there is, a target that was not reached infinitely
    many steps; medians of no values are NaN.
    """
    worst = -math.inf if found["higher_is_better"] else math.inf
    whole = {
        **found,
        "optimizers": [_entry(row, worst) for row in found["optimizers"]],
        "pairs": [_pair(pair, worst) for pair in found["pairs"]],
    }
    for name in ("at_equal_gradient_evaluations", "at_equal_time"):
        if found.get(name) is not None:
            pairs = [_pair(pair, worst) for pair in found[name]["pairs"]]
            whole[name] = {**found[name], "pairs": pairs}
    return whole


def _entry(row: Mapping[str, Any], worst: float) -> dict[str, Any]:
    steps = [_steps(each) for each in row["steps_to_targets"]]
    return {
        **_level(row, worst),
        "default": _level(row["default"], worst),
        "metrics": _known(row["metrics"]),
        "test": row["test"] and _known(row["test"]),
        "gradient_evaluations": _or(row.get("gradient_evaluations"), math.nan),
        "steps_to_target": next(iter(steps), None),
        "steps_to_targets": steps,
        "finalists": [
            _level(own, worst) | {"tuning_mean": _or(own["tuning_mean"], math.nan)}
            for own in row["finalists"]
        ],
        "learning_rates": [
            {
                **rate,
                "mean": _or(rate["mean"], math.nan),
                "values": [_or(value, worst) for value in rate["values"]],
            }
            for rate in row["learning_rates"]
        ],
    }


def _level(row: Mapping[str, Any], worst: float) -> dict[str, Any]:
    values = [_or(value, worst) for value in row["values"]]
    return {**row, **{name: _or(row[name], worst) for name in LEVEL}, "values": values}


def _known(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: _or(value, math.nan) for name, value in row.items()}


def _steps(row: Mapping[str, Any]) -> dict[str, Any]:
    values = [_or(value, math.inf) for value in row["values"]]
    rest = {name: _or(row[name], math.inf) for name in (*LEVEL, "expected")}
    return {**row, **rest, "values": values}


def _pair(pair: Mapping[str, Any], worst: float) -> dict[str, Any]:
    """The difference of a from b, where one of them diverged in most seeds infinite.

    An interval that holds no zero has both ends on one side of it, others one on each.
    """
    side = {"a": -worst, "b": worst}.get(pair["verdict"])  # where a decided difference lies
    more = pair["diverged"][0] > pair["diverged"][1]
    return {
        **pair,
        "difference": _or(pair["difference"], side or (worst if more else -worst)),
        "ci_low": _or(pair["ci_low"], side or -math.inf),
        "ci_high": _or(pair["ci_high"], side or math.inf),
    }


def _or(value: Any, other: float) -> Any:
    return other if value is None else value


def final_runs(folder: Path, chosen: Mapping[str, Mapping[str, Any]]) -> dict[str, list[StoredRun]]:
    """The final runs of each label at its setting, by seed.

    chosen: the hyperparameters of each label. Raises InvalidInput where runs.csv or history.csv
    does not hold them.
    """
    rows = [
        row
        for row in store.rows(folder / "runs.csv")
        if row.get("phase") == "final" and row.get("label") in chosen
    ]
    head, lines = store.histories(folder / results.HISTORY)
    found: dict[str, list[StoredRun]] = {label: [] for label in chosen}
    try:
        for row in rows:
            settings = json.loads(row["hyperparameters"])
            if settings == chosen[row["label"]]:
                cells = (line.split(",") for line in lines[row["run"]])
                columns = [
                    [float(cell or "nan") for cell in each] for each in zip(*cells, strict=True)
                ]
                history = dict(zip(head, columns, strict=True))
                counts = (int(row["seed"]), row["outcome"], int(row["steps"]))
                found[row["label"]].append(StoredRun(row["label"], settings, *counts, history))
    except (ValueError, KeyError, TypeError) as error:
        message = f"is damaged and cannot be read ({error!r})"
        raise InvalidInput(Fault(message, file=str(folder / "runs.csv"))) from error
    return found


def _history(head: Sequence[str], lines: Sequence[str]) -> dict[str, list[float]]:
    cells = ([float(cell or "nan") for cell in line.split(",")] for line in lines)
    columns = zip(*cells, strict=True)
    return {name: list(column) for name, column in zip(head, columns, strict=True)}
