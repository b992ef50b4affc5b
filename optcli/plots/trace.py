"""The map of a trace: an objective with the paths on it, and the loss of each by step.

Every path has a colour and a number. The number stands in a badge on the map, on the loss
curve and beside the name, so that a dozen paths are told apart in print and by the
colour-blind, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import contours, ticks
from optcli.plots.animation import gif, progress
from optcli.plots.looks import Look, looks
from optcli.plots.style import (
    FAINT,
    INK,
    SMALL,
    TEXT,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    casing,
    elided,
    new_figure,
    picture,
    style,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.objectives.base import Objective
    from optcli.training.trace import Path, Trace

LEFT, MAP, TOP, GAP, PANEL, BOTTOM = 0.62, 4.25, 0.42, 0.5, 1.45, 0.48
NAMES = 0.2  # inches between the map and the names
MOST_NAMES = 40
LEAST = 1e-8  # of the first loss: what is lower is out of sight
FRAMES, FRAME = 70, 70  # of the animation, milliseconds each
ANIMATION_DPI = 110


@picture
def trace_map(trace: Trace, title: str = "") -> Figure:
    """The paths on the objective's contours, the loss of each against the step, the names.

    Of an objective of more than two numbers there is no map. Contours enclose equal shares
    of the picture, as heights differ too much. What leaves the picture is cut at its edge,
    with an arrow.
    """
    drawing = _Picture(trace, title)
    for mark, path in zip(drawing.marks, trace.paths, strict=True):
        drawing.draw(mark, path)
    drawing.badges()
    return drawing.figure


@style()
def trace_animation(trace: Trace, title: str = "") -> bytes:
    """The same as a GIF in which the paths grow; its content."""
    drawing = _Picture(trace, title)
    drawing.figure.set_dpi(ANIMATION_DPI)
    marked = zip(drawing.marks, trace.paths, strict=True)
    moving = [drawing.draw(mark, path, moving=True) for mark, path in marked]

    def draw(step: float) -> None:
        for growing in reversed(moving):  # the best on top
            growing.lines(int(step))
        for growing in reversed(moving):
            growing.heads(int(step))

    steps = np.unique(np.round(int(drawing.last) * progress(FRAMES)).astype(int))
    return gif(drawing.figure, steps, draw, FRAME, _gif_colours(drawing.marks))


@dataclass(frozen=True)
class Mark:
    """A path's number, from 0, and how its optimizer is drawn."""

    number: int
    look: Look


@dataclass
class _Moving:
    """The lines and the badges of one path, which are drawn up to a step."""

    artists: list[tuple[Any, Any, Any, Array]]  # axes, line, badge, points (T + 1, 2)

    def lines(self, step: int) -> None:
        for axes, line, _, points in self.artists:
            line.set_data(*points[: step + 1].T)
            axes.draw_artist(line)

    def heads(self, step: int) -> None:
        for axes, _, (disc, number), points in self.artists:
            head = points[min(step, len(points) - 1)]
            if np.isfinite(head).all() and _inside(head[None], axes)[0]:
                disc.set_data([head[0]], [head[1]])
                number.set_position(head)
                axes.draw_artist(disc)
                axes.draw_artist(number)


