"""Paths on an objective: what became of each, the map, the loss and the distance by step."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.core.shell import joined
from optcli.display import trace as display
from optcli.display.report.blocks import about, reproduce, section, sentences, table
from optcli.display.report.charts import Axis, Chart, Series, swatch
from optcli.display.report.markup import Markup, join
from optcli.display.report.source import Source
from optcli.objectives.base import OBJECTIVES, Box, Objective
from optcli.optimizers.base import OPTIMIZERS
from optcli.plots import contours
from optcli.plots.looks import Look, looks

POINTS = 121  # of the grid along each side
MOST_CORNERS = 12_000  # of all contours
# The looks of start and minima, which stand beside the optimizers' own.
MARKS = Look(6)


def blocks(
    source: Source,
    charts: list[Chart],
    prefix: str = "",
    level: int = 2,
    *,
    mapped: bool = True,
) -> Markup:
    """The sections of a trace. charts: what the page draws, to which its own are added.

    mapped: whether there is a map of the paths among them.
    """
    rows = source.summary.get("paths") or []
    owners = {row["label"]: str(row.get("optimizer") or row["label"]) for row in rows}
    own = looks(list(owners), owners)
    columns = display.columns(rows)
    values = {name: [row[name] for row in rows] for name in ("loss", "distance")}
    marks = {"optimizer": [swatch(own[row["label"]]) for row in rows]}
    whole = table(columns, "Paths", head="optimizer", values=values, marks=marks)
    frames = []
    for chart in [*(_map(source, own) if mapped else ()), *_curves(source, own)]:
        frames.append(chart.frame(len(charts), f"h{level + 1}"))
        charts.append(chart)
    return join(
        section(
            f"{prefix}verdict",
            "Outcome",
            sentences([_first(source)]),
            whole,
            sentences([display.headings(rows)]),
            level=level,
        ),
        section(f"{prefix}paths", "Paths", *frames, level=level) if frames else None,
        reproduce(_commands(source), prefix, level),
        about(source, prefix, level),
    )


def _first(source: Source) -> str:
    """Who came closest, or that nobody arrived."""
    rows = source.summary.get("paths") or []
    arrived = [row for row in rows if row["steps_to_tolerance"] is not None]
    said = f"{source.summary.get('objective', 'the objective')}: "
    if not arrived:
        return f"{said}no optimizer converged."
    first = min(arrived, key=lambda row: row["steps_to_tolerance"])
    steps = first["steps_to_tolerance"]
    return (
        f"{said}{len(arrived)} of {len(rows)} reached a minimum; "
        f"first {first['label']}, in {steps:,} steps."
    )


def _columns(path: Mapping[str, Any]) -> tuple[Array, Array, Array, Array]:
    """Step, loss, distance (T,) and points (T, n)."""
    names = sorted((n for n in path if n[0] == "x" and n[1:].isdigit()), key=lambda n: int(n[1:]))
    points = np.array([path[name] for name in names], float).T
    step, loss, distance = (np.array(path[n], float) for n in ("step", "loss", "distance"))
    return step, loss, distance, points


def _map(source: Source, own: Mapping[str, Look]) -> list[Chart]:
    """The paths on the objective's contours; none where it has not two numbers."""
    series, begin = _paths(source, own, None)
    if begin is None:
        return []
    box = _box(source.objective, begin, source.paths)
    return [_drawn("Paths", source, series, box)]


def _paths(
    source: Source, own: Mapping[str, Look], start: int | None
) -> tuple[list[Series], Array | None]:
    """The paths of a trace and where they start, which none has that has not two numbers."""
    series, begin = list[Series](), None
    for label in own:
        if label not in source.paths:
            continue
        step, loss, _, points = _columns(source.paths[label])
        if points.shape[1] != 2:
            return [], None
        begin = points[0] if begin is None else begin
        notes = [f"step {int(t):,}, loss {value:.5g}" for t, value in zip(step, loss, strict=True)]
        x, y = np.where(np.abs(points) < 1e100, points, np.nan).T
        path = Series(label, own[label], [x, step], y, kind="path", notes=notes, start=start)
        series.append(path)
    if begin is not None:
        mark = Series("start", MARKS, [[begin[0]]], [begin[1]], kind="start", group="", start=start)
        series.append(mark)
    return series, begin


def _drawn(
    title: str, source: Source, series: list[Series], box: Box, starts: Sequence[str] = ()
) -> Chart:
    """The map with paths on it."""
    objective = source.objective
    if objective is not None and len(objective.minima):
        x, y = objective.minima.T
        series = [*series, Series("minimum", MARKS, [x], y, kind="minimum", group="")]
    words = "contours enclose equal areas, the lower the darker; star: minimum; circle: start"
    return Chart(
        title,
        [Axis("x")],
        Axis("y"),
        series,
        words if objective else "",
        near=True,
        box=box,
        areas=_areas(objective, box),
        starts=starts,
        whole="paths.csv",
    )


