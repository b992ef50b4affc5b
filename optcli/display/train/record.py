"""Record: what the displays remember of a run, however long it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from optcli.core.events import EpochEnded, Started

Row = Mapping[str, float]  # the history's names, `rows_per_second` besides

CAPACITY = 512


class Record:
    """The last rows, and every n-th of all: n doubles whenever they become too many."""

    def __init__(self, started: Started) -> None:
        self.rows = started.rows
        self.recent: deque[Row] = deque(maxlen=32)
        self.best: Row | None = None
        self.every = 1
        self._thinned: list[Row] = []
        # of a resumed run the earlier seconds are not known
        self._seconds = 0.0 if started.state.epoch == 0 else float("nan")

    def add(self, event: EpochEnded) -> Row:
        """Take an epoch down; returns its row."""
        row = event.row()
        spent = event.seconds - self._seconds
        row["rows_per_second"] = self.rows / spent if spent > 0 else float("nan")
        self._seconds = event.seconds
        self.recent.append(row)
        if event.best[0]:
            self.best = row
        if event.epoch % self.every == 0 or not self._thinned:
            self._thinned.append(row)
        if len(self._thinned) > CAPACITY:
            self.every *= 2
            self._thinned = [
                r for i, r in enumerate(self._thinned) if i == 0 or r["epoch"] % self.every == 0
            ]
        return row

    def thinned(self, most: int) -> list[Row]:
        """About `most` rows over the whole run; first, best and last among them."""
        if not self.recent:
            return []
        last = self.recent[-1]
        stride = round_stride(int(last["epoch"]) - int(self._thinned[0]["epoch"]) + 1, most)
        chosen = {int(r["epoch"]): r for r in self._thinned if r["epoch"] % stride == 0}
        for row in (self._thinned[0], last, self.best):
            if row is not None:
                chosen[int(row["epoch"])] = row
        return [chosen[epoch] for epoch in sorted(chosen)]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._thinned)


def round_stride(count: int, most: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50, … that leaves at most `most` of `count`."""
    power = 1
    while True:
        for stride in (power, 2 * power, 5 * power):
            if count <= most * stride:
                return stride
        power *= 10