class _Picture:
    """The figure with its panels and names, and ways to draw a path on them."""

    def __init__(self, trace: Trace, title: str) -> None:
        self.trace = trace
        owners = {path.label: path.entry.optimizer.name for path in trace.paths}
        own = looks([path.label for path in trace.paths], owners)
        self.marks = [Mark(number, own[path.label]) for number, path in enumerate(trace.paths)]
        planar = trace.objective.size == 2
        height = TOP + (MAP + GAP) * planar + PANEL + BOTTOM
        names = len(trace.paths[:MOST_NAMES]) + (len(trace.paths) > MOST_NAMES)
        height = max(height, TOP + 0.16 * (names + 1) + 0.2)
        self.figure = new_figure(WIDTH, height)
        add_title(self.figure, LEFT, title)
        self.map: Any = None
        top = height - TOP
        if planar:
            self.map = add_axes(self.figure, LEFT, top - MAP, MAP, MAP)
            _land(self.map, trace)
            top -= MAP + GAP
        self.panel = add_axes(self.figure, LEFT, top - PANEL, MAP, PANEL)
        self.above = [_above(trace.objective, path) for path in trace.paths]
        self.last = _last(self.above)
        _loss_axes(self.panel, self.above, self.last, trace.objective.lowest)
        self._names(height - TOP, names)

    def draw(self, mark: Mark, path: Path, *, moving: bool = False) -> _Moving:
        """The path on the map and its loss on the panel."""
        steps = np.arange(len(path.loss))
        places = [(self.panel, np.stack([steps, self.above[mark.number]], axis=1))]
        if self.map is not None:
            places.insert(0, (self.map, _bounded(path.x, self.map)))
        artists = []
        for axes, points in places:
            look = {"color": mark.look.colour, "linestyle": mark.look.strokes}
            look["linewidth"] = 1.4 if len(self.trace.paths) <= 6 else 1.1
            order = 4 - mark.number / 100  # the best on top
            (line,) = axes.plot(*points.T, **look, zorder=order, animated=moving)
            if axes is self.map and not moving:
                line.set_path_effects(casing())
                _mark_exits(axes, points, mark.look.colour)
                _mark_end(axes, points, mark.look.colour)
            badge = _badge(axes, mark, moving) if moving else None
            artists.append((axes, line, badge, points))
        return _Moving(artists)

    def badges(self) -> None:
        """A badge for each path on map and panel, where it is clear of the others."""
        for axes in (self.map, self.panel):
            if axes is None:
                continue
            lines = [line for line in axes.lines if line.get_gid() is None]
            curves = [_inches(np.stack(line.get_data(), axis=1), axes) for line in lines]
            land = [line.get_data() for line in axes.lines if line.get_gid() == "land"]
            marks = [_inches(np.stack(each, axis=1), axes) for each in land]
            feet = self._reached(curves) if axes is self.panel else [None] * len(curves)
            spots = _spots(curves, axes, marks, feet)
            for mark, (at, spot) in zip(self.marks, spots, strict=True):
                if at is None or spot is None:
                    continue
                place, foot = _data(np.stack([spot, at]), axes)
                if math.dist(spot, at) > 0.01:
                    axes.plot(
                        *np.stack([foot, place]).T,
                        color=mark.look.colour,
                        linewidth=0.6,
                        gid="leader",
                    )
                disc, text = _badge(axes, mark)
                disc.set_data([place[0]], [place[1]])
                text.set_position(place)

    def _reached(self, curves: Sequence[Array]) -> list[Array | None]:
        """The point (2,) of each curve, in inches, at the step where its path arrived."""
        paths = self.trace.paths
        return [
            None if path.reached is None or path.reached >= len(curve) else curve[path.reached]
            for path, curve in zip(paths, curves, strict=True)
        ]

    def _names(self, top: float, count: int) -> None:
        """Number, name, and what became of each, to the right of the panels."""
        paths = self.trace.paths[:MOST_NAMES]
        left = LEFT + MAP + NAMES
        room = WIDTH - left - 0.32
        whole = top - BOTTOM - 0.1
        pitch = min(0.36, (whole - 0.3) / count)
        y = top - 0.1
        for mark, path in zip(self.marks, paths, strict=False):
            self._name_badge(left + 0.09, y, mark)
            look = {"size": SMALL, "va": "center", "color": INK}
            add_text(self.figure, left + 0.26, y, _named(path, room), **look)
            if pitch >= 0.26:
                look = {"size": SMALL - 1, "va": "center", "color": "#5A5A5A"}
                text = elided(_said(path), room, SMALL - 1)
                add_text(self.figure, left + 0.26, y - 0.135, text, **look)
            y -= pitch
        if len(paths) < len(self.trace.paths):
            more = f"and {len(self.trace.paths) - len(paths)} more"
            add_text(self.figure, left + 0.26, y, more, size=SMALL, va="center", color=FAINT)
            y -= pitch
        if self.map is not None:
            marks = "★ minimum   ○ start" if len(self.trace.objective.minima) else "○ start"
            look = {"size": SMALL - 1, "va": "center", "color": "#5A5A5A"}
            add_text(self.figure, left, y - 0.05, marks, **look)

    def _name_badge(self, x: float, y: float, mark: Mark) -> None:
        from matplotlib.lines import Line2D

        width, height = self.figure.get_size_inches()
        at = (x / width, y / height)
        ends = [at[0] - 0.15 / width, at[0] + 0.13 / width]
        look: dict[str, Any] = {"linestyle": mark.look.strokes, "color": mark.look.colour}
        self.figure.add_artist(Line2D(ends, [at[1]] * 2, linewidth=1.4, **look))
        self.figure.add_artist(Line2D([at[0]], [at[1]], **_disc(mark)))
        self.figure.text(*at, str(mark.number + 1), **_digits(mark))


