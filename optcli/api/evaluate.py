"""`evaluate`: how good a trained run is on labelled rows, and how sure that is.

report = optcli.evaluate("runs/iris", "new.csv")
report.measures["accuracy"].value, report.measures["accuracy"].low, report.classes[0]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.api.predict import Run, Say, load, silent
from optcli.core.arrays import Array
from optcli.core.environment import blas_threads, environment
from optcli.core.errors import Fault, InvalidInput
from optcli.data.preparation import Part
from optcli.evaluation import importance as importances
from optcli.evaluation.calibration import BINS
from optcli.evaluation.importance import REPEATS, Importance, groups_of
from optcli.evaluation.measuring import Settings, measured
from optcli.evaluation.ranking import Curve
from optcli.evaluation.report import (
    MOST_POINTS,
    MOST_RESIDUALS,
    Measure,
    OfTarget,
    Report,
    TrainingRows,
)
from optcli.evaluation.resampling import RESAMPLES
from optcli.evaluation.rows import Rows, losses_of
from optcli.evaluation.stored import RESIDUALS, read
from optcli.plugins import loading
from optcli.storage import files, kinds, seals
from optcli.storage.destination import Destination
from optcli.storage.paths import relative
from optcli.training import Cohort, training_rows
from optcli.training.constant_guess import ConstantGuess
from optcli.training.evaluation import in_data_units, scored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMITS = {"resamples": (0, 100_000), "bins": (2, 100), "repeats": (1, 1000)}


@dataclass(frozen=True, repr=False)
class EvaluationReport(Report):  # noqa: D101
    __doc__ = Report.__doc__

    def plot(self, name: str | None = None) -> Figure:
        """One of the pictures of an evaluation, as a matplotlib figure.

        name: of its file without the suffix, `confusion`, `roc`, `precision-recall`,
        `reliability`, `residuals` or `importance`; by default the first that there is. Raises
        InvalidInput where the evaluation has no such picture.
        """
        from optcli.plots import evaluation

        return evaluation.figure(self, name)


def stored(folder: Path) -> EvaluationReport:
    """The report of an evaluation's folder; raises InvalidInput where it is damaged."""
    return EvaluationReport(**vars(read(folder)))


def evaluate(
    run: Run | str | Path,
    data: Any,
    *,
    resamples: int = RESAMPLES,
    bins: int = BINS,
    importance: bool = False,
    repeats: int = REPEATS,
    seed: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool = True,
    say: Say = silent,
) -> EvaluationReport:
    """Measure a trained run on labelled rows: all that suits the task, with 95 % intervals.

    run: a run or its folder. data: as for `Run.predict`, with the columns of the target (and
    of the weights). resamples: for the intervals, 0 to 100,000; 0 for none. bins: of the
    calibration, 2 to 100. importance: whether columns are permuted, `repeats` times (1 to
    1000), to see what each is good for. seed: of the random numbers, by default the run's.
    out: a folder for tables and, with `plots`, pictures; None writes nothing. say: called with
    each sentence that is worth saying of the rows. Raises InvalidInput, EnvironmentFailed.

        >>> import optcli
        >>> found = optcli.evaluate("runs/iris", "configs/data/iris.csv")
        >>> found.measures["accuracy"].low < found.measures["accuracy"].value
        True
    """
    given = {"resamples": resamples, "bins": bins, "repeats": repeats}
    faults = [
        Fault(f"is {given[name]}; must be {low} to {high:,}", parameter=name)
        for name, (low, high) in LIMITS.items()
        if not low <= given[name] <= high
    ]
    if seed is not None and seed < 0:
        faults.append(Fault(f"is {seed}; must be at least 0", parameter="seed"))
    if faults:
        raise InvalidInput(*faults)
    if not isinstance(run, Run):
        run = load(run)
    seed = run.config.seed if seed is None else seed
    destination = None
    if out is not None:
        destination = Destination(kinds.EVALUATE, "evaluate", out, overwrite)
        destination.check()
        if run.folder is not None and Path(out).resolve() == run.folder.resolve():
            raise InvalidInput(Fault(f"{out} is the run itself; choose another", parameter="out"))
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        say(text)

    cohort, part = run.labelled(data, note)
    settings = Settings(resamples, bins, seed)
    with blas_threads(1), np.errstate(all="ignore"):  # of a diverged model
        report = report_on(run, cohort, part, settings)
        if importance:
            found = _importance(run, cohort, part, seed, repeats)
            report = replace(report, importance=found)
    source = str(data) if isinstance(data, str | Path) else "the data"
    report = replace(report, source=source, notes=tuple(notes))
    if destination is None:
        return report
    asked = {"run": run.folder, "data": data if isinstance(data, str | Path) else None}
    text = _config(asked, given | {"importance": importance, "seed": seed}, destination.folder)
    recorded = {**environment(1, None), "plugins": loading.identity()}
    with destination.claim(text, recorded) as folder:
        report = replace(report, folder=folder)
        save(report, folder, plots=plots)
    return report


def report_on(run: Run, cohort: Cohort, part: Part, settings: Settings) -> EvaluationReport:
    """All that is measured of a run on prepared rows; cohort: of the run."""
    values, scores = scored(cohort, run.trained, part)
    rows = _rows(run, cohort, part, scores)
    found = measured(rows, values, cohort.metrics, settings)
    seen = None if run.folder is None else training_rows.look_up(run.folder, part)
    of = len(rows)
    if seen is not None and seen.looked_up:
        scale = of / seen.looked_up
        found["training_rows"] = TrainingRows(
            round(seen.found * scale), of, seen.looked_up, seen.repeated * of
        )
    guess = ConstantGuess.kept(run.summary.get("baseline"))
    if guess is not None:
        found["baseline"] = guess.measured(cohort, part)
    return EvaluationReport.of(rows, values, found)


