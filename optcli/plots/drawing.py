"""A figure that is to be drawn, by this process or by another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optcli.plots.style import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """What draws it, and of what. stem: the name of its file without the suffix."""

    stem: str
    draw: Callable[..., Figure]
    args: tuple[Any, ...]

    def file(self, kind: str) -> tuple[str, bytes]:
        """Its name and content. kind: `png`, `svg` or `pdf`."""
        return f"{self.stem}.{kind}", render(self.draw(*self.args), kind)
