"""An evaluation: measures with intervals, classes, errors, curves, calibration, importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import counted
from optcli.core.errors import InvalidInput
from optcli.core.shell import joined
from optcli.display.evaluate import amount, remarks, span
from optcli.display.report.blocks import (
    about,
    exact,
    reproduce,
    scrolled,
    section,
    sentences,
    table,
    tiles,
)
from optcli.display.report.charts import Axis, Chart, Line, Row, Series
from optcli.display.report.markup import Content, Markup, element, join
from optcli.display.report.source import Source
from optcli.display.table import Column
from optcli.display.text import metric, number
from optcli.evaluation.importance import Drop
from optcli.evaluation.measuring import AREAS
from optcli.evaluation.ranking import Curve
from optcli.evaluation.report import Measure, OfClass, OfTarget, Report
from optcli.metrics import METRICS
from optcli.plots import ticks
from optcli.plots.looks import Look
from optcli.plots.pairs import reach

UNIT = ((-0.02, 1.02), (-0.02, 1.02))  # what a chart of shares shows
TILES = ("roc_auc", "r2")  # beside loss and metrics of the config
MOST_TILES = 4
MOST_CLASSES = 20  # of a matrix
MOST_LINES = 200  # of a table
MOST_CURVES = 8  # of a chart
MOST_TARGETS = 4  # with charts of their own
MOST_ROWS = 30  # of the importance that is drawn
MOST_POINTS = 800  # residuals of a chart
QUANTILES = 100
WINDOWS = 20  # of the running mean of residuals
SHADES = 7
# Quantiles of residuals, and what they are called.
LEVELS = {
    "0.0": "least",
    "0.05": "5 %",
    "0.25": "25 %",
    "0.5": "median",
    "0.75": "75 %",
    "0.95": "95 %",
    "1.0": "greatest",
}
# What measures are called, and what each is that is no metric of a config.
NAMES = {
    **{name: name.upper() for name in ("rmse", "mae", "mse", "mape", "f1")},
    "r2": "R²",
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
}
MEANINGS = {
    "loss": "the loss that was trained, in training units",
    "log_loss": "mean of −log p of what is true",
    "brier": "mean squared error of the probabilities",
    "average_precision": "area under the precision-recall curve, as a sum of steps",
    "exact_match": "share of rows whose labels are all right",
    "bias": "mean of predicted − true",
}


def blocks(source: Source, charts: list[Chart], prefix: str = "", level: int = 2) -> Markup:
    """The sections of an evaluation. charts: what the page draws, to which its own are added."""
    report = source.evaluation
    assert report is not None

    def drawn(name: str, title: str, own: Sequence[Chart], *contents: Content) -> Markup:
        frames = []
        for chart in own:
            frames.append(chart.frame(len(charts), f"h{level + 1}"))
            charts.append(chart)
        if not frames and not any(contents):
            return Markup()
        return section(f"{prefix}{name}", title, *frames, *contents, level=level)

    return join(
        _verdict(report, prefix, level),
        section(f"{prefix}measures", "Measures", _measures(report), level=level),
        drawn("classes", "Classes" if report.one_of_many else "Labels", [], _classes(report)),
        drawn("errors", "Errors by class", [], _matrix(report), _confused(report)),
        drawn("curves", "ROC and precision-recall curves", _curves(report)),
        drawn("calibration", "Calibration", _reliability(report), _bins(report)),
        drawn("thresholds", "Thresholds", _threshold_chart(report), _thresholds(report)),
        drawn("residuals", "Residuals", _residual_charts(report), _targets(report)),
        drawn(
            "importance",
            "Importance of columns",
            _importance_charts(report),
            _importance_table(report),
        ),
        reproduce(_commands(source), prefix, level),
        about(source, prefix, level),
    )


# ---- the numbers ---------------------------------------------------------------------


def _rounded(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return number(value) if name == "loss" else metric(value)


def _capital(words: str) -> str:
    """The words with a capital."""
    return words[:1].upper() + words[1:]


def _words(name: str) -> str:
    return NAMES.get(name, name.replace("_", " "))


def _verdict(report: Report, prefix: str, level: int) -> Markup:
    """The measures of the config beside the baseline, and the sentences of the terminal."""
    names = [*report.values, *(name for name in TILES if name not in report.values)]
    shown = {}
    for name in [name for name in names if name in report.measures][:MOST_TILES]:
        measure, beside = report.measures[name], []
        if measure.low is not None:
            beside.append(f"95 %: {span(measure)}")
        if name in report.baseline:
            beside.append(f"baseline {_rounded(name, report.baseline[name])}")
        value = exact(_rounded(name, measure.value), measure.value)
        shown[_words(name)] = value, "; ".join(beside)
    said = [_against_baseline(report), *(f"{_capital(each)}." for each in remarks(report))]
    said += [f"{_capital(each)}." for each in report.notes]
    content = join(tiles(shown), sentences(each for each in said if each))
    return section(f"{prefix}verdict", "Result", content, level=level)


def _against_baseline(report: Report) -> str:
    """Whether the loss is below that of the constant prediction, by its interval."""
    found, guess = report.measures.get("loss"), report.baseline.get("loss")
    if found is None or guess is None or not np.isfinite([found.value, guess]).all():
        return ""
    said = f"{number(found.value)} against {number(guess)}"
    if found.value >= guess:
        return f"The loss is no lower than that of a constant prediction: {said}."
    if found.high is not None and found.high >= guess:
        return (
            f"The loss is lower than that of a constant prediction, but its interval "
            f"includes it: {said}."
        )
    return f"The loss is lower than that of a constant prediction: {said}."


def _measures(report: Report) -> Markup:
    """A row for each measure: its value, interval, baseline and what it is."""
    names = list(report.measures)
    found = list(report.measures.values())
    columns = [Column("measure", "measure", list(map(_words, names)), left=True)]
    own = [each.value for each in found]
    columns.append(Column("value", "value", list(map(_rounded, names, own))))
    values: dict[str, Sequence[float | None]] = {"value": own}
    if report.resamples:
        columns.append(Column("span", "95 % interval", list(map(span, found))))
    if report.baseline:
        beside = [report.baseline.get(name) for name in names]
        columns.append(Column("baseline", "baseline", list(map(_rounded, names, beside))))
        values["baseline"] = beside
    columns.append(Column("meaning", "what it is", list(map(_meaning, names)), left=True))
    return table(columns, "Measures", head="measure", values=values)


def _meaning(name: str) -> str:
    """What a measure is; empty where it is a plug-in's."""
    if name in MEANINGS:
        return MEANINGS[name]
    try:
        paragraph = " ".join((METRICS.find(name).__doc__ or "").partition("\n\n")[0].split())
        return paragraph.partition(". ")[0].rstrip(".:")
    except InvalidInput:
        return ""


