"""Ready: what a process that only draws loads before it is asked."""

from __future__ import annotations

from optcli.plots import drawing, style


def load() -> None:
    """Load matplotlib, and all that it loads when it draws for the first time.

    Without the lists of properties in its docstrings, which take a third of that and which nobody
    reads in such a process.
    """
    with style.style():
        from matplotlib import artist

        artist.kwdoc = lambda artist: ""
        figure = style.new_figure(1, 1)
        style.add_title(figure, 0, "title")
        style.add_axes(figure, 0.2, 0.2, 0.5, 0.5).plot([0, 1])
        drawing.Drawing("", lambda: figure, ()).file("png")
