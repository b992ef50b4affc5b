"""What `optcli compare` says while it goes on, and at the end: who is told, and how."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from optcli.comparison.result import (
    Benchmark,
    BenchmarkStarted,
    Comparison,
    ComparisonStarted,
    FiguresDrawn,
    FinishedShard,
    ModelsKept,
    Waiting,
)
from optcli.comparison.study import RunsDone, Study
from optcli.core.durations import counted
from optcli.core.errors import Grave
from optcli.display.compare_report import WIDEST, across, head, report, shard_report
from optcli.display.jsonl import JsonLines
from optcli.display.listener import Listener, choose
from optcli.display.output import Output
from optcli.display.terminal import console, live, width_of
from optcli.display.text import bar, escaped, number, remaining, short, shortened, wrapped

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

MOST_REPORTS = 3  # configs that get a whole report each
INTERVAL = 0.2  # seconds between two refreshes, at least
SPOKEN = 10.0  # percent between two plain lines
PHASES = {
    "tune": "tuning",
    "extend": "extended learning-rate search",
    "halve": "tuning of the finalists",
    "final": "evaluation",
}
# What the best of each entry is told by: its mean while it is tuned, at last what the table has.
LEVELS = {"mean": "lowest validation mean", "median": "median"}


def listener(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """The listener for a comparison that is told to `stream`."""
    return choose(quiet, json, stream, plain=Plain, lines=Lines, live=Bars)


@dataclass(frozen=True)
class InterruptedComparison:
    """A signal ended the comparison.

    whole: gives the folder of all configs. command: gives the command line that continues in
    a folder.
    """

    whole: Callable[[Path], Path]
    command: Callable[[Path], str]


class Teller:
    """What text and JSON have in common: which studies have run, and a method for each event."""

    def __init__(self) -> None:
        self.studies: list[Study] = []  # of each config, the last one going on

    def __call__(self, event: Any) -> None:
        """Take note of an event of `comparison.result`, or that there is an interruption."""
        if isinstance(event, Waiting):
            self.waiting(event)
        elif isinstance(event, BenchmarkStarted):
            self.many(event)
        elif isinstance(event, ComparisonStarted):
            self.studies.append(event.study)
            self.started(event)
        elif isinstance(event, RunsDone):
            self.progress(event)
        elif isinstance(event, Comparison):
            self.found(event)
        elif isinstance(event, FiguresDrawn):
            self.drawn(event)
        elif isinstance(event, ModelsKept):
            self.models_kept(event)
        elif isinstance(event, Benchmark):
            self.benchmark(event)
        elif isinstance(event, FinishedShard):
            self.shard(event)
        elif isinstance(event, InterruptedComparison):
            self.interrupted(event)

    def kept(self, whole: Callable[[Path], Path]) -> tuple[int, Path | None]:
        """How many runs are finished, and the folder that they are in."""
        folders = [each.store.folder for each in self.studies if each.store.folder is not None]
        return sum(each.runs for each in self.studies), whole(folders[-1]) if folders else None

    def waiting(self, event: Waiting) -> None:
        """Workers keep it waiting."""

    def many(self, event: BenchmarkStarted) -> None:
        """Several are about to begin."""

    def started(self, event: ComparisonStarted) -> None:
        """A comparison is about to begin."""

    def progress(self, progress: RunsDone) -> None:
        """Some runs are done."""

    def found(self, found: Comparison) -> None:
        """It is done."""

    def drawn(self, event: FiguresDrawn) -> None:
        """Its figures are drawn."""

    def models_kept(self, event: ModelsKept) -> None:
        """Another model of its final runs is kept."""

    def benchmark(self, benchmark: Benchmark) -> None:
        """All configs are done."""

    def shard(self, shard: FinishedShard) -> None:
        """A shard is done."""

    def interrupted(self, event: InterruptedComparison) -> None:
        """A signal ended it."""

    def finish(self, *results: Any, **more: Any) -> None:
        """All has been said of the events."""

    def close(self) -> None:
        """Leave the terminal in order; may be called at any time."""


class Plain(Teller):
    """A line for each tenth of a phase, then the table."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.output = Output(stream)
        self._phase = ""
        self._spoken = 0.0
        self._title = ""
        self._short = False  # of many configs each gets one sentence
        self._told: set[str] = set()

    def interrupted(self, event: InterruptedComparison) -> None:
        self.close()
        runs, folder = self.kept(event.whole)
        if not runs or folder is None:
            self.output.line("interrupted before any run finished; nothing was saved")
            return
        kept = counted(runs, "finished run")
        self.output.line(escaped(f"interrupted; saved {kept} in {folder}"))
        self.output.line(escaped(f"continue with: {event.command(folder)}"))

    def waiting(self, event: Waiting) -> None:
        self.close()
        self.output.line(escaped(event.message))

    def many(self, event: BenchmarkStarted) -> None:
        self._short = len(event.configs) > MOST_REPORTS
        entries = counted(len(event.entries), "optimizer")
        words = [f"{entries} on {counted(len(event.configs), 'config')}, {event.seeds} fresh seeds"]
        words[0] += f", about {counted(event.runs, 'run')}"
        words += [f"note: {note}" for note in event.notes]
        for line in itertools.chain(*(wrapped(own, width_of(WIDEST)) for own in words), [""]):
            self.output.line(escaped(line))

    def started(self, event: ComparisonStarted) -> None:
        self._title = event.title
        notes = event.notes
        if self._short:
            notes = [n for n in notes if isinstance(n, Grave) and n not in self._told]
            self._told.update(notes)
            words = [f"warning: {event.title}: {note}" for note in notes]
            lines = [escaped(w) for own in words for w in wrapped(own, width_of(WIDEST))]
        else:
            lines = head(event.study, event.title, notes)
        for line in lines:
            self.output.line(line)

    def progress(self, progress: RunsDone) -> None:
        if self._short:
            return
        if not self._is_due(progress.phase, progress.done, progress.total):
            return
        best = ", ".join(f"{label} {_value(at)}" for label, (_, at) in progress.best.items())
        words = f"{PHASES[progress.phase]}: {progress.done} of {progress.total} runs"
        whole = escaped(f"{words}; {LEVELS[progress.level]}: {best}")
        self.output.line(whole if best and len(whole) <= width_of(WIDEST) else words)

    def _is_due(self, phase: str, done: int, total: int) -> bool:
        """Whether to say how far a phase is: another tenth of it is done."""
        if phase != self._phase:
            self._phase, self._spoken = phase, 0.0
        share = 100 * done / max(1, total)
        if share < min(100.0, self._spoken + SPOKEN):
            return False
        self._spoken = share if share < 100 else math.inf
        return True

    def found(self, found: Comparison) -> None:
        if self._short:
            for line in wrapped(f"{self._title}: {found.summary['verdict']}", width_of(WIDEST)):
                self.output.line(escaped(line))
            return
        for line in report(found.summary, width_of(WIDEST)):
            self.output.line(line)
        first = found.summary["optimizers"][0]
        known = f"config of {first['label']}: {first['config']}"
        self.output.line(escaped(f"comparison folder: {found.folder} ({known})"))

    def drawn(self, event: FiguresDrawn) -> None:
        if not self._short and event.names:
            for line in wrapped(f"plots: {', '.join(event.names)}", width_of(WIDEST)):
                self.output.line(line)

    def models_kept(self, event: ModelsKept) -> None:
        if event.done == event.total:
            self.output.line(escaped(f"kept {counted(event.total, 'model')} in {event.folder}"))
        elif not self._short and self._is_due("keep", event.done, event.total):
            self.output.line(f"models: {event.done} of {event.total}")

    def benchmark(self, benchmark: Benchmark) -> None:
        for line in across(benchmark.summary, width_of(WIDEST)):
            self.output.line(line)
        self.output.line(escaped(f"comparison folder: {benchmark.folder}"))

    def shard(self, shard: FinishedShard) -> None:
        for line in shard_report(shard.summary, width_of(WIDEST)):
            self.output.line(line)
        self.output.line(escaped(f"shard folder: {shard.folder}"))


