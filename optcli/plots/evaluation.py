"""Evaluation: which pictures an evaluation gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from optcli import plots
from optcli.evaluation.report import EvaluationReport
from optcli.plots.figures import MOST_CLASSES, MOST_TARGETS


def pictures(report: EvaluationReport) -> Iterator[tuple[str, bytes]]:
    """File names and contents."""
    title = "evaluation"
    if report.source:
        title += f" on {Path(report.source).name}"
    counts = report.confusion
    if counts is not None and len(counts) <= MOST_CLASSES:
        whole = counts.astype(np.int64)
        cells = whole if np.array_equal(whole, counts) else counts.round(1)
        yield "confusion.png", plots.render(plots.confusion(cells, report.rows.names, title))
    if report.curves:
        yield "roc.png", plots.render(plots.roc(report.curves, title))
        figure = plots.precision_recall(report.curves, title)
        yield "precision-recall.png", plots.render(figure)
    if report.calibration is not None and report.calibration.bins:
        yield "reliability.png", plots.render(plots.reliability(report.calibration, title))
    if report.targets:
        yield from _residuals(report, title)
    if report.importance is not None:
        figure = plots.permutation_importance(report.importance, title)
        yield "importance.png", plots.render(figure)


def _residuals(report: EvaluationReport, title: str) -> Iterator[tuple[str, bytes]]:
    """A picture for each target column; of many for those with the lowest R²."""
    order = sorted(range(len(report.targets)), key=lambda i: report.targets[i].measures["r2"].value)
    for i in sorted(order[:MOST_TARGETS]):
        name, rows = report.targets[i].name, report.rows
        figure = plots.residuals(rows.scores[:, i], rows.y[:, i], name, title)
        stem = f"residuals-{i + 1}" if len(order) > 1 else "residuals"
        yield f"{stem}.png", plots.render(figure)
