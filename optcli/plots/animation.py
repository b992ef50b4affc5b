"""Animations: the frames of a figure as the content of a GIF."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.plots.style import dress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAST = 2500  # milliseconds


def progress(count: int) -> Array:
    """The shares of the way that `count` frames show, (count,): slowly at first."""
    return np.linspace(0, 1, count) ** 1.7


def gif(
    figure: Figure,
    moments: Iterable[float],
    draw: Callable[[float], object],
    milliseconds: int,
    colours: Sequence[int] | None = None,
) -> bytes:
    """A figure at some moments, one frame each, as the content of a GIF.

    draw: draws what is there at a moment on the figure without its animated artists.
    milliseconds: of each frame but the last, which stays for 2.5 seconds. colours: at most 256, as
    bytes of red, green and blue; by default those of the last frame.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    dress(figure)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    frames = []
    for moment in moments:
        canvas.restore_region(background)
        draw(moment)
        frames.append(Image.fromarray(np.array(canvas.buffer_rgba())[..., :3]))
    palette = frames[-1].quantize(256)
    if colours is not None:
        palette = Image.new("P", (1, 1))
        palette.putpalette(list(colours))
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    times = [milliseconds] * (len(small) - 1) + [LAST]
    small[0].save(
        buffer, "GIF", save_all=True, append_images=small[1:], duration=times, loop=0, disposal=1
    )
    return buffer.getvalue()
