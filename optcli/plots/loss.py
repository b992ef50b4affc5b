"""The loss curve: training and validation loss, sharpness, and the metrics, by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.style import (
    COLOURS,
    FAINT,
    INK,
    SMALL,
    TEXT,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    elided,
    new_figure,
    picture,
    plain,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_METRICS = 3
FEW, MANY = 25, 200  # epochs: up to the one points are marked, beyond the other lines smoothed
PANEL, SMALL_PANEL, GAP = 2.7, 1.2, 0.16
TOP, BOTTOM, LINE = 0.66, 0.52, 0.16
SHARPNESS, FAR = COLOURS[2], 3  # times the largest sharpness: limits above are not drawn


class LineStyle(NamedTuple):
    """How one of the two series is drawn: told apart in print as well."""

    label: str
    colour: str
    dashes: Any
    marker: str


LOOKS = {
    "train": LineStyle("training", COLOURS[0], "solid", "o"),
    "validation": LineStyle("validation", COLOURS[1], (0, (5, 1.2)), "s"),
}


@picture
def loss_curve(
    history: Mapping[str, Sequence[float]],
    best_epoch: int | None = None,
    title: str = "",
    limit: float | None = None,
) -> Figure:
    """Training and validation loss against the epoch, with a panel for each metric.

    history: columns of history.csv: `epoch`, `train_loss`, `validation_loss`, `sharpness`,
    `train_<metric>`, `validation_<metric>`; others are passed over. Metrics after the third
    are not drawn but named. The axes of loss and sharpness are logarithmic when all their
    values are positive and span more than 1.5 decades. Values that are not finite are gaps; those
    of the sharpness, which is not measured in every epoch, are connected.
    best_epoch: marked by a line through all panels, if it is among the epochs. limit: the
    optimizer's `stability_limit`; limit / lr is drawn beside the sharpness.
    """
    epochs = np.asarray(history["epoch"], float)
    panels = {"loss": _columns(history, "loss")}
    sharpness = np.asarray(history.get("sharpness", ()), float)
    if ticks.usable(sharpness).size:
        panels["sharpness"] = {"sharpness": sharpness}
        if limit is not None:
            panels["sharpness"]["limit"] = stable_up_to(limit, history)
    metrics = _metrics(history)
    for metric in metrics[:MOST_METRICS]:
        panels[metric] = _columns(history, metric)
    heights = [PANEL, *[SMALL_PANEL] * (len(panels) - 1)]

    scales = [_scale(name, columns) for name, columns in panels.items()]
    widest = max((text_width(t, SMALL) for s in scales for t in s.labels), default=0.0)
    left, right = 0.44 + widest, 0.12 + text_width("validation", TEXT)
    width = WIDTH - left - right
    remarks = _remarks(epochs, history, panels, scales, metrics[MOST_METRICS:])
    label = f"epoch   ({'; '.join(remarks)})" if remarks else "epoch"
    said: list[str] = []
    if text_width(label, TEXT) > width:  # then on lines of their own
        label, said = "epoch", _lines(remarks, WIDTH - 0.2)
    bottom = BOTTOM + LINE * len(said)
    height = TOP + sum(heights) + GAP * (len(panels) - 1) + bottom
    figure = new_figure(WIDTH, height)
    add_title(figure, left, title)

    y = height - TOP
    horizontal = _epoch_scale(epochs)
    for (name, columns), scale, tall in zip(panels.items(), scales, heights, strict=True):
        y -= tall
        axes = add_axes(figure, left, y, width, tall)
        if name == "sharpness":
            _draw_sharpness(axes, epochs, columns, scale, limit)
        else:
            _draw(axes, epochs, columns, scale)
        horizontal.apply(axes.xaxis)
        axes.tick_params(labelbottom=False)
        axes.set_ylabel(elided(f"{name} (log)" if scale.log else name, tall, TEXT))
        axes.yaxis.set_label_coords(-(left - 0.18) / width, 0.5)
        _mark_best(axes, epochs, columns, best_epoch)
        if name == "loss":
            _name_lines(axes, epochs, columns, tall)
            _say_best(figure, epochs, columns, best_epoch, horizontal, (left, y + tall, width))
        y -= GAP
    axes.tick_params(labelbottom=True)
    axes.set_xlabel(label)
    for row, line in enumerate(said):
        place = bottom - BOTTOM - LINE * row
        add_text(figure, WIDTH / 2, place, line, size=SMALL, color=INK, ha="center", va="center")
    return figure


def stable_up_to(limit: float, history: Mapping[str, Sequence[float]]) -> Array:
    """The limit by the rates (N,); NaN where far above the sharpness, as at a schedule's end."""
    with np.errstate(all="ignore"):
        found = limit / np.asarray(history["lr"], float)
        most = FAR * np.fmax.reduce(np.asarray(history["sharpness"], float), initial=0.0)
        return np.where(found < most, found, np.nan)


