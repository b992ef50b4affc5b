"""A training run: its outcome, its scores beside the baseline, its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optcli.core.errors import InvalidInput
from optcli.core.shell import quoted
from optcli.display.report.blocks import (
    about,
    exact,
    picture,
    reproduce,
    section,
    sentences,
    table,
    tiles,
)
from optcli.display.report.charts import Axis, Chart, Line, Series
from optcli.display.report.markup import Content, Markup, join
from optcli.display.report.source import Source
from optcli.display.table import Column
from optcli.display.text import metric, number
from optcli.display.train.closing import closing
from optcli.display.train.results import results
from optcli.losses.base import LOSSES
from optcli.metrics import METRICS
from optcli.plots import ticks
from optcli.plots.looks import Look

PARTS = {"train": "training", "validation": "validation"}
LOOKS = {"train": Look(0), "validation": Look(1)}  # as in loss.png
NAMES = {"epoch": "epoch", "step": "step", "seconds": "seconds of training"}
ABBREVIATIONS = ("rmse", "mae", "mape", "mse", "r2", "f1", "roc auc")
NORMS = ("gradient_norm", "update_norm")
# Pictures whose content the page does not draw itself, and what each shows.
PICTURES = {
    "confusion": "Confusion matrix: true classes by row, predicted classes by column",
    "boundary": "Predicted class by the two features, with the rows",
    "predicted": "Predicted against true values",
    "samples": "Images with their predicted classes",
    "path": "Path on the objective's contours",
}
MOST_PICTURES = 300_000  # bytes


def blocks(source: Source, charts: list[Chart], prefix: str = "", level: int = 2) -> Markup:
    """The sections of a run. charts: what the page draws, to which the run's own are added."""
    return join(
        verdict(source, prefix, level),
        scores_table(source, prefix, level),
        _curves(source, charts, prefix, level),
        _pictures(source, prefix, level),
        reproduced(source, prefix, level),
    )


def reproduced(source: Source, prefix: str, level: int) -> Markup:
    """How to train it again; config, environment and files."""
    return join(reproduce(commands(source), prefix, level), about(source, prefix, level))


def verdict(source: Source, prefix: str, level: int) -> Markup:
    """How it ended and what it came to, in the sentences of `optcli train`."""
    summary = source.summary
    if not summary:
        said = [f"{source.outcome}: the run has not ended; {_so_far(source)}"]
        said += [f"continue with: {source.resume}"] if source.resume else []
        return section(f"{prefix}verdict", "Outcome", sentences(said), level=level)
    beside = results(summary)  # is the table of scores
    said = [line for line in closing(summary) if line not in beside]
    content = join(tiles(_tiles(summary)), sentences(said))
    return section(f"{prefix}verdict", "Outcome", content, level=level)


def _so_far(source: Source) -> str:
    epochs = source.history.get("epoch", ())
    return f"{len(epochs):,} epochs so far" if epochs else "no epoch has ended"


def _tiles(summary: Mapping[str, Any]) -> dict[str, tuple[Content, str]]:
    """Test or validation scores, each with the baseline's."""
    part, found = scored(summary)
    where = "test" if part == "test" else PARTS.get(part, part)
    own = baseline(summary, part)
    return {
        f"{where} {_words(name)}": (
            exact(rounded(name, value), value),
            f"baseline {rounded(name, own[name])}" if name in own else "",
        )
        for name, value in list(found.items())[:4]
    }


