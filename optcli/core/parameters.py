"""Layout and Parameters: names -> shapes -> views of one contiguous (R, P) buffer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from optcli.core.arrays import Array


@dataclass(frozen=True)
class Layout:
    """Where each named array of one replica lies in its row of P numbers."""

    shapes: Mapping[str, tuple[int, ...]]

    @property
    def size(self) -> int:
        """P, the numbers of one replica."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def slices(self) -> dict[str, slice]:
        """The columns of each array, in the order of the layout."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            found[name] = slice(start, start + math.prod(shape))
            start += math.prod(shape)
        return found

    def views(self, buffer: Array) -> dict[str, Array]:
        """Views of `buffer` (R, P), each of shape (R, *shape); never copies."""
        rows = buffer.shape[0]
        return {
            name: buffer[:, columns].reshape(rows, *self.shapes[name], copy=False)
            for name, columns in self.slices().items()
        }


class Parameters:
    """The parameters of R replicas: one buffer (R, P), and its named views (R, *shape)."""

    def __init__(self, layout: Layout, buffer: Array) -> None:
        self.layout, self.buffer = layout, buffer
        self.views = layout.views(buffer)