def _rows(run: Run, cohort: Cohort, part: Part, scores: Array) -> Rows:
    """What the model says of a part; scores: raw ones (N, C)."""
    encoder, loss = run.trained.encoder, run.trained.loss
    losses, shares = losses_of(loss, scores, part.y)
    responses, y = in_data_units(cohort, scores[None], part.y[None])
    weight = np.ones(len(part.y)) if part.weight is None else part.weight.astype(np.float64)
    kind, names = encoder.target.kind, encoder.names
    if kind == "labels" and len(names) == 1:
        names = encoder.target.classes[0]
    return Rows(kind, names, responses[0], y[0], weight, part.weight is not None, losses, shares)


def _importance(run: Run, cohort: Cohort, part: Part, seed: int, repeats: int) -> Importance:
    encoder = run.trained.encoder
    if encoder.image is not None:
        message = "is for columns, but the run's inputs are the pixels of an image; leave it out"
        raise InvalidInput(Fault(message, parameter="importance"))

    def score(x: Array, places: Array) -> Rows:
        weight = None if part.weight is None else part.weight[places]
        own = Part(x, part.y[places], weight)
        return _rows(run, cohort, own, run.trained.scores(x))

    groups = groups_of(encoder)
    return importances.importance(part.x, groups, score, cohort.metrics, seed=seed, repeats=repeats)


# ---- the folder ----------------------------------------------------------------------


def _config(asked: dict[str, Any], settings: dict[str, Any], folder: Path) -> str:
    """What config.yaml says: what was evaluated, and how; paths as seen from the folder."""
    from optcli.config import writing

    paths = {
        name: relative(path, folder) for name, path in asked.items() if path not in (None, "-")
    }
    return writing.written(paths | settings)


def save(report: Report, folder: Path, *, plots: bool) -> None:
    """Write what was found; raises EnvironmentFailed."""
    files.write_json(folder / kinds.EVALUATION, report.to_json())
    for name, (header, rows) in tables(report).items():
        files.write(folder / name, files.csv_bytes(header, rows))
    if plots:
        from optcli.plots import evaluation as pictures

        for name, content in pictures.pictures(report):
            files.write(folder / name, content)
    seals.seal(folder, kinds.EVALUATE)


def _residuals(targets: Sequence[OfTarget]) -> Table:
    """Predictions and true values of at most 5000 rows, from all over."""
    most = max(1, min(MOST_RESIDUALS, MOST_POINTS // len(targets)))
    rows = len(targets[0].values)
    places = np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.intp))
    lines = [
        (each.name, *pair)
        for each in targets
        for pair in zip(
            each.predictions[places].tolist(), each.values[places].tolist(), strict=True
        )
    ]
    return ("of", "predicted", "true"), lines


Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


def _points(curves: Iterable[Curve], **columns: str) -> Table:
    """The points of curves. columns: after the threshold, each with the attribute it holds."""
    rows = [
        (curve.name, *point)
        for curve in curves
        for point in zip(
            *(getattr(curve, each).tolist() for each in ("thresholds", *columns.values())),
            strict=True,
        )
    ]
    return ("of", "threshold", *columns), rows


def tables(report: Report) -> dict[str, Table]:
    """The tables of a report by file name: header and rows, in full precision."""

    def line(name: str, of: str, measure: Measure) -> tuple[Any, ...]:
        return name, of, measure.value, measure.low, measure.high

    parts = [("", report.measures), *report.averages.items()]
    parts += [(each.name, each.measures) for each in report.classes]
    parts += [(each.name, each.measures) for each in report.targets]
    measures = [line(name, of, each) for of, found in parts for name, each in found.items()]
    found: dict[str, Table] = {
        "measures.csv": (("measure", "of", "value", "low", "high"), measures)
    }
    if report.confusion is not None:
        names = report.names
        counts = zip(names, report.confusion.tolist(), strict=True)
        found["confusion.csv"] = (("true", *names), [(name, *row) for name, row in counts])
    if report.curves:
        found["roc.csv"] = _points(
            report.curves, false_positive_rate="false_positive_rate", true_positive_rate="recall"
        )
        found["precision-recall.csv"] = _points(
            report.curves, recall="recall", precision="precision"
        )
    bins = [(name, asdict(each)) for name, of in report.calibrations for each in of.bins]
    if bins:
        lines = [list(each.values()) for _, each in bins]
        header = list(bins[0][1])
        if report.calibration is None:  # of several labels
            header = ["of", *header]
            lines = [[name, *line] for (name, _), line in zip(bins, lines, strict=True)]
        found["reliability.csv"] = (header, lines)
    if report.thresholds:
        several = [asdict(each) for each in report.thresholds]
        found["thresholds.csv"] = (list(several[0]), [list(each.values()) for each in several])
    if report.targets:
        found[RESIDUALS] = _residuals(report.targets)
    if report.importance is not None:
        header = ["column", "loss", "loss_low", "loss_high"]
        metric = report.importance.metric
        if metric is not None:
            header += [metric, f"{metric}_low", f"{metric}_high"]
        lines = []
        for column in report.importance.columns:
            drops = [column.loss, *([column.metric] if column.metric else [])]
            cells = [(each.value, *(each.interval or ("", ""))) for each in drops]
            lines.append([column.name, *(cell for of in cells for cell in of)])
        found["importance.csv"] = (header, lines)
    return found