def _gif_colours(marks: Sequence[Mark]) -> list[int]:
    """At most 256 colours, as bytes: greys, and each path's with its blends into the paper."""
    greys = [(0.97 * g, 0.985 * g, g) for g in np.linspace(0, 255, 72)] + [(255.0,) * 3]
    own = np.array(
        [_channels(colour) for colour in dict.fromkeys(mark.look.colour for mark in marks)]
    )
    paper = np.array([236.0, 239.0, 243.0])
    blends = [c + share * (paper - c) for share in np.linspace(0, 0.9, 15) for c in own]
    colours = [*greys, *blends][:256]
    return [round(float(channel)) for colour in colours for channel in colour]


# ---- the map -------------------------------------------------------------------------


def _land(axes: Any, trace: Trace) -> None:
    """Contours, the start and the minima."""
    objective, start = trace.objective, trace.start
    scales = []
    for axis, domain, at in zip("xy", objective.domain, start, strict=True):
        scales.append(ticks.linear(*contours.shown_range(domain, at), count=5))
        axes.set(**{f"{axis}label": axis})
    wide, high = ((scale.low, scale.high) for scale in scales)
    x, y, height, levels = contours.ground(objective, wide, high)
    # the lower the darker, so that the eye finds the bottom
    greys = [(0.97 * g, 0.985 * g, g) for g in np.linspace(0.8, 1.0, len(levels) - 1)]
    axes.contourf(x, y, height, levels, colors=greys, zorder=0)
    axes.contour(x, y, height, levels[1:-1], colors="#A9B2BC", linewidths=0.4, zorder=1)
    for scale, axis in zip(scales, (axes.xaxis, axes.yaxis), strict=True):
        scale.apply(axis)
    axes.yaxis.set_label_coords(-0.44 / MAP, 0.5)
    mark = {"linestyle": "", "gid": "land", "zorder": 7}  # above the ends of paths
    star = {"markerfacecolor": "white", "markeredgecolor": INK, "markeredgewidth": 0.9}
    axes.plot(*objective.minima.T, marker="*", markersize=11, **star, **mark)
    axes.plot([start[0]], [start[1]], marker="o", markersize=6.5, **star, **mark)


def _bounded(x: Array, axes: Any) -> Array:
    """The points (T + 1, 2) as far as an axis can draw them: cut after the first far one."""
    middle, reach = _box(axes)
    far = ~(np.abs(x - middle) <= 50 * reach).all(axis=1)
    if not far.any():
        return x
    first = int(far.argmax())
    kept = x[: first + 1].copy()
    # of the far one the direction is enough, where it has one
    step = kept[-1] - kept[-2]
    length = float(np.hypot(*step))
    if not math.isfinite(length):
        return kept[:-1]
    kept[-1] = kept[-2] + step / length * 50 * float(reach.max())
    return kept


