"""Batches: the rows of an epoch in their order, gathered a block of batches at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import generator
from optcli.data.preparation import Part
from optcli.storage import files

# Of a streamed part: rows that are read together, and bytes that are shuffled together.
BLOCK_ROWS = 1 << 14
WINDOW_BYTES = 1 << 24
# A block of gathered features stays in the cache from the gathering to its use.
BLOCK_BYTES = 1 << 20
# Features that are never shuffled are gathered once and kept, up to so many bytes.
KEPT_BYTES = 1 << 23


@dataclass(frozen=True)
class Source:
    """Where one replica's rows come from: a part of the data, and the seed of its order."""

    part: Part
    seed: int


@dataclass(frozen=True)
class Windows:
    """How the rows of a streamed part are shuffled; the same in any company.

    The blocks of an epoch come in a new order, what is left of the rows last; those of a
    window are shuffled together. Both are multiples of a batch.
    """

    block: int
    window: int

    @classmethod
    def of(cls, part: Part, rows: int) -> Windows:
        """For batches of so many rows."""
        most = max(1, WINDOW_BYTES // max(1, part.x.shape[1] * part.x.itemsize))
        block = rows * max(1, min(BLOCK_ROWS, most // 8) // rows)
        return cls(block, block * max(1, most // block))

    def note(self, total: int, *, shuffle: bool) -> str:
        """What is done, in a sentence."""
        text = f"streamed: {total:,} rows in {-(-total // self.block):,} blocks"
        if not shuffle:
            return f"{text}; in the order of the file"
        return f"{text}, in a new order every epoch; shuffled within {self.window:,} rows"


class Batch(NamedTuple):
    """Rows start to stop of an epoch's order: x (S, B, D), y (S, B) or (S, B, C), w (S, B).

    S is 1 where all replicas see the same rows in the same order, else R. The
    arrays are views, overwritten when the next batch is taken.
    """

    start: int
    stop: int
    x: Array
    y: Array
    weight: Array | None

    def pieces(self, rows: int) -> Iterator[Batch]:
        """The batch in pieces of so many rows, the last of which may be smaller."""
        for start in range(0, self.stop - self.start, rows):
            stop = min(start + rows, self.stop - self.start)
            yield Batch(
                self.start + start,
                self.start + stop,
                self.x[:, start:stop],
                self.y[:, start:stop],
                None if self.weight is None else self.weight[:, start:stop],
            )


class Batches:
    """Epoch after epoch over the rows of R sources, all of which have N rows.

    An epoch visits each row once, B at a time; the last batch may be smaller.
    With shuffle, the order of an epoch follows from the source's seed and the
    epoch's number alone; without, it is the order of the data. Streamed parts
    are shuffled as `Windows` says.
    """

    def __init__(self, sources: Sequence[Source], rows: int, *, shuffle: bool) -> None:
        self.sources, self.shuffle = sources, shuffle
        self.total = len(sources[0].part.x)
        self.rows = min(rows, self.total)
        self.steps = -(-self.total // self.rows)
        # Sources alike are gathered once: the same part, in the same order.
        firsts: dict[tuple[int, int], int] = {}
        keys = [(id(s.part), s.seed if shuffle else 0) for s in sources]
        self.owner = [firsts.setdefault(key, row) for row, key in enumerate(keys)]
        self.firsts = list(firsts.values())
        self.count = 1 if len(firsts) == 1 else len(sources)

        first = sources[0].part
        self.windows = Windows.of(first, self.rows) if first.streamed else None
        weight, row_bytes = first.weight, self.count * first.x.shape[1] * first.x.itemsize
        if self.windows is not None:
            self.block = min(self.windows.window, self.total)
        else:
            self.block = self.rows * max(1, BLOCK_BYTES // max(1, self.rows * row_bytes))
            self.block = min(self.block, self.total)
            if not shuffle and self.total * row_bytes <= KEPT_BYTES:
                self.block = self.total
        targets = self.total if self.windows is None else self.block
        self._y = np.empty((self.count, targets, *first.y.shape[1:]), first.y.dtype)
        self._weight = None if weight is None else np.empty((self.count, targets), weight.dtype)
        self._epoch = 0  # whose targets these are, where they are not streamed
        self._gathered = False  # whether all features stand in `_x`, never to be shuffled
        self._x: Array | None = None
        if shuffle or self.count > 1 or self.windows is not None:
            self._x = np.empty((self.count, self.block, first.x.shape[1]), first.x.dtype)
        self._read: Array | None = None
        if shuffle and self._x is not None and self.windows is not None:
            self._read = np.empty_like(self._x[0])

    def epoch(self, number: int, step: int = 0) -> Iterator[Batch]:
        """The batches of epoch `number` (from 1), from its `step`-th (from 0) on."""
        if self.windows is not None:
            yield from self._streamed(self.windows, number, step)
            return
        orders = self._orders(number)
        y, weight = self.targets(number, orders)
        for block in range(step * self.rows // self.block * self.block, self.total, self.block):
            x = self._features(orders, block)
            for start in range(block, min(block + self.block, self.total), self.rows):
                stop = min(start + self.rows, self.total)
                if start >= step * self.rows:
                    yield Batch(
                        start,
                        stop,
                        x[:, start - block : stop - block],
                        y[:, start:stop],
                        None if weight is None else weight[:, start:stop],
                    )

    def _streamed(self, windows: Windows, number: int, step: int) -> Iterator[Batch]:
        """The batches of an epoch, a window of rows after the other."""
        order = {
            first: generator(self.sources[first].seed, "order", number).permutation(
                self.total // windows.block
            )
            for first in self.firsts
            if self.shuffle
        }
        assert self._x is not None
        for window in range(step * self.rows // self.block * self.block, self.total, self.block):
            end = min(window + self.block, self.total)
            files.release_mapped()
            for row, owner in enumerate(self.owner[: self.count]):
                if owner == row:
                    self._fill(row, order.get(owner), windows, number, window, end)
                else:
                    for kept in (self._x, self._y, self._weight):
                        if kept is not None:
                            kept[row] = kept[owner]
            for start in range(max(window, step * self.rows), end, self.rows):
                stop = min(start + self.rows, end)
                low, high = start - window, stop - window
                weight = None if self._weight is None else self._weight[:, low:high]
                yield Batch(start, stop, self._x[:, low:high], self._y[:, low:high], weight)

    def _fill(
        self, row: int, order: Array | None, windows: Windows, number: int, start: int, stop: int
    ) -> None:
        """Read the rows of a window and shuffle them."""
        source, count = self.sources[row], stop - start
        part, size = source.part, windows.block
        assert self._x is not None
        x, y = self._x[row, :count], self._y[row, :count]
        places = np.arange(start, stop)
        if order is not None:
            own = order[start // size : stop // size]
            places[: len(own) * size] = (own[:, None] * size + np.arange(size)).ravel()
        read = x if self._read is None else self._read[:count]
        for low in range(0, count, size):
            high = min(low + size, count)
            read[low:high] = part.x[places[low] : places[high - 1] + 1]
        if order is not None:
            rng = generator(source.seed, "order", number, 1 + start // self.block)
            shuffled = rng.permutation(count)
            read.take(shuffled, 0, x, "clip")
            places = places[shuffled]
        y[:] = part.y[places]
        if self._weight is not None and part.weight is not None:
            self._weight[row, :count] = part.weight[places]

    def targets(
        self, number: int, orders: dict[int, Array | None] | None = None
    ) -> tuple[Array, Array | None]:
        """Targets (S, N) or (S, N, C), and weights (S, N), in the order of epoch `number`."""
        if number == self._epoch or (self._epoch and not self.shuffle):
            return self._y, self._weight
        orders = self._orders(number) if orders is None else orders
        for row, owner in enumerate(self.owner[: self.count]):
            if owner != row:
                self._y[row] = self._y[owner]
                if self._weight is not None:
                    self._weight[row] = self._weight[owner]
                continue
            part, order = self.sources[owner].part, orders[owner]
            self._y[row] = part.y if order is None else part.y[order]
            if self._weight is not None and part.weight is not None:
                self._weight[row] = part.weight if order is None else part.weight[order]
        self._epoch = number
        return self._y, self._weight

    def order(self, number: int) -> Array:
        """The indices (S, N) of the rows in the order of epoch `number`."""
        orders = self._orders(number)
        usual = np.arange(self.total)
        found = [orders[owner] for owner in self.owner[: self.count]]
        return np.stack([usual if order is None else order for order in found])

    def _orders(self, number: int) -> dict[int, Array | None]:
        if not self.shuffle:
            return dict.fromkeys(self.firsts)
        return {
            first: generator(self.sources[first].seed, "order", number).permutation(self.total)
            for first in self.firsts
        }

    def _features(self, orders: dict[int, Array | None], start: int) -> Array:
        if self._x is None:
            return self.sources[0].part.x[None, start : start + self.block]
        if self._gathered:
            return self._x
        stop = min(start + self.block, self.total)
        for row, owner in enumerate(self.owner[: self.count]):
            out = self._x[row, : stop - start]
            order, x = orders[owner], self.sources[owner].part.x
            if owner != row:
                out[:] = self._x[owner, : stop - start]
            elif order is None:
                out[:] = x[start:stop]
            else:
                x.take(order[start:stop], 0, out, "clip")
        self._gathered = not self.shuffle and self.block == self.total
        return self._x
