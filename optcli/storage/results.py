"""Results: what runs leave in their folders, read back: summary.json and history.csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optcli.core.errors import Fault, InvalidInput
from optcli.storage import files, kinds

SUMMARY, HISTORY, PATHS = "summary.json", "history.csv", "paths.csv"
ROWS = ("best", "final", "test")  # of summary.json: rows of numbers, or null
NUMBERS = ("epochs", "steps", "parameters", "seconds")
WHOLE = ("epoch", "step")  # columns of whole numbers
MOST_DIGITS = 18  # of a whole number


def summary(folder: Path) -> dict[str, Any]:
    """What summary.json says; raises InvalidInput where it is missing or damaged."""
    path = folder / SUMMARY
    found = files.read_json(path)
    for name in ROWS:
        if not _is_row(found.get(name)):
            raise InvalidInput(
                Fault(f"is damaged: '{name}' is not a row of numbers", file=str(path))
            )
    for name in NUMBERS:
        if not isinstance(found.get(name), int | float | None):
            raise InvalidInput(Fault(f"is damaged: '{name}' is no number", file=str(path)))
    if not _is_baseline(found.get("baseline")):
        message = "is damaged: 'baseline' has no rows of numbers"
        raise InvalidInput(Fault(message, file=str(path)))
    if not _is_diagnosis(found.get("diagnosis")):
        message = "is damaged: 'diagnosis' does not list facts with remedies"
        raise InvalidInput(Fault(message, file=str(path)))
    paths = found.get("paths")
    if paths is not None and not (isinstance(paths, list) and all(map(_is_path, paths))):
        raise InvalidInput(Fault("is damaged: 'paths' does not describe any paths", file=str(path)))
    if not _is_checked(found):
        message = "is damaged: 'checked' does not describe any gradients"
        raise InvalidInput(Fault(message, file=str(path)))
    return found


def evaluation(folder: Path) -> dict[str, Any]:
    """What the evaluation.json of a folder says; raises InvalidInput."""
    return files.read_json(folder / kinds.EVALUATION)


def mlflow_run(folder: Path) -> str | None:
    """The id at MLflow of the run in a folder; None where it has none. Raises InvalidInput."""
    path = folder / kinds.MLFLOW
    if not path.exists():
        return None
    found = files.read_json(path).get("run_id")
    if not isinstance(found, str):
        raise InvalidInput(Fault("is damaged: it has no run_id", file=str(path)))
    return found


def keep_mlflow_run(folder: Path, run_id: str) -> None:
    """Write the id into mlflow.json; raises EnvironmentFailed."""
    files.write_json(folder / kinds.MLFLOW, {"run_id": run_id})


def _is_row(row: Any) -> bool:
    """Whether it is null, or numbers by name."""
    return row is None or (
        isinstance(row, dict) and all(isinstance(v, int | float | None) for v in row.values())
    )


def _is_checked(found: Mapping[str, Any]) -> bool:
    """Whether it tells of checked gradients as optcli does, or of none."""
    rows = found.get("checked")
    if rows is None:
        return True
    whole = isinstance(rows, list) and isinstance(found.get("outcome"), str)
    return (
        whole
        and isinstance(found.get("seconds"), int | float)
        and all(
            isinstance(row, dict)
            and all(isinstance(row.get(name), str) for name in ("name", "kind", "outcome"))
            and isinstance(row.get("cases"), int)
            and isinstance(row.get("worst_ratio"), int | float | None)
            for row in rows
        )
    )


def _is_baseline(found: Any) -> bool:
    """Whether it is null, or tells of a constant guess as optcli does."""
    if found is None:
        return True
    if not isinstance(found, dict) or not isinstance(found.get("guess"), str):
        return False
    numbers = (found.get(name) for name in ("scores", "responses"))
    lists = all(isinstance(n, list) and all(isinstance(v, int | float) for v in n) for n in numbers)
    return lists and _is_row(found.get("best")) and _is_row(found.get("test"))


def _is_diagnosis(found: Any) -> bool:
    """Whether it is null, or a list of facts, each with its remedy."""
    if found is None:
        return True
    return isinstance(found, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("fact"), str)
        and isinstance(each.get("remedy"), str)
        for each in found
    )


def _is_path(row: Any) -> bool:
    """Whether summary.json tells of a path of a trace as optcli does."""
    if not isinstance(row, dict) or not isinstance(row.get("hyperparameters"), dict):
        return False
    texts = all(isinstance(row.get(name), str) for name in ("label", "outcome"))
    numbers = all(isinstance(row.get(n), int | float | None) for n in ("loss", "distance"))
    steps = isinstance(row.get("steps_to_tolerance"), int | None)
    rates = (row["hyperparameters"].get("lr"), row.get("tolerance"))
    return texts and numbers and steps and all(isinstance(each, int | float) for each in rates)


def history(folder: Path) -> dict[str, list[float]]:
    """The columns of a training's history.csv; raises InvalidInput where it is damaged."""
    path = folder / HISTORY
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
        cells = zip(*rows, strict=True) if rows else [()] * len(head)
        return {
            name: [_number(name, cell) for cell in column]
            for name, column in zip(head, cells, strict=True)
        }
    except (OSError, ValueError, MemoryError, csv.Error) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error


def paths(folder: Path) -> dict[str, dict[str, list[float]]]:
    """The columns of a trace's paths.csv, by optimizer; raises InvalidInput where it is damaged."""
    path = folder / PATHS
    found: dict[str, list[list[float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            (_, *head), *rows = csv.reader(file)
        for label, *cells in rows:
            found.setdefault(label, []).append(list(map(float, cells)))
        columns = {label: zip(*own, strict=True) for label, own in found.items()}
        return {
            label: {name: list(column) for name, column in zip(head, own, strict=True)}
            for label, own in columns.items()
        }
    except (OSError, ValueError, MemoryError, csv.Error) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error


def _number(name: str, cell: str) -> float:
    """A cell of history.csv; raises ValueError."""
    if name not in WHOLE:
        return float(cell)
    if not cell.isdecimal() or len(cell) > MOST_DIGITS:
        raise ValueError(f"{name} is '{cell[:MOST_DIGITS]}'")
    return int(cell)
