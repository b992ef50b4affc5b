"""Inputs: what the numbers of an input row are."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Inputs:
    """The D numbers of an input row: columns, or the pixels of an image.

    size: D. image: channels, height and width, where they are pixels, channel by channel and
    line by line; their product is D.
    """

    size: int
    image: tuple[int, ...] | None = None

    @classmethod
    def pixels(cls, *image: int) -> Inputs:
        """Those of an image of so many channels, of this height and width."""
        return cls(math.prod(image), image)