def _columns(history: Mapping[str, Sequence[float]], quantity: str) -> dict[str, Array]:
    """The columns of one quantity that hold anything to draw, by part."""
    found = {}
    for part in LOOKS:
        values = np.asarray(history.get(f"{part}_{quantity}", ()), float)
        if ticks.usable(values).size:
            found[part] = np.where(np.abs(values) < ticks.LARGEST, values, np.nan)
    return found


def _metrics(history: Mapping[str, Sequence[float]]) -> list[str]:
    """The metrics that hold anything to draw, in the order of their columns."""
    names: dict[str, None] = {}
    for column in history:
        part, _, name = column.partition("_")
        if part in LOOKS and name != "loss" and _columns(history, name):
            names[name] = None
    return list(names)


def _scale(name: str, columns: Mapping[str, Array]) -> ticks.Scale:
    values = np.concatenate([np.empty(0), *columns.values()])
    if name not in ("loss", "sharpness"):
        return ticks.scale(ticks.without_outliers(values), count=3)
    if ticks.wants_log(values):
        return ticks.scale(values, count=4, log=True)
    return ticks.scale(ticks.without_outliers(values), count=4)


def _epoch_scale(epochs: Array) -> ticks.Scale:
    low, high = (epochs.min(), epochs.max()) if epochs.size else (0.0, 1.0)
    free = 0.5 if low == high else 0.015 * (high - low)
    return ticks.linear(low - free, high + free, count=5, least_step=1.0)


def _draw_sharpness(
    axes: Any, epochs: Array, columns: Mapping[str, Array], scale: ticks.Scale, limit: float | None
) -> None:
    _draw_grid(axes, scale)
    measured = np.isfinite(columns["sharpness"])
    marker = {"marker": "o", "markersize": 3.5} if measured.sum() <= FEW else {}
    line = {"color": SHARPNESS, "linewidth": 1.5}
    axes.plot(epochs[measured], columns["sharpness"][measured], **line, **marker)
    shown = ticks.usable(columns.get("limit", np.empty(0)))
    if limit is not None and shown.size:
        axes.plot(epochs, columns["limit"], color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        place = {"va": "center", "transform": axes.get_yaxis_transform()}
        axes.text(1.012, shown[-1], f"{limit:.3g}/lr", color=INK, **place)


def _draw_grid(axes: Any, scale: ticks.Scale) -> None:
    scale.apply(axes.yaxis)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)


def _draw(axes: Any, epochs: Array, columns: Mapping[str, Array], scale: ticks.Scale) -> None:
    _draw_grid(axes, scale)
    for part, values in columns.items():
        look = LOOKS[part]
        line = {"color": look.colour, "linestyle": look.dashes, "linewidth": 1.5}
        if len(epochs) > MANY:
            axes.plot(epochs, values, color=look.colour, linewidth=0.7, alpha=0.35)
            axes.plot(*_running_median(epochs, values), **line)
        else:
            marked = np.arange(len(epochs)) if len(epochs) <= FEW else _alone(values)
            marker = {"marker": look.marker, "markersize": 3.5, "markevery": marked.tolist()}
            axes.plot(epochs, values, **line, **marker)
    if not columns:
        where = {"ha": "center", "va": "center", "color": FAINT}
        axes.text(0.5, 0.5, "no finite values", transform=axes.transAxes, **where)


def _alone(values: Array) -> Array:
    """Indices of values between two gaps, which no line would show."""
    gap = np.concatenate([[True], np.isnan(values), [True]])
    return np.flatnonzero(~gap[1:-1] & gap[:-2] & gap[2:])


