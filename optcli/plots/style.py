"""Style: the look all pictures share, and how they become bytes.

Lengths are in inches, text sizes in points. Pictures are laid out by hand: it
takes a third of the time of matplotlib's layout engines and is the same every time.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from optcli.plots import fonts
from optcli.storage import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

WIDTH = 6.7  # at DPI 180, 1206 pixels
DPI = 180

# Okabe and Ito's palette, told apart by colour-blind readers, without its yellow, which
# is too pale for white paper; then three of Paul Tol's "muted" colours.
# (jfly.uni-koeln.de/color; personal.sron.nl/~pault)
COLOURS = (
    "#0072B2",  # blue
    "#D55E00",  # vermilion
    "#009E73",  # green
    "#CC79A7",  # pink
    "#E69F00",  # orange
    "#56B4E9",  # sky
    "#000000",  # black
    "#882255",  # wine
    "#999933",  # olive
    "#332288",  # indigo
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")  # 11 for 10 colours
INK = "#222222"
FAINT = "#8A8A8A"

TITLE, TEXT, SMALL = 10.0, 9.0, 8.0

_LOOK = {
    "font.family": [fonts.USUAL],
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,  # class names and titles are user text: `$` is a dollar
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "lines.solid_joinstyle": "round",
    "agg.path.chunksize": 20_000,  # Agg gives up on longer ragged lines
    "svg.hashsalt": "optcli",  # else the ids in an SVG are random
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw in our look, whatever the user's matplotlibrc or MPLBACKEND say."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # no word about a home folder that cannot be written
    try:
        matplotlib = _matplotlib()
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_LOOK)
            yield
    finally:
        log.setLevel(level)


def picture(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in our look, each text in fonts that have its characters."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **keys: P.kwargs) -> Figure:
        with style():
            figure = draw(*args, **keys)
            dress(figure)
            return figure

    return drawn


def dress(figure: Figure) -> None:
    """Give each text the fonts that it needs."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        needed = fonts.families(text.get_text())
        if len(needed) > 1:
            text.set_fontfamily(needed)


def _matplotlib() -> Any:
    """Import matplotlib, which refuses to be imported under a MPLBACKEND it does not know."""
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib

        return matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, `width` × `height` inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, facecolor="white")


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Any:
    """Axes placed in inches from the lower left corner."""
    whole_width, whole_height = figure.get_size_inches()
    place = (
        left / whole_width,
        bottom / whole_height,
        width / whole_width,
        height / whole_height,
    )
    return figure.add_axes(place)


def add_text(figure: Figure, x: float, y: float, text: str, **look: Any) -> Any:
    """Text placed in inches from the lower left corner."""
    width, height = figure.get_size_inches()
    return figure.text(x / width, y / height, text, **look)


def add_title(figure: Figure, left: float, title: str) -> None:
    """The title, cut where the figure ends, at the top over the axes' left edge."""
    width, height = figure.get_size_inches()
    text = elided(title, width - left - 0.1, TITLE)
    add_text(figure, left, height - 0.12, text, size=TITLE, va="top", weight="medium")


def plain(text: str) -> str:
    """User text fit for a picture: one line, no control characters, no lone surrogates.

    Characters that no font has are escaped.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return fonts.drawable("".join(c if c.isprintable() else " " for c in text).strip())


def text_width(text: str, size: float) -> float:
    """How many inches the text takes at `size` points, as it is drawn."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    text = fonts.drawable(text)
    font = FontProperties(size=size, family=fonts.families(text))
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def elided(text: str, inches: float, size: float) -> str:
    """User text, made plain; where it is longer than `inches`, `…` stands for its middle.

    Names that differ at all do so most often at one of their ends.
    """
    text = plain(text)
    if len(text) <= 400 and text_width(text, size) <= inches:
        return text
    low, high = 0, min(len(text), 400)  # how many characters may stay, by bisection
    while low < high:
        kept = (low + high + 1) // 2
        low, high = (
            (kept, high) if text_width(_cut(text, kept), size) <= inches else (low, kept - 1)
        )
    return _cut(text, low)


def _cut(text: str, kept: int) -> str:
    tail = kept * 2 // 5
    return text[: kept - tail].rstrip() + "…" + text[len(text) - tail :].lstrip()


def render(figure: Figure, format: str = "png") -> bytes:  # noqa: A002
    """The picture as a file's content; the same figure gives the same bytes.

    format: `png`, `svg` or `pdf`.
    """
    # what would make two equal pictures differ, or tell the time
    metadata = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }[format]
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=format, metadata=metadata)
    return buffer.getvalue()


def save(figure: Figure, stem: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write `stem.png` (and so on); returns the paths. Raises EnvironmentFailed."""
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in formats]
    for path, kind in zip(paths, formats, strict=True):
        files.write(path, render(figure, kind))
    return paths


def casing() -> list[Any]:
    """A white edge of lines, which keeps those that cross apart."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=2.6, foreground="white", alpha=0.8), Normal()]
