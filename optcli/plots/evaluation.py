"""Evaluation: which pictures an evaluation gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optcli import plots
from optcli.core.errors import Fault, InvalidInput
from optcli.evaluation.report import Report
from optcli.plots.figures import MOST_CLASSES, MOST_TARGETS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pictures(report: Report) -> Iterator[tuple[str, bytes]]:
    """File names and contents."""
    for name, draw in figures(report).items():
        yield f"{name}.png", plots.render(draw())


def figure(report: Report, name: str | None = None) -> Figure:
    """The picture of that name, by default the first; raises InvalidInput where there is none."""
    known = figures(report)
    if name is None and known:
        name = next(iter(known))
    if name not in known:
        allowed = f"must be one of {', '.join(known)}" if known else "the evaluation has no plots"
        raise InvalidInput(Fault(f"is {name!r}; {allowed}", parameter="name"))
    return known[name]()


def figures(report: Report) -> dict[str, Callable[[], Figure]]:
    """What draws each picture, by the name of its file without the suffix."""
    title = "evaluation"
    if report.source:
        title += f" on {Path(report.source).name}"
    found: dict[str, Callable[[], Figure]] = {}
    counts = report.confusion
    if counts is not None and len(counts) <= MOST_CLASSES:
        whole = counts.astype(np.int64)
        cells = whole if np.array_equal(whole, counts) else counts.round(1)
        found["confusion"] = partial(plots.confusion, cells, report.names, title)
    if report.curves:
        found["roc"] = partial(plots.roc, report.curves, title)
        found["precision-recall"] = partial(plots.precision_recall, report.curves, title)
    if any(each.bins for _, each in report.calibrations):
        several = [each for _, each in report.calibrations]
        found["reliability"] = partial(plots.reliability, several, title)
    found |= _residuals(report, title)
    if report.importance is not None and report.importance.columns:
        found["importance"] = partial(plots.permutation_importance, report.importance, title)
    return found


def _residuals(report: Report, title: str) -> dict[str, Callable[[], Figure]]:
    """A picture for each target column; of many for those with the lowest R²."""
    order = sorted(range(len(report.targets)), key=lambda i: report.targets[i].measures["r2"].value)
    found: dict[str, Callable[[], Figure]] = {}
    for i in sorted(order[:MOST_TARGETS]):
        target = report.targets[i]
        if not len(target.predictions):
            continue
        own = title
        if len(target.predictions) < report.rows:
            own += f", {len(target.predictions):,} of {report.rows:,} rows"
        stem = f"residuals-{i + 1}" if len(order) > 1 else "residuals"
        draw = partial(plots.residuals, target.predictions, target.values, target.name, own)
        found[stem] = draw
    return found