def _with_span(measure: Measure | None) -> str:
    if measure is None:
        return ""
    if measure.low is None or measure.high is None:
        return metric(measure.value)
    return f"{metric(measure.value)} [{metric(measure.low)}, {metric(measure.high)}]"


def _classes(report: Report) -> Markup:
    """Each class or label with its measures and intervals, and the averages."""
    if not report.classes:
        return Markup()
    shown: Sequence[OfClass] = report.classes
    if len(shown) > MOST_LINES:
        shown = sorted(shown, key=lambda each: each.measures["f1"].value)[:MOST_LINES]
    kind = "class" if report.one_of_many else "label"
    names = [each.name for each in shown] + [f"{name} average" for name in report.averages]
    found = [each.measures for each in shown] + list(report.averages.values())
    columns = [Column("name", kind, names, left=True)]
    values: dict[str, Sequence[float | None]] = {}
    for key, heading in (
        ("precision", "precision"),
        ("recall", "recall"),
        ("f1", "F1"),
        ("roc_auc", "ROC AUC"),
        ("average_precision", "average\nprecision"),
    ):
        own = [of.get(key) for of in found]
        if any(own) and not (report.binary and key in AREAS):  # of two classes they are measures
            columns.append(Column(key, heading, list(map(_with_span, own))))
            values[key] = [None if each is None else each.value for each in own]
    blank = [""] * len(report.averages)
    if any(each.calibration for each in shown):
        errors = ["" if (c := each.calibration) is None else metric(c.error) for each in shown]
        columns.append(Column("calibration", "calibration\nerror", [*errors, *blank]))
    columns.append(Column("support", "rows", [*(amount(each.support) for each in shown), *blank]))
    predicted = [*(amount(each.predicted) for each in shown), *blank]
    columns.append(Column("predicted", "predicted", predicted))
    said = ["In brackets: 95 % intervals."] if report.resamples else []
    if len(shown) < len(report.classes):
        said.append(f"The {len(shown)} of {len(report.classes):,} with the lowest F1.")
    title = "Classes" if report.one_of_many else "Labels"
    return join(table(columns, title, head="name", values=values), sentences(said))