def _box(axes: Any) -> tuple[Array, Array]:
    """Middle and half the size of what an axes shows."""
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    return limits.mean(axis=1), np.abs(np.diff(limits, axis=1)[:, 0]) / 2


def _inside(points: Array, axes: Any) -> Array:
    low, high = np.sort(np.array([axes.get_xlim(), axes.get_ylim()]), axis=1).T
    found: Array = ((points >= low) & (points <= high)).all(axis=1)
    return found


def _mark_exits(axes: Any, points: Array, colour: str) -> None:
    """An arrow at the edge, the first few times that a path leaves the picture."""
    inside = _inside(points, axes)
    middle, reach = _box(axes)
    for i in np.flatnonzero(inside[:-1] & ~inside[1:])[:3]:
        a, b = (points[i] - middle) / reach, (points[i + 1] - middle) / reach
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(b > 1, (1 - a) / (b - a), np.where(b < -1, (-1 - a) / (b - a), 2))
        edge = a + shares.min() * (b - a)
        angle = math.degrees(math.atan2(*(b - a)[::-1])) - 90
        axes.plot(
            *(middle + edge * reach)[:, None],
            marker=(3, 0, angle),
            markersize=8,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=0.6,
            clip_on=False,
            zorder=6,
            gid="mark",
        )


def _mark_end(axes: Any, points: Array, colour: str) -> None:
    if _inside(points[-1:], axes)[0]:
        axes.plot(
            *points[-1:].T,
            marker="o",
            markersize=4,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=6,
            gid="mark",
        )


# ---- the losses ----------------------------------------------------------------------


def _above(objective: Objective, path: Path) -> Array:
    """How far the loss is above the least one; what is not finite or below is a gap."""
    above = path.loss - objective.lowest
    return np.where((above > 0) & (above < ticks.LARGEST), above, np.nan)


def _last(above: Sequence[Array]) -> float:
    """The step until which there is something to see."""
    steps = max(len(each) for each in above) - 1
    seen = [np.flatnonzero(each > LEAST * each[0]) for each in above]
    last = max((int(found[-1]) for found in seen if len(found)), default=steps)
    return float(min(steps, max(10, math.ceil(1.08 * last))))


def _loss_axes(axes: Any, above: Sequence[Array], last: float, lowest: float) -> None:
    first = max(float(each[0]) for each in above)
    with np.errstate(invalid="ignore"):
        values = np.concatenate([each[: int(last) + 1] for each in above])
        shown = values[(values > LEAST * first) & (values < 1e3 * first)]
    scale = ticks.scale(shown, count=4, log=ticks.wants_log(shown))
    scale.apply(axes.yaxis)
    ticks.linear(0, last, count=5, least_step=1.0).apply(axes.xaxis)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("step")
    what = "loss" if lowest == 0 else "loss − least"
    axes.set_ylabel(elided(f"{what} (log)" if scale.log else what, PANEL, TEXT))
    axes.yaxis.set_label_coords(-0.44 / MAP, 0.5)


# ---- badges --------------------------------------------------------------------------


def _channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour, in [0, 255]."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _disc(mark: Mark) -> dict[str, Any]:
    return {
        "marker": "o",
        "markersize": 10,
        "linestyle": "",
        "markerfacecolor": mark.look.colour,
        "markeredgecolor": "white",
        "markeredgewidth": 0.8,
    }


def _digits(mark: Mark) -> dict[str, Any]:
    """White figures, or dark ones on a light colour."""
    red, green, blue = _channels(mark.look.colour)
    light = 0.3 * red + 0.59 * green + 0.11 * blue > 140
    return {
        "color": INK if light else "white",
        "size": 6.5,
        "weight": "bold",
        "ha": "center",
        "va": "center_baseline",
    }


