"""What a run scored beside its baseline, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optcli.display.table import Column, Table
from optcli.display.text import metric, number

WIDE = 10_000  # the table is cut by nobody; few columns are narrow


def results(summary: Mapping[str, Any]) -> list[str]:
    """Loss and metrics of the saved model, beside those of the baseline; none without one."""
    baseline = summary.get("baseline")
    if not isinstance(baseline, Mapping):
        return []
    (corner, *headings), rows = scores(summary)
    if not rows:
        return []
    names, *columns = zip(*rows, strict=True)
    table = [Column("name", corner, names, left=True)]
    for place, (heading, cells) in enumerate(zip(headings, columns, strict=True)):
        table.append(Column(str(place), heading, cells))
    return [*Table(table, WIDE).lines(), f"baseline: {baseline.get('guess', 'a constant guess')}"]


def scores(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings, and a row for the loss and each metric: of the saved model, and of the baseline.

    The first heading says of which epoch the model is.
    """
    baseline = _mapping(summary.get("baseline"))
    best, test = (_mapping(summary.get(key)) for key in ("best", "test"))
    part = "validation" if "validation_loss" in best else "train"
    scored = {
        key.removeprefix(f"{part}_"): value
        for key, value in best.items()
        if key.startswith(f"{part}_")
    }
    columns: list[tuple[str, Mapping[str, Any]]] = []
    if scored:
        heading = "training" if part == "train" else part
        columns += [(heading, scored), ("baseline", _mapping(baseline.get("best")))]
    if test:
        columns += [("test", test), ("baseline", _mapping(baseline.get("test")))]
    if not baseline:
        columns = [each for each in columns if each[0] != "baseline"]
    names = list(dict.fromkeys(name for _, values in columns for name in values))
    epoch = best.get("epoch")
    corner = f"best epoch {epoch}" if part == "validation" else f"last epoch {epoch}"
    headings = [corner if epoch else "initial weights", *(heading for heading, _ in columns)]
    rows = [[name, *(_cell(name, values.get(name)) for _, values in columns)] for name in names]
    return headings, rows


def diagnosis(summary: Mapping[str, Any]) -> list[str]:
    """A line for each fact, with its remedy."""
    found = summary.get("diagnosis")
    items = found if isinstance(found, list) else []
    return [f"{each['fact']}; {each['remedy']}" for each in items if isinstance(each, Mapping)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _cell(name: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return "-"
    return number(value) if name == "loss" else metric(value)