def _matrix(report: Report) -> Markup:
    """The confusion matrix, shaded by the share of the true class."""
    counts = report.confusion
    if counts is None or len(counts) > MOST_CLASSES:
        return Markup()
    totals = np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    shades = np.ceil(SHADES * counts / totals).astype(int)
    head = [element("th", element("bdi", name), scope="col") for name in report.names]
    rows = []
    for name, row, own in zip(report.names, counts.tolist(), shades.tolist(), strict=True):
        cells = [
            element("td", amount(cell), class_=f"number share-{shade}" if shade else "number")
            for cell, shade in zip(row, own, strict=True)
        ]
        rows.append(element("tr", element("th", element("bdi", name), scope="row"), *cells))
    corner = element("th", "true class by row, predicted by column", scope="col")
    whole = element(
        "table",
        element("caption", "Confusion matrix", class_="unseen"),
        element("thead", element("tr", corner, *head)),
        element("tbody", *rows),
        class_="matrix",
    )
    return scrolled(whole, "table: Confusion matrix")


def _confused(report: Report) -> Markup:
    """The pairs of classes that are confused most often."""
    if report.confusion is None or len(report.names) < 3:
        return Markup()
    found = report.confused
    if not found:
        return sentences(["No class was taken for another."])
    columns = [
        Column("true", "true class", [each.true for each in found], left=True),
        Column("predicted", "predicted", [each.predicted for each in found], left=True),
        Column("rows", "rows", [amount(each.rows) for each in found]),
        Column("share", "of the true class", [f"{each.share:.1%}" for each in found]),
    ]
    return join(sentences(["Most frequent errors:"]), table(columns, "Most frequent errors"))


# ---- curves --------------------------------------------------------------------------


def _drawn(values: Sequence[float]) -> list[int]:
    """Those that are drawn: of more than 8 those with the least values."""
    order = sorted(range(len(values)), key=lambda i: np.nan_to_num(values[i], nan=2.0))
    return sorted(order[:MOST_CURVES])


def _curves(report: Report) -> list[Chart]:
    if not report.curves:
        return []
    return [_roc(report.curves), _precision_recall(report.curves)]


def _of_thresholds(curve: Curve, order: slice) -> list[str]:
    return [
        f"threshold {each:.4g}" if np.isfinite(each) else "no row predicted"
        for each in curve.thresholds[order].tolist()
    ]


def _legend(curve: Curve, what: str, value: float) -> str:
    shown = "undefined" if np.isnan(value) else f"{value:.4f}"
    return f"{curve.name} ({what} {shown})"


def _fewer(drawn: Sequence[int], count: int, what: str) -> str:
    return f"the {len(drawn)} of {count} with the lowest {what}; " if len(drawn) < count else ""


def _roc(curves: Sequence[Curve]) -> Chart:
    drawn = _drawn([curve.roc_auc for curve in curves])
    series = [Series("guessing", Look(6), [[0.0, 1.0]], [0.0, 1.0], kind="rule", group="")]
    for place, i in enumerate(drawn):
        curve, all_ = curves[i], slice(None)
        notes = _of_thresholds(curve, all_)
        name = _legend(curve, "area", curve.roc_auc)
        x = [curve.false_positive_rate]
        series.append(Series(name, Look(place), x, curve.recall, notes=notes, kind="path"))
    words = _fewer(drawn, len(curves), "area") + "dashed: a classifier that guesses"
    axes = [Axis("false positive rate")], Axis("true positive rate (recall)")
    names = {"near": True, "box": UNIT, "square": True, "whole": "roc.csv"}
    return Chart(_titled("ROC curve", series), *axes, series, words, **names)  # type: ignore[arg-type]