def scored(summary: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """The scores that say most, and of what: test, validation or training rows, the path's end."""
    if "end" in summary:  # of a path on an objective
        return "end", _numbers(summary["end"] or {})
    for part in ("test", "validation", "train"):
        if found := scores(summary, part):
            return part, found
    return "train", {}


def scores(summary: Mapping[str, Any], part: str) -> dict[str, float]:
    """Loss and metrics of the kept model on a part of the rows, without the part's name."""
    if part == "test":
        return _numbers(summary.get("test") or {})
    row = summary.get("best") or summary.get("final") or {}
    own = {k.removeprefix(f"{part}_"): v for k, v in row.items() if k.startswith(f"{part}_")}
    return _numbers(own)


def baseline(summary: Mapping[str, Any], part: str) -> dict[str, float]:
    """The scores of the constant guess on the same rows, where they are known."""
    found = summary.get("baseline") or {}
    chosen = "validation" if scores(summary, "validation") else "train"
    return _numbers(found.get({"test": "test", chosen: "best"}.get(part, "")) or {})


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _words(name: str) -> str:
    return name.replace("_", " ")


def scores_table(source: Source, prefix: str, level: int) -> Markup:
    """A row for each measure: its values on each part, the baseline's, what it is."""
    summary = source.summary
    parts = {part: scores(summary, part) for part in ("train", "validation", "test")}
    parts = {part: found for part, found in parts.items() if found}
    if not parts or "end" in summary:
        return Markup()
    names = list(dict.fromkeys(name for found in parts.values() for name in found))
    columns = [Column("measure", "measure", [_words(name) for name in names], left=True)]
    values = {}
    for part, found in parts.items():
        where = PARTS.get(part, part)
        shown = {part: (where, found)}
        if beside := baseline(summary, part):
            shown[f"baseline {part}"] = (f"baseline,\n{where}", beside)
        for key, (heading, numbers) in shown.items():
            own = [numbers.get(name) for name in names]
            columns.append(Column(key, heading, list(map(rounded, names, own))))
            values[key] = own
    meanings = [meaning(source, name) for name in names]
    columns.append(Column("meaning", "what it is", meanings, left=True))
    best = summary.get("best") or {}
    said = []
    if best.get("epoch"):
        said.append(
            f"Measured with the weights of epoch {best['epoch']}, the lowest validation "
            "loss; training values are those seen during that epoch, before each update."
            if "validation" in parts
            else f"Measured with the weights of epoch {best['epoch']}."
        )
    guess = (summary.get("baseline") or {}).get("guess")
    if isinstance(guess, str):
        said.append(f"Baseline: {guess}.")
    return section(
        f"{prefix}scores",
        "Scores",
        table(columns, "Scores", head="measure", values=values),
        sentences(said),
        level=level,
    )


def rounded(name: str, value: float | None) -> str:
    """A score as the terminal shows it."""
    if value is None:
        return "-"
    return number(value) if name.endswith("loss") else metric(value)


def meaning(source: Source, name: str) -> str:
    """What a loss or metric is, in the words of its page; empty where it is a plug-in's."""
    try:
        if name == "loss":
            settings = source.settings
            loss = str(settings.get("loss.name", settings.get("loss", "")))
            return _first_sentence(LOSSES.find(loss))
        return _first_sentence(METRICS.find(name))
    except InvalidInput:
        return ""


def _first_sentence(kind: type) -> str:
    paragraph = " ".join((kind.__doc__ or "").strip().partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".:")


# ---- curves --------------------------------------------------------------------------


def axes(history: Mapping[str, Sequence[float]]) -> tuple[list[Axis], list[list[float]]]:
    """What curves may be drawn against: epochs, steps, seconds, as far as they are known."""
    names = dict(NAMES)
    if history.get("epoch") == history.get("step"):  # on an objective each step is one
        del names["epoch"]
    known = [name for name in names if history.get(name)]
    return [Axis(names[name]) for name in known], [list(history[name]) for name in known]


def _curves(source: Source, charts: list[Chart], prefix: str, level: int) -> Markup:
    own = curves(source)
    frames = []
    for chart in own:
        frames.append(chart.frame(len(charts), f"h{level + 1}"))
        charts.append(chart)
    return section(f"{prefix}curves", "Curves", *frames, level=level) if frames else Markup()


def curves(source: Source) -> list[Chart]:
    """Loss, each metric, norms of gradient and update, learning rate."""
    history = source.history
    x, xs = axes(history)
    if not x or not len(history.get("epoch", ())):
        return []
    best = (source.summary.get("best") or {}).get("epoch")
    at = best - 1 if best and "validation_loss" in history else None
    lines = []
    if at is not None and at < len(xs[0]):
        lines.append(Line(f"best epoch {best}", xs=[own[at] for own in xs]))
    constant = source.summary.get("constant_loss")
    found = []
    for name in measures(history):
        series = [
            Series(PARTS[part], LOOKS[part], xs, values)
            for part in PARTS
            if (values := history.get(f"{part}_{name}")) and ticks.usable(np.array(values)).size
        ]
        if not series:
            continue
        own = list(lines)
        if name == "loss" and isinstance(constant, int | float):
            own.append(Line("loss of a constant prediction", y=constant))
        found.append(chart(_words(name), name, x, series, own))
    sharpness = np.asarray(history.get("sharpness", ()), float)
    if ticks.usable(sharpness).size:  # of the epochs in which it was measured
        measured = np.isfinite(sharpness)
        places = [np.asarray(each, float)[measured].tolist() for each in xs]
        series = [Series("sharpness", Look(2), places, sharpness[measured].tolist())]
        found.append(chart("sharpness", "sharpness", x, series, lines, log=True))
    for names, title in ((NORMS, "norms of gradient and update"), (("lr",), "learning rate")):
        series = [
            Series(_words(name) if name != "lr" else "learning rate", Look(place), xs, values)
            for place, name in enumerate(names)
            if (values := history.get(name)) and ticks.usable(np.array(values)).size
        ]
        if series:
            found.append(chart(title, title, x, series, lines, log=title != "learning rate"))
    return found


def measures(history: Mapping[str, Sequence[float]]) -> list[str]:
    """The loss, then the metrics, that a history has of training or validation rows."""
    names = [
        name.removeprefix(f"{part}_")
        for name in history
        for part in PARTS
        if name.startswith(f"{part}_")
    ]
    return list(dict.fromkeys(names))


def chart(
    title: str,
    quantity: str,
    x: Sequence[Axis],
    series: Sequence[Series],
    lines: Sequence[Line] = (),
    *,
    log: bool | None = None,
    words: str = "",
) -> Chart:
    """A chart of curves against epochs. log: by default where losses span 1.5 decades or more."""
    values = np.concatenate([np.asarray(own.y, float) for own in series] or [np.empty(0)])
    wide = bool(ticks.wants_log(values))
    if log is None:
        log = quantity == "loss" and wide
    window = None
    shown = ticks.without_outliers(ticks.usable(values))
    if not (log and wide) and shown.size:
        low, high = float(shown.min()), float(shown.max())
        free = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        finite = ticks.usable(values)
        if float(finite.max()) > high + free or float(finite.min()) < low - free:
            window = (low - free, high + free)
    axis = Axis(_words(quantity), bool(log and wide))
    return Chart(headline(title), x, axis, series, words, lines, window, whole="history.csv")


def headline(words: str) -> str:
    """The words as a heading: `Validation RMSE`."""
    for short in ABBREVIATIONS:
        if words.endswith(short) and words[: -len(short)].strip() in ("", *PARTS.values()):
            words = words.removesuffix(short) + short.upper()
    return words[:1].upper() + words[1:]


# ---- the rest ------------------------------------------------------------------------


def _pictures(source: Source, prefix: str, level: int) -> Markup:
    shown, room = list[Content](), MOST_PICTURES
    for name, content in source.pictures.items():
        described = next((said for key, said in PICTURES.items() if name.startswith(key)), None)
        if described and len(content) <= room:
            shown.append(picture(name, content, described))
            room -= len(content)
    return section(f"{prefix}pictures", "Pictures", *shown, level=level) if shown else Markup()


def commands(source: Source) -> dict[str, str]:
    """What trains the same again, and what holds it against this."""
    folder = source.folder
    found = {"The same training": f"optcli train {quoted(str(folder / 'config.yaml'))}"}
    if source.summary:
        verify = f"optcli runs verify {quoted(str(folder))}"
        found["The same training, held against this one bit for bit"] = verify
    if "model.npz" in source.files and "end" not in source.summary:
        found["Predictions for new rows"] = f"optcli predict {quoted(str(folder))} new.csv"
    return found
