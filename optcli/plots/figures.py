"""Figures: which ones a run gets, and from what they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli import plots
from optcli.core import aside
from optcli.core.arrays import Array
from optcli.data.preparation import Part, Prepared
from optcli.objectives.base import Objective
from optcli.objectives.model import ObjectiveModel
from optcli.plots import boundary, fonts
from optcli.plots.drawing import Drawing
from optcli.plots.samples import chosen, sheet
from optcli.training import Cohort, Replica
from optcli.training.history import History
from optcli.training.model_file import Trained
from optcli.training.task import lengths
from optcli.training.trace import Path, Trace

if TYPE_CHECKING:
    pass

MOST_CLASSES = 20  # of a confusion matrix that can still be read
MOST_TARGETS = 20  # with a picture of their own
SHOWN_ROWS = 10_000  # of a streamed part
SHOWN_STEPS = 2000  # of a schedule


def pictures(
    title: str,
    cohort: Cohort,
    trained: Trained,
    history: History,
    summary: Mapping[str, Any],
    kind: str = "png",
) -> Iterator[tuple[str, bytes]]:
    """File names and contents: loss curve, schedule, and what the task lends itself to.

    kind: `png`, `svg` or `pdf`.
    """
    drawings = _drawings(title, cohort, trained, history, summary)
    yield from aside.results(partial(each.file, kind) for each in drawings)


def _drawings(
    title: str, cohort: Cohort, trained: Trained, history: History, summary: Mapping[str, Any]
) -> Iterator[Drawing]:
    data = cohort.replicas[0].data
    if len(history):
        best = summary["best"] if data.validation is not None else None
        limit = cohort.replicas[0].optimizer.stability_limit
        of = (history.columns, best and best["epoch"], title, limit)
        yield Drawing("loss", plots.loss_curve, of)
        yield from _schedule(title, cohort, history)
    if isinstance(cohort.model, ObjectiveModel):
        yield from _path(cohort.model.objective, cohort.replicas[0], trained, history)
    else:
        yield from _of_rows(title, data, trained)


def notes(data: Prepared) -> tuple[str, ...]:
    """What is to be said of the pictures: targets without one, class names that no font has."""
    targets = len(data.encoder.target.names)
    if data.encoder.target.kind == "values" and targets > MOST_TARGETS:
        return (f"plots of {MOST_TARGETS} of {targets} targets, those with the lowest R²",)
    names = _class_names(data) if data.encoder.target.classes else None
    said = None if names is None or len(names) > MOST_CLASSES else fonts.note(names)
    return () if said is None else (said,)


def _of_rows(title: str, data: Prepared, trained: Trained) -> Iterator[Drawing]:
    """What the rows show; of streamed parts, some from all over them."""
    data = replace(
        data,
        train=data.train.thinned(SHOWN_ROWS),
        validation=data.validation and data.validation.thinned(SHOWN_ROWS),
        test=data.test and data.test.thinned(SHOWN_ROWS),
    )
    if data.encoder.target.kind == "values":
        yield from _predicted(title, data, trained)
        return
    names = _class_names(data)
    if names is None:
        return
    if _is_plane(data):
        yield _boundary(title, data, trained, names)
    if len(names) <= MOST_CLASSES:
        yield _confusion(title, data, trained, names)
    if data.encoder.inputs.image:
        yield _samples(title, data, trained, names)


def _schedule(title: str, cohort: Cohort, history: History) -> Iterator[Drawing]:
    """The schedule, unless all stays the same."""
    plan, rate = cohort.schedule, cohort.replicas[0].optimizer.lr
    if plan.name == "constant" and not plan.warmup:
        return
    columns, (steps, per_epoch) = history.columns, lengths(cohort)
    if plan.watches("train_loss"):  # what it will do is not known beforehand
        t, values = np.array(columns["step"]), np.array(columns["lr"])
    else:
        t = np.unique(np.linspace(1, steps, min(steps, SHOWN_STEPS)).round())
        values = plan.factor(t, steps, per_epoch)
    what = "learning rate"
    if "lr" not in plan.of:
        what, title = "factor", f"{title}, on {', '.join(plan.of)}"
    elif not plan.watches("train_loss"):
        values = values * rate
    args = (t, values, columns["step"][-1], per_epoch, title, what)
    yield Drawing("schedule", plots.schedule_curve, args)


def _path(
    objective: Objective, replica: Replica, trained: Trained, history: History
) -> Iterator[Drawing]:
    """The way on the objective's map, where it has one."""
    if objective.size != 2 or not len(history):
        return
    path = Path.descended(objective, replica.optimizer, history.columns, trained.parameters)
    start = tuple(path.x[0].tolist())
    trace = Trace(objective, start, len(path.x) - 1, replica.seed, (path,))
    yield Drawing("path", plots.trace_map, (trace, trace.title))


