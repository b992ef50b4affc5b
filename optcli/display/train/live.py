"""The live table, for a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from optcli.core.events import Ended, EpochEnded, Event, FoldsDone, Progress, Started
from optcli.display.output import Output
from optcli.display.terminal import console, live
from optcli.display.text import bar, number, remaining, sparkline, wrapped
from optcli.display.train import columns
from optcli.display.train.closing import WARNING, closing
from optcli.display.train.record import Record, Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

INTERVAL = 0.25  # seconds between two refreshes, at least
SHOWN = 10  # rows while it runs
KEPT = 20  # rows, about, that stay at the end


class LiveTable:
    """The last epochs, the course of the loss, and how far it is; at the end a thinned table.

    It is drawn only when an event comes, at most four times a second.

    clock: seconds, for the refreshes and the remaining time.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.output = Output(stream)
        self.clock = clock
        self._console: Console | None = None
        self._live: Live | None = None
        self._started: Started | None = None
        self._record: Record | None = None
        self._began = self._drawn = 0.0
        self._first_step = self._step = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, FoldsDone):
            if event.done in (0, event.folds):
                self._print(f"cross-validation: {event.done} of {event.folds} folds")
        elif isinstance(event, Started):
            self._started, self._record = event, Record(event)
            self._began = self._drawn = self.clock()
            self._first_step = self._step = event.state.step
        elif isinstance(event, EpochEnded | Progress):
            self._step = event.step
            if isinstance(event, EpochEnded) and self._record is not None:
                self._record.add(event)
            if self.output.open and self.clock() - self._drawn >= INTERVAL:
                self._draw()
                self._drawn = self.clock()
        elif isinstance(event, Ended):
            self.close()
            self._keep()

    def finish(
        self, summary: Mapping[str, Any], folder: Path | None = None, notes: Iterable[str] = ()
    ) -> None:
        """Say how it ended, under the table."""
        self.close()
        lines = closing(summary, folder, notes)
        while lines[0].startswith(WARNING):
            self._print(lines.pop(0), "bold yellow")
        failed = summary.get("outcome") == "diverged" or summary.get("failed_to_train")
        style = "bold red" if failed else "bold"
        self._print(lines[0], style)
        for line in lines[1:]:
            self._print(line)

    def close(self) -> None:
        """Take the live part away, if it is there."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _terminal(self) -> Console:
        if self._console is None:
            self._console = console(self.output)
        return self._console

    def _print(self, text: str, style: str = "") -> None:
        from rich.text import Text

        terminal = self._terminal()
        whole = text.startswith(("run folder: ", "continue with: "))  # in one piece, to be copied
        for line in [text] if whole else wrapped(text, terminal.width):
            terminal.print(Text(self.output.encodable(line), style=style), soft_wrap=whole)

    def _draw(self) -> None:
        terminal = self._terminal()
        if self._live is None:
            self._live = live(terminal)
        self._live.update(self._view(*terminal.size), refresh=True)

    def _keep(self) -> None:
        if self._record is not None and self._record.recent:
            terminal = self._terminal()
            rows = self._record.thinned(KEPT)
            terminal.print(_joined(self._table(rows, terminal.width)), soft_wrap=True)

    def _view(self, width: int, height: int) -> Text:
        assert self._record is not None
        recent = list(self._record.recent)[-max(1, min(SHOWN, height - 6)) :]
        lines = self._table(recent, width) if recent else []
        return _joined([*lines, *self._course(width), self._progress(width)])

    def _table(self, rows: list[Row], width: int) -> list[Text]:
        """The heading, then the rows, the best of all marked."""
        from rich.text import Text

        started, record = self._started, self._record
        assert started is not None
        assert record is not None
        best = None if record.best is None else record.best["epoch"]
        found = columns.table(
            started.metrics, started.validates, started.epochs, width - 1, started.unit
        )
        lines = [Text(self.output.encodable(f" {each}"), style="dim") for each in found.heading()]
        for row in rows:
            is_best = row["epoch"] == best
            mark = ("●" if self.output.fancy else "*") if is_best else " "
            (text,) = found.row(columns.cells(row))
            lines.append(Text(mark + text, style="bold green" if is_best else ""))
        for line in lines:
            line.truncate(width)
        return lines

    def _course(self, width: int) -> list[Text]:
        """The loss so far in one line, the best one beside it."""
        from rich.text import Text

        started, record = self._started, self._record
        assert started is not None
        assert record is not None
        key = "validation_loss" if started.validates else "train_loss"
        losses = [row[key] for row in record if key in row]
        said = "" if record.best is None else f"  best {number(record.best[key])}"
        spark = sparkline(losses, min(60, width - 7 - len(said)), fancy=self.output.fancy)
        if not spark:
            return []
        return [Text.assemble(" loss ", (spark, "cyan"), said)]

    def _progress(self, width: int) -> Text:
        """How far it is, and how long it will still take at most."""
        from rich.text import Text

        started = self._started
        assert started is not None
        epoch = self._step / max(1, started.steps_per_epoch)
        words = f" {int(epoch)}/{started.epochs} {started.unit}s"
        done = self._step - self._first_step
        if done > 0:
            left = (self.clock() - self._began) / done * (started.steps - self._step)
            words += f", {remaining(left)} left"
        long = max(5, min(40, width - len(words) - 2))
        share = self._step / max(1, started.steps)
        text = Text.assemble(" ", (bar(share, long, fancy=self.output.fancy), "green"), words)
        text.truncate(width)
        return text


def _joined(lines: Iterable[Text]) -> Text:
    from rich.text import Text

    return Text("\n", no_wrap=True, overflow="crop").join(lines)
