"""What `optcli evaluate` shows: measures with intervals, classes, errors, thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

import numpy as np

from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import escaped, metric, number, shortened_inside, wrapped
from optcli.evaluation.report import Measure, OfTarget, Report

WIDEST = 100
MOST_LINES = 20  # of a table of classes, labels, targets or columns
MOST_CONFUSED = 10
NAME = 30


def evaluation(report: Report, *, quiet: bool, json: bool, stream: TextIO) -> None:
    """All that was found."""
    if json:
        folder = {} if report.folder is None else {"folder": str(report.folder)}
        JsonLines(stream).emit("evaluation", report.to_json() | folder)
    elif not quiet:
        output, width = Output(stream), width_of(WIDEST)
        for line in lines(report, width):
            output.line(line)


def lines(report: Report, width: int) -> Iterator[str]:
    """The report in lines of at most `width` characters."""
    yield from _measures(report, width)
    yield ""
    yield from _remarks(report, width)
    if report.classes:
        yield ""
        yield from _classes(report, width)
    if report.confusion is not None:
        yield ""
        yield from _confusion(report, width)
    if report.thresholds:
        yield ""
        yield from _thresholds(report, width)
    if report.targets and len(report.targets) > 1:
        yield ""
        yield from _targets(report, width)
    if report.importance is not None:
        yield ""
        yield from _importance(report, width)
    if report.folder is not None:
        yield ""
        yield f"folder: {escaped(str(report.folder))}"


def _measures(report: Report, width: int) -> Iterator[str]:
    """Loss and metrics of the config first, then what suits the task besides."""
    names, found = list(report.measures), list(report.measures.values())
    beside = [
        "" if (value := report.baseline.get(name)) is None else metric(value) for name in names
    ]
    yield from Table(
        [
            Column("name", "measure", names, left=True, cut=True),
            Column(
                "value",
                "value",
                [
                    number(each.value) if name == "loss" else metric(each.value)
                    for name, each in report.measures.items()
                ],
            ),
            *([Column("span", "95 % interval", _spans(found))] if report.resamples else []),
            *([Column("baseline", "baseline", beside, rank=1)] if report.baseline else []),
        ],
        width,
    ).lines()


def _spans(found: Sequence[Measure | None]) -> list[str]:
    return [span(each) for each in found]


def span(measure: Measure | None) -> str:
    """`0.9123 to 0.9456`; nothing where there is none."""
    if measure is None or measure.low is None or measure.high is None:
        return "-"
    return f"{metric(measure.low)} to {metric(measure.high)}"


def _remarks(report: Report, width: int) -> Iterator[str]:
    for sentence in remarks(report):
        yield from wrapped(escaped(sentence), width)


def remarks(report: Report) -> list[str]:
    """On how many rows, how the intervals were made, calibration, and rows of the training."""
    rows = report.rows
    sentences = []
    if report.training_rows is not None and report.training_rows.found:
        seen = report.training_rows
        about = "about " if seen.looked_up < seen.of else ""
        words = f"{about}{seen.found:,} of {seen.of:,} rows "
        if seen.optimistic:
            words += "were among the training rows: these numbers are optimistic"
        else:
            words += "are equal to a training row, as duplicates in the data may explain"
        sentences.append(words)
    how = f"{rows:,} {'row' if rows == 1 else 'rows'}"
    how += ", weighted" if report.weighted else ""
    if report.resamples:
        how += f"; intervals: bootstrap of {report.resamples:,} resamples of the rows"
        how += ", not stratified"
    sentences.append(how)
    if report.calibration is not None:
        found = report.calibration
        said = f"calibration error {metric(found.error)} ({found.rule}); of "
        said += f"calibrated probabilities {metric(found.expected)} is expected on as many rows"
        sentences.append(said)
    labels = [each for _, each in report.calibrations] if report.calibration is None else []
    if labels:
        worst = max(labels, key=lambda each: np.nan_to_num(each.error - each.expected, nan=np.inf))
        said = f"calibration errors of labels: {labels[0].count} bins of equal width each; "
        said += f"the worst is {metric(worst.error)} of '{worst.of}', of which "
        said += f"{metric(worst.expected)} is expected of calibrated probabilities"
        sentences.append(said)
    if len(report.targets) == 1:
        levels = report.targets[0].residuals
        low, middle, high = (metric(levels[level]) for level in ("0.05", "0.5", "0.95"))
        said = f"residuals (true - predicted): median {middle}, 90 % of them from {low} to {high}"
        sentences.append(said)
    return sentences


def amount(weight: float) -> str:
    """A count of rows, or their weight."""
    return f"{int(weight):,}" if float(weight).is_integer() else metric(weight)


def _classes(report: Report, width: int) -> Iterator[str]:
    """Precision, recall, F1 and support; of many classes those with the lowest F1."""
    several = report.classes
    if len(several) > MOST_LINES:
        several = tuple(sorted(several, key=lambda each: each.measures["f1"].value)[:MOST_LINES])
    kind = "class" if report.one_of_many else "label"
    averages = [(f"{name} average", of) for name, of in report.averages.items()]
    names = [shortened_inside(escaped(each.name), NAME) for each in several]
    found: list[Mapping[str, Measure]] = [each.measures for each in several]
    found += [of for _, of in averages]

    def column(key: str, heading: str, rank: int = 0) -> Column:
        cells = [metric(of[key].value) if key in of else "" for of in found]
        return Column(key, heading, cells, rank=rank)

    supports = [amount(each.support) for each in several] + [""] * len(averages)
    columns = [
        Column("name", kind, [*names, *(name for name, _ in averages)], left=True, cut=True),
        column("precision", "precision"),
        column("recall", "recall"),
        column("f1", "F1"),
    ]
    if report.resamples:
        spans = _spans([of.get("f1") for of in found])
        columns.append(Column("span", "95 % of F1", spans, rank=2))
    if not report.binary and report.curves:
        columns.append(column("roc_auc", "ROC AUC", rank=1))
    if any(each.calibration for each in several):
        own = [each.calibration for each in several]
        errors = ["" if each is None else metric(each.error) for each in own]
        cells = [*errors, *[""] * len(averages)]
        columns.append(Column("calibration", "cal. error", cells, rank=3))
    columns.append(Column("support", "rows", supports))
    yield from Table(columns, width).lines()
    if len(report.classes) > len(several):
        more = len(report.classes) - len(several)
        yield f"and {more:,} more, with a higher F1 (--json lists all)"


def _confusion(report: Report, width: int) -> Iterator[str]:
    """The matrix, where it fits the width; else the pairs that are confused most often."""
    assert report.confusion is not None
    names = [escaped(name) for name in report.names]
    cells = [[amount(each) for each in row] for row in report.confusion.tolist()]
    for longest in (NAME, 12, 9):
        short = [shortened_inside(name, longest) for name in names]
        columns = [Column("name", "true class", short, left=True)] + [
            Column(str(i), head, [row[i] for row in cells]) for i, head in enumerate(short)
        ]
        if sum(column.width for column in columns) + 2 * len(names) <= width:
            yield "confusion matrix (rows: true, columns: predicted)"
            yield from Table(columns, width).lines()
            return
    if not report.confused:
        yield "no class was taken for another"
        return
    shown = report.confused[:MOST_CONFUSED]
    room = max(9, (width - 36) // 2)  # the names differ at their ends, if at all
    yield f"the {len(shown)} pairs of {len(names)} classes that are confused most often"
    yield from Table(
        [
            _names("true", [each.true for each in shown], room),
            _names("predicted", [each.predicted for each in shown], room),
            Column("rows", "rows", [amount(each.rows) for each in shown]),
            Column("share", "of the true class", [f"{each.share:.1%}" for each in shown]),
        ],
        width,
    ).lines()


def _thresholds(report: Report, width: int) -> Iterator[str]:
    """Each tenth, and the threshold with the highest F1."""
    positive = escaped(report.names[1])
    yield from wrapped(f"predicting '{positive}' where its probability is above a threshold", width)
    shown = [each for each in report.thresholds if each.best or round(each.threshold * 20) % 2 == 0]
    yield from Table(
        [
            Column("threshold", "threshold", [f"{each.threshold:.4g}" for each in shown]),
            Column("precision", "precision", [metric(each.precision) for each in shown]),
            Column("recall", "recall", [metric(each.recall) for each in shown]),
            Column("f1", "F1", [metric(each.f1) for each in shown]),
            Column("share", "predicted", [f"{each.predicted:.1%}" for each in shown]),
            Column("best", "", ["best F1" if each.best else "" for each in shown], left=True),
        ],
        width,
    ).lines()


def _names(heading: str, names: Sequence[str], room: int = NAME) -> Column:
    """A column of names from the data, of at most `room` characters."""
    shown = [shortened_inside(escaped(name), room) for name in names]
    return Column(heading, heading, shown, left=True, cut=True)


def _targets(report: Report, width: int) -> Iterator[str]:
    """The errors of each target column; of many those with the lowest R²."""
    several: Sequence[OfTarget] = report.targets
    if len(several) > MOST_LINES:
        several = sorted(several, key=lambda each: each.measures["r2"].value)[:MOST_LINES]
    columns = [_names("target", [each.name for each in several])]
    for rank, key in enumerate(("rmse", "mae", "r2", "bias")):
        cells = [metric(each.measures[key].value) for each in several]
        columns.append(Column(key, key, cells, rank=1 if key == "bias" else 0))
        if key == "r2" and report.resamples:
            spans = _spans([each.measures[key] for each in several])
            columns.append(Column("span", "95 % of r2", spans, rank=2 + rank))
    yield from Table(columns, width).lines()
    if len(report.targets) > len(several):
        more = len(report.targets) - len(several)
        yield f"and {more:,} more, with a higher R² (--json lists all)"


def _importance(report: Report, width: int) -> Iterator[str]:
    """How much each column matters, the most important first."""
    found = report.importance
    assert found is not None
    shown = found.columns[:MOST_LINES]
    columns = [
        _names("permuted column", [each.name for each in shown]),
        Column("loss", "loss rises by", [metric(each.loss.value) for each in shown]),
        Column(
            "loss span",
            "95 % of loss",
            [span(Measure(each.loss.value, *(each.loss.interval or ()))) for each in shown],
            rank=1,
        ),
    ]
    drops = [each.metric for each in shown if each.metric is not None]
    if drops:
        heading = f"{found.metric} worse by"
        columns.append(Column("metric", heading, [metric(each.value) for each in drops], rank=3))
        spans = [span(Measure(each.value, *(each.interval or ()))) for each in drops]
        columns.append(Column("metric span", f"95 % of {found.metric}", spans, rank=4))
    yield from Table(columns, width).lines()
    if len(found.columns) > len(shown):
        yield f"and {len(found.columns) - len(shown):,} more that matter less"
    said = f"means of {found.repeats} permutations of {found.rows:,} rows"
    if found.correlated is not None:
        a, b, r = found.correlated
        said += f"; '{a}' and '{b}' are correlated (r = {r:.2f}): where one can stand in for "
        said += "the other, both look less important than they are"
    yield from wrapped(escaped(said), width)