def together(sources: Sequence[Source], charts: list[Chart], level: int = 2) -> Markup | None:
    """Traces of one objective from several starts, on a map where one of them is chosen."""
    first = sources[0]
    if first.objective is None or any(each.objective != first.objective for each in sources):
        return None
    owners = {
        row["label"]: str(row.get("optimizer") or row["label"])
        for source in sources
        for row in source.summary.get("paths") or []
    }
    own = looks(list(owners), owners)
    series, begins = list[Series](), list[Array]()
    for i, source in enumerate(sources):
        found, begin = _paths(source, own, i)
        if begin is None:
            return None
        series += found
        begins.append(begin)
    boxes = [_box(first.objective, begin, {}) for begin in begins]
    x, y = ((min(b[k][0] for b in boxes), max(b[k][1] for b in boxes)) for k in (0, 1))
    names = [f"({begin[0]:.4g}, {begin[1]:.4g})" for begin in begins]
    said = [f"{name}: {source.name}" for name, source in zip(names, sources, strict=True)]
    chart = _drawn(first.objective.name, first, series, (x, y), said)
    frame = chart.frame(len(charts), f"h{level + 1}")
    charts.append(chart)
    return section("starts", f"Paths from {len(sources)} starts", frame, level=level)


def _box(objective: Objective | None, start: Array, paths: Mapping[str, Mapping[str, Any]]) -> Box:
    """What the map shows: the objective's domain and the start, or else all paths."""
    if objective is not None:
        x, y = (
            contours.shown_range(domain, float(at))
            for domain, at in zip(objective.domain, start, strict=True)
        )
        return x, y
    points = np.concatenate([_columns(path)[3] for path in paths.values()])
    points = points[(np.abs(points) < 1e100).all(axis=1)]
    low, high = np.quantile(points, (0.02, 0.98), axis=0)
    free = 0.05 * (high - low) + 1e-12
    (x0, y0), (x1, y1) = low - free, high + free
    return (float(x0), float(x1)), (float(y0), float(y1))


def _areas(objective: Objective | None, box: Box) -> list[list[list[float]]]:
    """The contours, coarser where there are very many corners."""
    if objective is None:
        return []
    for points in (POINTS, POINTS // 2):
        found = contours.polygons(contours.ground(objective, *box, points))
        if sum(len(ring) for rings in found for ring in rings) <= MOST_CORNERS:
            break
    return [[ring.ravel().tolist() for ring in rings] for rings in found]


def _curves(source: Source, own: Mapping[str, Look]) -> list[Chart]:
    """Loss above the least one, and distance to the nearest minimum, by step."""
    losses, distances = list[Series](), list[Series]()
    lowest = source.objective.lowest if source.objective is not None else 0.0
    for label in own:
        if label not in source.paths:
            continue
        step, loss, distance, _ = _columns(source.paths[label])
        losses.append(Series(label, own[label], [step], loss - lowest))
        distances.append(Series(label, own[label], [step], distance))
    if not losses:
        return []
    quantity = "loss" if lowest == 0 else "loss − least"
    found = [Chart("Loss by step", [Axis("step")], Axis(quantity, True), losses, whole="paths.csv")]
    if any(np.isfinite(np.asarray(each.y)).any() for each in distances):
        found.append(
            Chart(
                "Distance to the nearest minimum by step",
                [Axis("step")],
                Axis("distance", True),
                distances,
                whole="paths.csv",
            )
        )
    return found


# ---- the command ---------------------------------------------------------------------


def objective_of(config: Mapping[str, Any]) -> Objective | None:
    """The objective of a trace's config; None where it is a plug-in's that is not loaded."""
    from optcli.core.specs import unnamed

    said = config.get("objective")
    if not isinstance(said, Mapping):
        return None
    rest = {key: value for key, value in said.items() if key not in ("name", "start")}
    try:
        found: Objective = unnamed(OBJECTIVES.find(str(said.get("name"))), rest)
        return found
    except (InvalidInput, TypeError):
        return None


def _commands(source: Source) -> dict[str, str]:
    """The command that traces the same again, with the rates that tuning found."""
    config = source.settings
    objective = {
        key.removeprefix("objective."): value
        for key, value in config.items()
        if key.startswith("objective.")
    }
    start = objective.pop("start", None)
    optimizers = config.get("optimizers")
    if not objective or not isinstance(optimizers, list):
        return {}
    words = ["optcli", "trace", _word(OBJECTIVES, objective)]
    words += [_word(OPTIMIZERS, own) for own in optimizers if isinstance(own, Mapping)]
    words += ["--steps", str(config.get("steps"))]
    if isinstance(start, list):
        words.append(f"--start={','.join(map(repr, start))}")
    if config.get("seed"):
        words += ["--seed", str(config["seed"])]
    return {"The same paths": joined(words)}


def _word(registry: Any, spec: Mapping[str, Any]) -> str:
    """A spec as the command line has it, `adam:lr=0.1`; what is a default is left out."""
    name = str(spec["name"])
    usual: dict[str, Any] = {}
    with contextlib.suppress(InvalidInput):
        usual = {each.name: each.default for each in fields(registry.find(name))}
    given = [
        f"{key}={json.dumps(value) if not isinstance(value, str) else value}"
        for key, value in spec.items()
        if key != "name" and (key == "lr" or usual.get(key, MISSING) != value)
    ]
    return f"{name}:{','.join(given)}" if given else name