def _value(value: float) -> str:
    """A mean over seeds is infinite as soon as one of them diverged, a median with half of them."""
    return number(value) if math.isfinite(value) else "diverged"


class Lines(Teller):
    """The same for programs: `started`, `progress`, `optimizer`, `pair`, `summary`."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lines = JsonLines(stream)

    def waiting(self, event: Waiting) -> None:
        self.lines.emit("waiting", {"message": event.message})

    def many(self, event: BenchmarkStarted) -> None:
        fields: dict[str, Any] = {"configs": list(event.configs)}
        fields |= {"entries": list(event.entries)}
        fields |= {"seeds": event.seeds, "runs": event.runs}
        self.lines.emit("benchmark_started", fields | {"notes": list(event.notes)})

    def started(self, event: ComparisonStarted) -> None:
        fields = {
            "config": event.title,
            "entries": [entry.label for entry in event.study.entries],
            "seeds": event.study.budget.seeds,
            "tune_seeds": event.study.budget.tuning_seeds,
            "notes": list(event.notes),
        }
        self.lines.emit("started", fields)

    def interrupted(self, event: InterruptedComparison) -> None:
        runs, folder = self.kept(event.whole)
        fields = {"runs": runs, "folder": None if folder is None else str(folder)}
        self.lines.emit("interrupted", fields)

    def progress(self, progress: RunsDone) -> None:
        name = progress.level
        best = {label: {"lr": lr, name: at} for label, (lr, at) in progress.best.items()}
        fields = {"phase": progress.phase, "done": progress.done, "total": progress.total}
        self.lines.emit("progress", fields | {"best": best})

    def found(self, found: Comparison) -> None:
        for row in found.summary["optimizers"]:
            self.lines.emit("optimizer", row)
        for pair in found.summary["pairs"]:
            self.lines.emit("pair", pair)
        rest = {k: v for k, v in found.summary.items() if k not in ("optimizers", "pairs")}
        self.lines.emit("summary", {**rest, "folder": str(found.folder)})

    def drawn(self, event: FiguresDrawn) -> None:
        self.lines.emit("plots", {"files": list(event.names), "folder": str(event.folder)})

    def models_kept(self, event: ModelsKept) -> None:
        if event.done < event.total:
            self.lines.emit("progress", {"phase": "keep", "done": event.done, "total": event.total})
        else:
            self.lines.emit("models", {"count": event.total, "folder": str(event.folder)})

    def benchmark(self, benchmark: Benchmark) -> None:
        self.lines.emit("benchmark", {**benchmark.summary, "folder": str(benchmark.folder)})

    def shard(self, shard: FinishedShard) -> None:
        self.lines.emit("shard", {**shard.summary, "folder": str(shard.folder)})


class Bars(Plain):
    """A row for each that takes part, with a bar and the best so far; then the table."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self.clock = clock
        self._live: Live | None = None
        self._drawn = -math.inf
        self._began = 0.0
        self._first = 0

    def started(self, event: ComparisonStarted) -> None:
        self.close()
        super().started(event)

    def progress(self, progress: RunsDone) -> None:
        if self._is_drawn_now(progress.phase, progress.done):
            self._draw(lambda width: self._view(progress, width))

    def models_kept(self, event: ModelsKept) -> None:
        if event.done == event.total:
            self.close()
            super().models_kept(event)
        elif self._is_drawn_now("keep", event.done):
            words = f"models: {event.done} of {event.total}"
            self._draw(lambda width: self._last(words, event, width))

    def _is_drawn_now(self, phase: str, done: int) -> bool:
        """Whether it is time for the next view. done: of the phase."""
        if phase != self._phase:
            self._phase, self._began, self._first = phase, self.clock(), done
            self._drawn = -math.inf
        return self.output.open and self.clock() - self._drawn >= INTERVAL

    def found(self, found: Comparison) -> None:
        self.close()
        super().found(found)

    def benchmark(self, benchmark: Benchmark) -> None:
        self.close()
        super().benchmark(benchmark)

    def shard(self, shard: FinishedShard) -> None:
        self.close()
        super().shard(shard)

    def close(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _draw(self, view: Callable[[int], Text]) -> None:
        """Show a view, which is made for the width of the terminal."""
        if self._live is None:
            self._live = live(console(self.output))
        self._live.update(view(self._live.console.width), refresh=True)
        self._drawn = self.clock()

    def _view(self, progress: RunsDone, width: int) -> Text:
        from rich.text import Text

        longest = max((len(label) for label in progress.needed), default=0)  # all may be given
        name = min(longest, max(8, width - 44))
        lines = []
        for label, needed in progress.needed.items():
            done = progress.finished[label]
            text = Text(f" {shortened(escaped(label), name):<{name}} ")
            room = max(6, min(24, width - name - 41))
            text.append(bar(done / max(1, needed), room, fancy=self.output.fancy), "green")
            text.append(f" {done:>4}/{needed}")
            if label in progress.best:
                lr, at = progress.best[label]
                known = _value(at)
                if math.isfinite(at):
                    known = f"{progress.level} {known} at lr {short(lr)}"
                text.append(f"  {known}", "dim")
            text.truncate(width)
            lines.append(text)
        words = f"{PHASES[progress.phase]}: {progress.done} of {progress.total} runs"
        more = "; means of validation rows" if progress.level == "mean" else ""
        lines.append(self._last(words, progress, width, more))
        return Text("\n", no_wrap=True, overflow="crop").join(lines)

    def _last(self, words: str, event: RunsDone | ModelsKept, width: int, more: str = "") -> Text:
        """The last line: how far it is, and how long it takes still."""
        from rich.text import Text

        done = event.done - self._first
        if done > 0:
            each = (self.clock() - self._began) / done
            words += f", {remaining(each * (event.total - event.done))} left"
        last = Text(f" {words}{more}", "bold")
        last.truncate(width)
        return last