def _precision_recall(curves: Sequence[Curve]) -> Chart:
    drawn = _drawn([curve.average_precision for curve in curves])
    series = []
    for place, i in enumerate(drawn):
        curve, back = curves[i], slice(None, None, -1)  # a step holds the value before it
        notes = _of_thresholds(curve, back)
        name = _legend(curve, "average precision", curve.average_precision)
        x = [curve.recall[back]]
        series.append(Series(name, Look(place), x, curve.precision[back], notes=notes, kind="step"))
    lines, words = [], _fewer(drawn, len(curves), "average precision")
    if len(curves) == 1:
        lines = [Line("guessing", y=curves[0].prevalence)]
    axes = [Axis("recall")], Axis("precision")
    names = {"near": True, "box": UNIT, "square": True, "whole": "precision-recall.csv"}
    title = _titled("Precision-recall curve", series)
    return Chart(title, *axes, series, words.rstrip("; "), lines, **names)  # type: ignore[arg-type]


def _titled(what: str, series: Sequence[Series]) -> str:
    """With the name of the only curve, which has no switch."""
    names = [own.name for own in series if own.group is None]
    return f"{what}: {names[0]}" if len(names) == 1 else f"{what}s"


def _reliability(report: Report) -> list[Chart]:
    """The share that came true by the probability, with intervals where it is of one thing."""
    found = [each for _, each in report.calibrations if each.bins]
    if not found:
        return []
    drawn = _drawn([-each.error for each in found])
    series = [Series("calibrated", Look(6), [[0.0, 1.0]], [0.0, 1.0], kind="rule", group="")]
    for place, i in enumerate(drawn):
        own = found[i]
        name = f"{own.of or 'predicted class'} (error {metric(own.error)})"
        ends = zip(*((each.ci_low, each.ci_high) for each in own.bins), strict=True)
        low, high = ends if len(found) == 1 else (None, None)
        notes = [counted(each.rows, "row") for each in own.bins]
        x, y = [each.confidence for each in own.bins], [each.accuracy for each in own.bins]
        series.append(Series(name, Look(place), [x], y, low, high, notes=notes))
    words = "below the dashed line the model is too sure"
    words += "; band: 95 % interval of each bin" if len(found) == 1 else ""
    if len(drawn) < len(found):
        words += f"; the {len(drawn)} of {len(found)} with the greatest error"
    event = found[0].event if len(found) == 1 else "the label"
    share = "accuracy" if len(found) == 1 and found[0].of is None else f"share of {event}"
    axes = [Axis(f"probability of {event}")], Axis(share)
    title = "Reliability diagram"
    return [Chart(title, *axes, series, words, near=True, box=UNIT, square=True)]


def _bins(report: Report) -> Markup:
    """The bins of the only calibration."""
    found = report.calibration
    if found is None or not found.bins:
        return Markup()
    bins = found.bins
    columns = [
        Column("bin", "probability", [f"{each.low:.3g} to {each.high:.3g}" for each in bins]),
        Column("rows", "rows", [f"{each.rows:,}" for each in bins]),
        Column("mean", "mean probability", [metric(each.confidence) for each in bins]),
        Column("share", "came true", [metric(each.accuracy) for each in bins]),
        Column(
            "span",
            "95 % interval",
            [f"{metric(each.ci_low)} to {metric(each.ci_high)}" for each in bins],
        ),
    ]
    return table(columns, "Bins of the reliability diagram")


# ---- thresholds ----------------------------------------------------------------------