def _badge(axes: Any, mark: Mark, moving: bool = False) -> tuple[Any, Any]:
    (disc,) = axes.plot([], [], **_disc(mark), zorder=8, gid="badge", animated=moving)
    text = axes.text(0, 0, str(mark.number + 1), **_digits(mark), zorder=9, animated=moving)
    text.set_clip_on(True)
    return disc, text


def _inches(points: Array, axes: Any) -> Array:
    """Places on the axes in inches, for points that its data has."""
    dpi = axes.figure.dpi
    with np.errstate(invalid="ignore", divide="ignore"):
        places: Array = np.asarray(axes.transData.transform(points)) / dpi
    return places


def _data(places: Array, axes: Any) -> Array:
    return np.asarray(axes.transData.inverted().transform(places * axes.figure.dpi))


def _spots(
    curves: Sequence[Array], axes: Any, marks: Sequence[Array], feet: Sequence[Array | None]
) -> list[tuple[Array | None, Array | None]]:
    """For each curve (in inches) the point that its badge is for, and where the badge stands.

    As far from other curves, badges and marks as can be; beside the curve only where there
    is no room on it. feet: the point that a badge must be for, where that is given.
    """
    corners = np.asarray(axes.transAxes.transform([(0, 0), (1, 1)])) / axes.figure.dpi
    sampled = [_sampled(curve, corners) for curve in curves]
    angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    offsets = np.concatenate([[[0.0, 0.0]], 0.24 * ring, 0.42 * ring, 0.62 * ring])
    found: list[tuple[Array | None, Array | None]] = []
    badges: list[Array] = []
    for i, own in enumerate(sampled):
        if not len(own):
            found.append((None, None))
            continue
        foot = feet[i]
        places = own[:: 1 + len(own) // 20]
        if foot is not None and ((foot >= corners[0]) & (foot <= corners[1])).all():
            places = foot[None]
        spots = (places[:, None] + offsets).reshape(-1, 2)
        others = [each for j, each in enumerate(sampled) if j != i and len(each)]
        clear = np.minimum(_nearest(spots, others), 0.35)
        apart = _nearest(spots, [np.array(badges)]) if badges else np.full(len(spots), 1.0)
        beside = np.tile(np.hypot(*offsets.T), len(places))
        off = ((spots < corners[0] + 0.08) | (spots > corners[1] - 0.08)).any(axis=1)
        hides = _nearest(spots, marks) < 0.2
        score = clear - 0.35 * beside - 10 * (apart < 0.17) - 10 * off - 5 * hides
        best = int(score.argmax())
        badges.append(spots[best])
        found.append((places[best // len(offsets)], spots[best]))
    return found


def _sampled(curve: Array, corners: Array) -> Array:
    """Up to 300 places along a curve, evenly spaced, inside the axes."""
    curve = curve[np.isfinite(curve).all(axis=1)]
    if len(curve) < 2:
        return curve
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    along = np.linspace(0, way[-1], 150 if way[-1] < 20 else 2000)
    places = np.stack([np.interp(along, way, coordinate) for coordinate in curve.T], axis=1)
    seen: Array = places[((places >= corners[0]) & (places <= corners[1])).all(axis=1)]
    return seen[:: 1 + len(seen) // 300]


def _nearest(places: Array, others: Sequence[Array]) -> Array:
    """The distance of each place (M, 2) to the nearest of all others."""
    if not others:
        return np.full(len(places), 1.0)
    points = np.concatenate(others)
    across, upward = (places[:, i, None] - points[:, i] for i in (0, 1))
    found: Array = np.sqrt((across * across + upward * upward).min(axis=1))
    return found


# ---- words ---------------------------------------------------------------------------


def _named(path: Path, room: float) -> str:
    """The label, with the learning rate where it does not say it and there is room."""
    whole = f"{path.label}, lr {path.lr:.3g}"
    fits = "lr=" not in path.label and text_width(whole, SMALL) <= room
    return whole if fits else elided(path.label, room, SMALL)


def _said(path: Path) -> str:
    """What became of it."""
    return path.outcome if path.reached is None else f"reached in {path.reached:,} steps"