def _running_median(epochs: Array, values: Array) -> tuple[Array, Array]:
    """Medians over a fortieth of the epochs around each of up to 400 of them."""
    epochs, values = epochs[~np.isnan(values)], values[~np.isnan(values)]
    reach = len(values) // 80
    centres = np.unique(np.linspace(0, len(values) - 1, 400).astype(int))
    medians = [np.median(values[max(0, c - reach) : c + reach + 1]) for c in centres]
    return epochs[centres], np.array(medians)


def _name_lines(axes: Any, epochs: Array, columns: Mapping[str, Array], height: float) -> None:
    """Names to the right of the lines' ends, pushed apart where they would touch."""
    apart = 1.35 * TEXT / 72 / height
    ends = {}
    for part, values in columns.items():
        line = _running_median(epochs, values)[1] if len(epochs) > MANY else values
        last = line[np.isfinite(line)][-1]
        _, pixel = axes.transData.transform((1.0, last))
        ends[part] = float(axes.transAxes.inverted().transform((0.0, pixel))[1])
    if len(ends) == 2 and abs(ends["train"] - ends["validation"]) < apart:
        middle = sum(ends.values()) / 2
        up = 1 if ends["train"] > ends["validation"] else -1
        ends = {
            "train": middle + up * apart / 2,
            "validation": middle - up * apart / 2,
        }
    for part, y in ends.items():
        look = LOOKS[part]
        axes.text(1.012, y, look.label, color=look.colour, va="center", transform=axes.transAxes)


def _mark_best(
    axes: Any, epochs: Array, columns: Mapping[str, Array], best_epoch: int | None
) -> None:
    if best_epoch is None or best_epoch not in epochs:
        return
    axes.axvline(best_epoch, color=FAINT, linewidth=0.8, zorder=1)
    part = "validation" if "validation" in columns else "train"
    if part in columns:
        value = columns[part][epochs == best_epoch]
        look = LOOKS[part]
        axes.plot(
            [best_epoch],
            value,
            look.marker,
            color=look.colour,
            markersize=6,
            markeredgecolor="white",
            markeredgewidth=1.0,
            zorder=4,
        )


def _say_best(
    figure: Figure,
    epochs: Array,
    columns: Mapping[str, Array],
    best_epoch: int | None,
    horizontal: ticks.Scale,
    frame: tuple[float, float, float],
) -> None:
    """The best epoch in words over the frame, where no curve can reach them."""
    if best_epoch is None or best_epoch not in epochs:
        return
    text = f"best: epoch {best_epoch}"
    if "validation" in columns:
        text += f", validation loss {columns['validation'][epochs == best_epoch][0]:#.4g}"
    left, top, width = frame
    share = (best_epoch - horizontal.low) / (horizontal.high - horizontal.low)
    wide = text_width(text, SMALL)
    x = min(max(left + share * width - wide / 2, left), left + width - wide)
    add_text(figure, x, top + 0.05, text, size=SMALL, color=INK, va="bottom")


def _remarks(
    epochs: Array,
    history: Mapping[str, Sequence[float]],
    panels: Mapping[str, Mapping[str, Array]],
    scales: Sequence[ticks.Scale],
    left_out: Sequence[str],
) -> list[str]:
    """What the reader must know besides.

    Lost losses, smoothed lines, values out of sight, axes that show little of their values,
    and metrics that are left out.
    """
    remarks = []
    if len(epochs) > MANY:
        remarks.append("thick lines: running median")
    lost = ~np.isfinite(np.asarray(history.get("train_loss", ()), float))
    if lost.any():
        remarks.append(f"training loss not finite in epoch {epochs[lost.argmax()]:.0f}")
    outside = 0
    for columns, scale in zip(panels.values(), scales, strict=True):
        outside += sum(int(((v < scale.low) | (v > scale.high)).sum()) for v in columns.values())
    if outside:
        remarks.append(f"values beyond the axis: {outside}")
    for name, scale in zip(panels, scales, strict=True):
        if scale.spread is not None:
            share = ticks.percent(scale.spread)
            remarks.append(f"the {plain(name)} axis spans {share} of its values")
    if left_out:
        remarks.append(f"not drawn: {', '.join(map(plain, left_out))}")
    return remarks


def _lines(remarks: Sequence[str], width: float) -> list[str]:
    """Remarks with semicolons between them, in lines of at most `width` inches."""
    lines: list[str] = []
    for word in "; ".join(remarks).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, SMALL) <= width:
            lines[-1] = longer
        else:
            lines.append(elided(word, width, SMALL))
    return lines