def _threshold_chart(report: Report) -> list[Chart]:
    found = report.thresholds
    if not found:
        return []
    x = [[each.threshold for each in found]]
    numbers = {
        "precision": [each.precision if each.predicted else np.nan for each in found],
        "recall": [each.recall for each in found],
        "F1": [each.f1 for each in found],
        "predicted share": [each.predicted for each in found],
    }
    series = [
        Series(name, Look(place), x, own) for place, (name, own) in enumerate(numbers.items())
    ]
    best = next((each for each in found if each.best), None)
    lines = [] if best is None else [Line(f"best F1 at {best.threshold:.4g}", [best.threshold])]
    positive = report.names[1]
    words = f"'{positive}' is predicted where its probability is above the threshold"
    axes = [Axis("threshold")], Axis("share")
    return [Chart("By threshold", *axes, series, words, lines, (0.0, 1.04))]


def _thresholds(report: Report) -> Markup:
    found = report.thresholds
    if not found:
        return Markup()
    columns = [Column("threshold", "threshold", [f"{each.threshold:.4g}" for each in found])]
    values: dict[str, Sequence[float | None]] = {"threshold": [each.threshold for each in found]}
    for key, heading in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
        own = [float(getattr(each, key)) for each in found]
        columns.append(Column(key, heading, list(map(metric, own))))
        values[key] = own
    columns.append(Column("share", "predicted", [f"{each.predicted:.1%}" for each in found]))
    columns.append(Column("best", "", ["best F1" if e.best else "" for e in found], left=True))
    said = "The threshold with the best F1 was chosen on these rows, which flatters it a little."
    return join(table(columns, "Thresholds", values=values), sentences([said]))


# ---- numbers -------------------------------------------------------------------------


def _targets(report: Report) -> Markup:
    """The errors of each target column, and quantiles of its residuals."""
    found: Sequence[OfTarget] = report.targets[:MOST_LINES]
    if not found:
        return Markup()
    columns = [Column("name", "target", [each.name for each in found], left=True)]
    values: dict[str, Sequence[float | None]] = {}
    several = len(report.targets) > 1  # of one they stand above
    for key in ("rmse", "mae", "r2", "bias") if several else ():
        own = [each.measures[key] for each in found]
        columns.append(Column(key, _words(key), list(map(_with_span, own))))
        values[key] = [each.value for each in own]
    for level, heading in LEVELS.items():
        if level not in found[0].residuals or (several and level not in ("0.05", "0.5", "0.95")):
            continue
        own_levels = [each.residuals.get(level, np.nan) for each in found]
        columns.append(Column(level, f"residual\n{heading}", list(map(metric, own_levels))))
        values[level] = own_levels
    said = ["Residuals are true − predicted."]
    if report.resamples and several:
        said[0] += " In brackets: 95 % intervals."
    return join(table(columns, "Targets", head="name", values=values), sentences(said))


def _residual_charts(report: Report) -> list[Chart]:
    """Residuals by prediction and against the normal distribution, of the worst targets."""
    order = sorted(range(len(report.targets)), key=lambda i: report.targets[i].measures["r2"].value)
    found = []
    for i in sorted(order[:MOST_TARGETS]):
        target = report.targets[i]
        fine = np.abs(target.predictions) < ticks.LARGEST
        fine &= np.abs(target.values) < ticks.LARGEST
        x, r = target.predictions[fine], (target.values - target.predictions)[fine]
        if len(x) > 1:
            of = f": {target.name}" if len(report.targets) > 1 else ""
            found += [_by_prediction(x, r, of, target.name), _normal(r, of)]
    return found


def _by_prediction(x: Array, r: Array, of: str, name: str) -> Chart:
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(np.intp))
    series = [Series("rows", Look(0), [x[chosen]], r[chosen], kind="points")]
    if len(x) >= 3 * WINDOWS:
        groups = np.array_split(np.argsort(x, kind="stable"), WINDOWS)
        means = [float(r[group].mean()) for group in groups]
        at = [float(x[group].mean()) for group in groups]
        series.append(Series(f"mean of {WINDOWS} groups", Look(1), [at], means))
    words = "where the mean leaves 0, errors are systematic"
    if len(chosen) < len(x):
        words += f"; {len(chosen):,} of {len(x):,} rows are drawn"
    axes = [Axis(f"predicted {name}")], Axis("residual (true − predicted)")
    lines = [Line("", y=0.0)]
    title = f"Residuals by prediction{of}"
    return Chart(title, *axes, series, words, lines, near=True, whole="residuals.csv")


