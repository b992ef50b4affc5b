"""What `optcli compare` says while it goes on, and at the end: who is told, and how."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from optcli.comparison.result import Listener
from optcli.comparison.study import Progress, Study
from optcli.core.durations import counted
from optcli.display.aligned import cut, terminal_width
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.pick import is_live
from optcli.display.terminal import console, live
from optcli.display.verdict import WIDEST, across, head, report
from optcli.display.words import bar, escaped, number, remaining, short

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

INTERVAL = 0.2  # seconds between two refreshes, at least
SPOKEN = 10.0  # percent between two plain lines
PHASES = {"tune": "tuning", "extend": "beyond the edge", "final": "final runs"}


def pick(quiet: bool, json: bool, stream: TextIO | None) -> Quiet:
    """The listener for a comparison that is told to `stream` (None where stdout is closed)."""
    if stream is None or (quiet and not json):
        return Quiet()
    if json:
        return Lines(stream)
    return Bars(stream) if is_live(stream) else Plain(stream)


class Quiet(Listener):
    """Says nothing."""

    def __init__(self) -> None:
        self.contests: list[Study] = []  # of each config, the last one going on

    def started(self, study: Study, title: str, notes: Sequence[str]) -> None:
        """A comparison is about to begin."""

    def interrupted(self, whole: Callable[[Path], Path], command: Callable[[Path], str]) -> None:
        """A signal ended it.

        whole: gives the folder of all configs. command: gives the command line that goes on
        in a folder.
        """

    def kept(self, whole: Callable[[Path], Path]) -> tuple[int, Path | None]:
        """How many runs are finished, and the folder that they are in."""
        folders = [each.store.folder for each in self.contests if each.store.folder is not None]
        return sum(each.runs for each in self.contests), whole(folders[-1]) if folders else None

    def progress(self, progress: Progress) -> None:
        """Some runs are done."""

    def found(self, found: Any) -> None:
        """It is done: `found` has a folder and a summary."""

    def benchmark(self, benchmark: Any) -> None:
        """All configs are done."""

    def close(self) -> None:
        """Leave the terminal in order; may be called at any time."""


class Plain(Quiet):
    """A line for each tenth of a phase, then the table."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.output = Output(stream)
        self._phase = ""
        self._spoken = 0.0

    def interrupted(self, whole: Callable[[Path], Path], command: Callable[[Path], str]) -> None:
        self.close()
        runs, folder = self.kept(whole)
        if not runs or folder is None:
            self.output.line("interrupted; no run was finished")
            return
        kept = counted(runs, "finished run")
        self.output.line(escaped(f"interrupted; kept: {kept}, in {folder}"))
        self.output.line(escaped(f"continue with: {command(folder)}"))

    def started(self, study: Study, title: str, notes: Sequence[str]) -> None:
        self.contests.append(study)
        for line in head(study, title, notes):
            self.output.line(line)

    def progress(self, progress: Progress) -> None:
        if progress.phase != self._phase:
            self._phase, self._spoken = progress.phase, 0.0
        share = 100 * progress.done / max(1, progress.total)
        if share < min(100.0, self._spoken + SPOKEN):
            return
        self._spoken = share if share < 100 else math.inf
        best = ", ".join(f"{label} {number(at)}" for label, (_, at) in progress.best.items())
        words = f"{PHASES[progress.phase]}: {progress.done} of {progress.total} runs"
        self.output.line(escaped(f"{words}; {best}" if len(best) < 60 else words))

    def found(self, found: Any) -> None:
        for line in report(found.summary, terminal_width(WIDEST)):
            self.output.line(line)
        self.output.line(escaped(f"comparison folder: {found.folder}"))

    def benchmark(self, benchmark: Any) -> None:
        for line in across(benchmark.summary, terminal_width(WIDEST)):
            self.output.line(line)
        self.output.line(escaped(f"comparison folder: {benchmark.folder}"))


class Lines(Quiet):
    """The same for programs: `started`, `progress`, `optimizer`, `pair`, `summary`."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lines = JsonLines(stream)

    def started(self, study: Study, title: str, notes: Sequence[str]) -> None:
        self.contests.append(study)
        fields = {
            "config": title,
            "entries": [entry.label for entry in study.entries],
            "seeds": study.budget.seeds,
            "tune_seeds": study.budget.tuning_seeds,
            "notes": list(notes),
        }
        self.lines.emit("started", fields)

    def interrupted(self, whole: Callable[[Path], Path], command: Callable[[Path], str]) -> None:
        runs, folder = self.kept(whole)
        fields = {"runs": runs, "folder": None if folder is None else str(folder)}
        self.lines.emit("interrupted", fields)

    def progress(self, progress: Progress) -> None:
        best = {label: {"lr": lr, "mean": at} for label, (lr, at) in progress.best.items()}
        fields = {"phase": progress.phase, "done": progress.done, "total": progress.total}
        self.lines.emit("progress", fields | {"best": best})

    def found(self, found: Any) -> None:
        for row in found.summary["optimizers"]:
            self.lines.emit("optimizer", row)
        for pair in found.summary["pairs"]:
            self.lines.emit("pair", pair)
        rest = {k: v for k, v in found.summary.items() if k not in ("optimizers", "pairs")}
        self.lines.emit("summary", {**rest, "folder": str(found.folder)})

    def benchmark(self, benchmark: Any) -> None:
        self.lines.emit("benchmark", {**benchmark.summary, "folder": str(benchmark.folder)})


class Bars(Plain):
    """A row for each that takes part, with a bar and the best so far; then the table."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self.clock = clock
        self._live: Live | None = None
        self._drawn = -math.inf
        self._began = 0.0
        self._first = 0

    def started(self, study: Study, title: str, notes: Sequence[str]) -> None:
        self.close()
        super().started(study, title, notes)

    def progress(self, progress: Progress) -> None:
        if progress.phase != self._phase:
            self._phase, self._began, self._first = progress.phase, self.clock(), progress.done
            self._drawn = -math.inf
        if self.output.open and self.clock() - self._drawn >= INTERVAL:
            self._draw(progress)
            self._drawn = self.clock()

    def found(self, found: Any) -> None:
        self.close()
        super().found(found)

    def benchmark(self, benchmark: Any) -> None:
        self.close()
        super().benchmark(benchmark)

    def close(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _draw(self, progress: Progress) -> None:
        if self._live is None:
            self._live = live(console(self.output))
        self._live.update(self._view(progress, self._live.console.width), refresh=True)

    def _view(self, progress: Progress, width: int) -> Text:
        from rich.text import Text

        longest = max((len(label) for label in progress.needed), default=0)  # all may be given
        name = min(longest, max(8, width - 44))
        lines = []
        for label, needed in progress.needed.items():
            done = progress.finished[label]
            text = Text(f" {cut(escaped(label), name):<{name}} ")
            room = max(6, min(24, width - name - 36))
            text.append(bar(done / max(1, needed), room, fancy=self.output.fancy), "green")
            text.append(f" {done:>4}/{needed}")
            if label in progress.best:
                lr, at = progress.best[label]
                text.append(f"  {number(at)} at lr {short(lr)}", "dim")
            text.truncate(width)
            lines.append(text)
        done = progress.done - self._first
        words = f" {PHASES[progress.phase]}: {progress.done} of {progress.total} runs"
        if done > 0:
            each = (self.clock() - self._began) / done
            words += f", {remaining(each * (progress.total - progress.done))} left"
        last = Text(words, "bold")
        last.truncate(width)
        return Text("\n", no_wrap=True, overflow="crop").join([*lines, last])
