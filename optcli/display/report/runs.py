"""Several training runs: a table, what differs between their configs, their curves together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optcli.display.report import run
from optcli.display.report.blocks import section, sentences, table
from optcli.display.report.charts import Axis, Chart, Series, swatch
from optcli.display.report.markup import Markup, join
from optcli.display.report.source import Source
from optcli.display.table import Column
from optcli.display.text import duration, number, setting
from optcli.plots import ticks
from optcli.plots.looks import Look

# Settings that make losses and scores of two runs measures of different things.
DECIDING = ("loss", "dataset", "split", "objective", "seed")
PLACES = ("dataset.path", "dataset.cache")  # where a copy of the data lies makes no difference


def blocks(sources: Sequence[Source], charts: list[Chart], prefix: str = "") -> Markup:
    """The sections of several runs. charts: what the page draws, to which theirs are added."""
    names = labels(sources)
    looks = [Look(place) for place in range(len(sources))]
    curves = _charts(sources, names, looks)
    frames = [each.frame(len(charts) + i, "h3") for i, each in enumerate(curves)]
    charts += curves
    return join(
        section(
            f"{prefix}verdict",
            "Outcome",
            sentences(_verdict(sources, names)),
            _table(sources, names, looks),
        ),
        section(f"{prefix}curves", "Curves", *frames) if frames else None,
        _differences(sources, names, prefix),
    )


def labels(sources: Sequence[Source]) -> list[str]:
    """What each is called: its folder's name, or its whole path where others have that name."""
    names = [source.name for source in sources]
    return [
        str(source.folder) if names.count(name) > 1 else name
        for source, name in zip(sources, names, strict=True)
    ]


def _verdict(sources: Sequence[Source], names: Sequence[str]) -> list[str]:
    """Which has the best score on the rows that say most, and whether they can be compared."""
    scored = [run.scored(source.summary) for source in sources]
    said = []
    shared = {part for part, found in scored if "loss" in found}
    everyone = all("loss" in found for _, found in scored)
    differing = _deciding(sources)
    if everyone and len(shared) == 1:
        (part,) = shared
        losses = [found["loss"] for _, found in scored]
        best = min(range(len(losses)), key=losses.__getitem__)
        what = "final" if part == "end" else run.PARTS.get(part, part)
        said.append(f"Lowest {what} loss: {names[best]}, {number(losses[best])}.")
    if differing:
        keys = ", ".join(differing)
        said.append(f"The runs differ in {keys}: their losses measure different things.")
    said.append(
        "One run each: part of any difference is chance. optcli compare tells with how many seeds "
        "a difference is shown."
    )
    return said


def _deciding(sources: Sequence[Source]) -> list[str]:
    """The sections of the config, or the data itself, in which runs differ that decides."""
    found = {
        key.partition(".")[0]
        for key in _keys(sources)
        if key.partition(".")[0] in DECIDING and key not in PLACES
        if not _same(s.settings.get(key) for s in sources)
    }
    order = [name for name in DECIDING if name in found]
    if not _same(s.environment.get("data_sha256") for s in sources):
        order.append("data")
    return order


def _same(values: Any) -> bool:
    first, *rest = map(repr, values)
    return all(each == first for each in rest)


def _keys(sources: Sequence[Source]) -> list[str]:
    return list(dict.fromkeys(key for source in sources for key in source.settings))


def _table(sources: Sequence[Source], names: Sequence[str], looks: Sequence[Look]) -> Markup:
    """A row for each run."""
    rows = [source.summary for source in sources]
    columns = [
        Column("run", "run", names, left=True),
        Column("outcome", "outcome", [s.outcome.replace("_", " ") for s in sources], left=True),
        Column("optimizer", "optimizer", [_optimizer(s.settings) for s in sources], left=True),
    ]
    values: dict[str, Sequence[float | None]] = {}

    def add(key: str, heading: str, own: Sequence[float | None]) -> None:
        if any(value is not None for value in own):
            cells = [run.rounded(key, value) for value in own]
            columns.append(Column(key, heading, cells))
            values[key] = own

    epochs = [(row.get("best") or {}).get("epoch") for row in rows]
    columns.append(Column("best", "best\nepoch", ["-" if e is None else f"{e:,}" for e in epochs]))
    for part in ("validation", "test"):
        found = [run.scores(row, part) for row in rows]
        for name in dict.fromkeys(name for own in found for name in own):
            heading = f"{part}\n{name.replace('_', ' ')}"
            add(f"{part} {name}", heading, [own.get(name) for own in found])
        own = [run.baseline(row, part).get("loss") for row in rows]
        add(f"baseline {part}", f"baseline\n{part} loss", own)
    counts = [row.get("epochs") for row in rows]
    columns.append(Column("epochs", "epochs", ["-" if c is None else f"{c:,}" for c in counts]))
    times = [row.get("seconds") for row in rows]
    columns.append(Column("time", "time", ["-" if t is None else duration(t) for t in times]))
    marks = {"run": [swatch(look) for look in looks]}
    return table(columns, "Runs", head="run", values=values, marks=marks)


def _optimizer(settings: Mapping[str, Any]) -> str:
    name = settings.get("optimizer.name", settings.get("optimizer", "-"))
    rate = settings.get("optimizer.lr")
    return f"{name}, lr {rate:.4g}" if isinstance(rate, int | float) else str(name)


def _charts(sources: Sequence[Source], names: Sequence[str], looks: Sequence[Look]) -> list[Chart]:
    """A chart for each measure and part, with a curve for each run."""
    known = [name for name in run.NAMES if all(source.history.get(name) for source in sources)]
    x = [Axis(run.NAMES[name]) for name in known]
    histories = [source.history for source in sources]
    order = list(dict.fromkeys(n for history in histories for n in run.measures(history)))
    keys = [f"{part}_{name}" for name in order for part in ("validation", "train")]
    keys += [*run.NORMS, "lr"]
    found = []
    for key in keys:
        series = [
            Series(name, look, [source.history[axis] for axis in known], values)
            for source, name, look in zip(sources, names, looks, strict=True)
            if known and (values := source.history.get(key))
            if ticks.usable(np.array(values)).size
        ]
        if not series:
            continue
        title = key.replace("train_", "training ").replace("validation_", "validation ")
        title = "learning rate" if key == "lr" else title.replace("_", " ")
        quantity = "loss" if key.endswith("_loss") else title
        log = True if key in run.NORMS else None
        found.append(run.chart(title, quantity, x, series, log=log))
    return found


def _differences(sources: Sequence[Source], names: Sequence[str], prefix: str) -> Markup:
    """The keys of the configs that are not the same in all."""
    keys = [key for key in _keys(sources) if not _same(s.settings.get(key) for s in sources)]
    keys = [key for key in keys if key not in PLACES]
    if not keys:
        said = sentences(["The configs are the same."])
        return section(f"{prefix}configs", "What differs", said)
    columns = [Column("key", "key", keys, left=True)]
    for i, (source, name) in enumerate(zip(sources, names, strict=True)):
        cells = [setting(source.settings[key]) if key in source.settings else "-" for key in keys]
        columns.append(Column(f"run {i}", name, cells, left=True))
    return section(f"{prefix}configs", "What differs", table(columns, "What differs", head="key"))