def _normal(r: Array, of: str) -> Chart:
    count = min(len(r), QUANTILES)
    levels = (np.arange(count) + 0.5) / count
    normal = np.array([NormalDist().inv_cdf(level) for level in levels.tolist()])
    ends = np.array([normal[0], normal[-1]])
    line = r.mean() + r.std() * ends
    series = [
        Series("normal", Look(6), [ends], line, kind="rule", group=""),
        Series("quantiles", Look(0), [normal], np.quantile(r, levels), kind="points"),
    ]
    words = "dashed: a normal distribution of the same mean and standard deviation"
    axes = [Axis("normal quantile")], Axis("residual")
    return Chart(f"Normal Q-Q plot of the residuals{of}", *axes, series, words, near=True)


# ---- importance ----------------------------------------------------------------------


def _drops(report: Report) -> dict[str, list[Drop]]:
    """Of each column, by what is measured: the loss, and the first metric."""
    found = report.importance
    if found is None or not found.columns:
        return {}
    drops = {"loss": [each.loss for each in found.columns]}
    if found.metric is not None:
        drops[found.metric] = [each.metric for each in found.columns if each.metric is not None]
    return drops


def _heading(name: str) -> str:
    return "rise of the loss" if name == "loss" else f"{_words(name)}: how much worse"


def _importance_charts(report: Report) -> list[Chart]:
    names = [] if report.importance is None else [e.name for e in report.importance.columns]
    return [_forest(names, of, _heading(key)) for key, of in _drops(report).items()]


def _importance_table(report: Report) -> Markup:
    found, drops = report.importance, _drops(report)
    if found is None or not drops:
        return Markup()
    names = [each.name for each in found.columns[:MOST_LINES]]
    columns = [Column("name", "permuted column", names, left=True)]
    values: dict[str, Sequence[float | None]] = {}
    for key, of in drops.items():
        shown = [Measure(each.value, *(each.interval or ())) for each in of[:MOST_LINES]]
        columns.append(Column(key, _heading(key), [metric(each.value) for each in shown]))
        columns.append(Column(f"{key} span", "95 % interval", list(map(span, shown))))
        values[key] = [each.value for each in shown]
    said = [f"Means of {found.repeats} permutations of {counted(found.rows, 'row')}."]
    if found.correlated is not None:
        a, b, r = found.correlated
        said.append(
            f"'{a}' and '{b}' are correlated (r = {r:.2f}): where one can stand in for the "
            "other, both look less important than they are."
        )
    title = "Importance of columns"
    return join(table(columns, title, head="name", values=values), sentences(said))


def _forest(names: Sequence[str], drops: Sequence[Drop], heading: str) -> Chart:
    rows = []
    for name, each in list(zip(names, drops, strict=True))[:MOST_ROWS]:
        low, high = each.interval or (each.value, each.value)
        note = f"{metric(each.value)} [{metric(low)}, {metric(high)}]"
        rows.append(Row(name, low, each.value, high, note, (), Look(0)))
    ends = [(row.low, row.middle, row.high) for row in rows]
    words = f"the {len(rows)} most important of {len(names)}" if len(rows) < len(names) else ""
    return Chart(
        _capital(heading),
        [Axis(heading)],
        Axis(""),
        words=words,
        rows=rows,
        reach=reach(ends),
        sides=("better without", "worse without"),
    )


# ---- the command ---------------------------------------------------------------------


def _commands(source: Source) -> Mapping[str, str]:
    """The command that measures the same again."""
    settings = source.settings
    run, data = settings.get("run"), settings.get("data")
    if not isinstance(run, str) or not isinstance(data, str):
        return {}
    words = ["optcli", "evaluate", run, data]
    for name in ("resamples", "bins", "repeats", "seed"):
        if isinstance(settings.get(name), int):
            words += [f"--{name}", str(settings[name])]
    if settings.get("importance") is True:
        words.append("--importance")
    return {"The same evaluation": joined(words)}