def _scores(trained: Trained, x: Array) -> Array:
    return trained.loss.respond(trained.scores(x))


def _held_out(data: Prepared) -> tuple[str, Part]:
    """The part that says most about new data: test, validation, or else training rows."""
    for name in ("test", "validation"):
        part = getattr(data, name)
        if part is not None:
            return name, part
    return "training", data.train


def _class_names(data: Prepared) -> tuple[str, ...] | None:
    """The classes of a single target column, None for several labels."""
    classes = data.encoder.target.classes
    return classes[0] if len(classes) == 1 else None


def _classes(y: Array) -> Array:
    """Class indices (N,) of targets, one label being two classes."""
    return y if y.ndim == 1 else y[:, 0].astype(np.intp)


def _said(scores: Array) -> Array:
    """The class that scores (N, C) stand for."""
    return np.asarray(
        scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(np.intp)
    )


def _is_plane(data: Prepared) -> bool:
    features = data.encoder.features
    return len(features) == 2 and all(feature.is_number for feature in features)


def _boundary(title: str, data: Prepared, trained: Trained, names: tuple[str, ...]) -> Drawing:
    features = data.encoder.features
    mean = np.array([feature.mean for feature in features])
    scale = np.array([feature.scale or 1.0 for feature in features])
    parts = [part for part in (data.train, data.validation, data.test) if part is not None]
    x = np.concatenate([part.x for part in parts]) * scale + mean
    y = np.concatenate([_classes(part.y) for part in parts])
    held_out = np.arange(len(y)) >= len(data.train.y)
    scores = _scores(trained, (boundary.grid(x) - mean) / scale)
    labels = [feature.name for feature in features]
    return Drawing("boundary", boundary.regions, (scores, x, y, labels, names, held_out, title))


def _confusion(title: str, data: Prepared, trained: Trained, names: tuple[str, ...]) -> Drawing:
    part_name, part = _held_out(data)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (_classes(part.y), _said(_scores(trained, part.x))), 1)
    return Drawing("confusion", plots.confusion, (counts, names, f"{title}, {part_name} rows"))


def _samples(title: str, data: Prepared, trained: Trained, names: tuple[str, ...]) -> Drawing:
    part_name, part = _held_out(data)
    scores = _scores(trained, part.x)
    ahead = np.abs(scores[:, 0])
    if scores.shape[1] > 1:
        lower, higher = np.sort(scores, axis=1)[:, -2:].T
        ahead = higher - lower
    features = data.encoder.features
    mean = np.array([feature.mean for feature in features])
    scale = np.array([feature.scale for feature in features])
    image = data.encoder.inputs.image
    assert image is not None
    images = (part.x * scale + mean).reshape(-1, *image)
    shown = chosen(images, _classes(part.y), _said(scores), ahead)
    return Drawing("samples", sheet, (shown, names, f"{title}, {part_name} rows"))


def _worst(predicted: Array, true: Array) -> list[int]:
    """The targets with a picture: where they are too many, those with the lowest R²."""
    if true.shape[1] <= MOST_TARGETS:
        return list(range(true.shape[1]))
    with np.errstate(all="ignore"):
        error = np.mean((predicted - true) ** 2, axis=0, dtype=np.float64)
        share = error / np.var(true, axis=0, dtype=np.float64)
    worst = np.argsort(-np.nan_to_num(share, nan=np.inf), kind="stable")[:MOST_TARGETS]
    return sorted(worst.tolist())


def _predicted(title: str, data: Prepared, trained: Trained) -> Iterator[Drawing]:
    """Predicted against true, a picture for each target column, of many for some."""
    rows = {"train": data.train, "validation": data.validation, "test": data.test}
    present = {name: part for name, part in rows.items() if part is not None}
    restore = data.encoder.restore
    predicted = np.concatenate([restore(_scores(trained, p.x)) for p in present.values()])
    true = np.concatenate([restore(part.y) for part in present.values()])
    labels = np.repeat(list(present), [len(part.y) for part in present.values()])
    names = data.encoder.target.names
    several = len(names) > 1
    for column in _worst(predicted, true):
        name = names[column]
        args = (predicted[:, column], true[:, column], name, labels.tolist(), title)
        stem = f"predicted-{column + 1}" if several else "predicted"
        yield Drawing(stem, plots.predicted_against_true, args)
