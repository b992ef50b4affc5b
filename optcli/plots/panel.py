"""Panel: the frame of a comparison's pictures, one panel with the names to its right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optcli.plots import ticks
from optcli.plots.looks import looks
from optcli.plots.style import (
    INK,
    SMALL,
    TEXT,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    elided,
    new_figure,
    text_width,
)

HEIGHT, TOP, BOTTOM = 3.9, 0.46, 0.52
NAMES = 1.5  # inches at the right, at most
PITCH = 0.19
FOOT = 0.2  # for a line on what the marks are
GREY = "#5A5A5A"


class Panel:
    """A figure with one panel, and the names to its right, best first."""

    def __init__(
        self,
        labels: Sequence[str],
        title: str,
        notes: Mapping[str, str] | None,
        optimizers: Mapping[str, str] | None,
        *,
        foot: bool = False,
    ) -> None:
        self.looks = looks(labels, optimizers)
        lines = 1 + bool(notes)
        self.labels, self.title, self.notes = labels, title, notes or {}
        self.bottom = BOTTOM + (FOOT if foot else 0.0)
        self.pitch = PITCH * (1 + 0.72 * (lines - 1))
        self.height = max(HEIGHT, TOP + self.bottom + self.pitch * len(labels))
        said = [*labels, *self.notes.values()]
        self.room = min(NAMES, 0.36 + max((text_width(t, SMALL) for t in said), default=0))
        self.figure = new_figure(WIDTH, self.height)
        self.strip: Any = None

    def draw_axes(
        self,
        scale: ticks.Scale,
        across: ticks.Scale,
        quantity: str,
        higher: bool = False,
        *,
        strip: float = 0.0,
    ) -> Any:
        """The panel; strip: inches above it for what diverged."""
        widest = max((text_width(label, SMALL) for label in scale.labels), default=0.0)
        left = 0.44 + widest
        width = WIDTH - left - self.room - 0.2
        tall = self.height - TOP - self.bottom - strip
        add_title(self.figure, left, self.title)
        axes = add_axes(self.figure, left, self.bottom, width, tall)
        scale.apply(axes.yaxis)
        across.apply(axes.xaxis)
        axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
        axes.set_axisbelow(True)
        what = f"{quantity}, higher is better" if higher else quantity
        axes.set_ylabel(elided(scale.named(what), tall, TEXT))
        axes.yaxis.set_label_coords(-(left - 0.18) / width, 0.5)
        if strip:
            self.strip = add_axes(self.figure, left, self.bottom + tall + 0.06, width, strip - 0.06)
            scale_of = {"xscale": "log"} if across.log else {}
            self.strip.set(**scale_of, xlim=(across.low, across.high), ylim=(0, 1))
            self.strip.set(facecolor="#F4F4F4", xticks=[], yticks=[])
            self.strip.minorticks_off()
            self.strip.spines[:].set_visible(False)
            look = {"size": SMALL - 1, "color": GREY, "va": "center", "ha": "right"}
            text = "diverged"
            self.strip.text(-0.012, 0.5, text, transform=self.strip.transAxes, **look)
        self._names(left + width + 0.16)
        return axes

    def write_foot(self, words: str) -> None:
        """What the marks are, below the axis."""
        look = {"size": SMALL - 1, "color": GREY, "ha": "center", "va": "bottom"}
        text = elided(words, WIDTH - 0.2, SMALL - 1)
        add_text(self.figure, WIDTH / 2, 0.1, text, **look)

    def line(self, label: str) -> dict[str, Any]:
        """How a label's curve is drawn."""
        return self.looks[label].line()

    def diverged(self, lr: float, number: int, count: int, colour: str) -> None:
        """A cross in the strip."""
        height = 1 - (number + 0.5) / count
        cross = {"marker": "x", "markersize": 3.5, "markeredgewidth": 1.1}
        self.strip.plot([lr], [height], color=colour, **cross)

    def _names(self, left: float) -> None:
        from matplotlib.lines import Line2D

        width, height = self.figure.get_size_inches()
        y = self.height - TOP - 0.1
        for label in self.labels:
            ends = [left / width, (left + 0.26) / width]
            look = self.line(label)
            self.figure.add_artist(Line2D([*ends], [y / height] * 2, **look | {"marker": ""}))
            middle = [sum(ends) / 2]
            self.figure.add_artist(Line2D(middle, [y / height], **look | {"linestyle": ""}))
            room = self.room - 0.34
            text = {"size": SMALL, "va": "center", "color": INK}
            add_text(self.figure, left + 0.34, y, elided(label, room, SMALL), **text)
            note = self.notes.get(label)
            if note:
                text = {"size": SMALL - 1, "va": "center", "color": GREY}
                shown = elided(note, room, SMALL - 1)
                add_text(self.figure, left + 0.34, y - 0.13, shown, **text)
            y -= self.pitch
