"""What `optcli tune` says while it goes on, and at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from optcli.comparison.result import FinishedShard, Waiting
from optcli.core.durations import counted
from optcli.core.errors import Grave
from optcli.display.jsonl import JsonLines
from optcli.display.listener import Listener, choose
from optcli.display.output import Output
from optcli.display.table import Column, Table
from optcli.display.terminal import console, live, width_of
from optcli.display.text import bar, escaped, metric, number, remaining, setting, short, wrapped
from optcli.tuning.events import FiguresDrawn, Refitting, RunsDone, SearchEnded, SearchStarted

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

WIDEST = 100
INTERVAL = 0.2  # seconds between two refreshes, at least
SPOKEN = 25.0  # percent of a round between two plain lines


def listener(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """The listener for a search that is told to `stream`."""
    return choose(quiet, json, stream, plain=Plain, lines=Lines, live=Bar)


@dataclass(frozen=True)
class InterruptedSearch:
    """A signal ended the search. command: gives the command line that continues in a folder."""

    command: Callable[[Path], str]


def values_of(values: Mapping[str, Any]) -> str:
    """A setting in words: `optimizer.lr 0.01, model.hidden [32]`."""
    return ", ".join(f"{key} {_value(value)}" for key, value in values.items())


def _value(value: Any) -> str:
    number = isinstance(value, float)
    return short(value) if number else setting(value)


class Teller:
    """What text and JSON have in common: the search, and a method for each event."""

    def __init__(self) -> None:
        self.begun: SearchStarted | None = None

    def __call__(self, event: Any) -> None:
        """Take note of an event of `tuning.events`, or that there is an interruption."""
        if isinstance(event, SearchStarted):
            self.begun = event
            self.started(event)
        elif isinstance(event, RunsDone):
            self.progress(event)
        elif isinstance(event, Refitting):
            self.refitting(event)
        elif isinstance(event, SearchEnded):
            self.ended(event)
        elif isinstance(event, FiguresDrawn):
            self.drawn(event)
        elif isinstance(event, FinishedShard):
            self.shard(event)
        elif isinstance(event, Waiting):
            self.waiting(event)
        elif isinstance(event, InterruptedSearch):
            self.interrupted(event)

    def started(self, event: SearchStarted) -> None:
        """A search is about to begin."""

    def progress(self, event: RunsDone) -> None:
        """Some runs are done."""

    def refitting(self, event: Refitting) -> None:
        """The model is about to be trained."""

    def ended(self, event: SearchEnded) -> None:
        """All is done."""

    def drawn(self, event: FiguresDrawn) -> None:
        """Pictures are drawn."""

    def shard(self, event: FinishedShard) -> None:
        """A shard has done what it can."""

    def waiting(self, event: Waiting) -> None:
        """Workers keep it waiting."""

    def interrupted(self, event: InterruptedSearch) -> None:
        """A signal ended it."""

    def finish(self, *results: Any, **more: Any) -> None:
        """All has been said of the events."""

    def close(self) -> None:
        """Leave the terminal in order; may be called at any time."""


class Plain(Teller):
    """A line for each quarter of a round, then the result."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.output = Output(stream)
        self._round, self._spoken = 0, 0.0

    def say(self, text: str) -> None:
        """A sentence, wrapped."""
        for line in wrapped(text, width_of(WIDEST)):
            self.output.line(line)

    def started(self, event: SearchStarted) -> None:
        search = event.search
        plan = search.plan
        self.say(
            f"searching {', '.join(search.candidates[0].values)}: "
            f"{counted(len(search.candidates), 'setting')} in {counted(len(plan), 'round')}"
        )
        for note in event.notes:
            self.say(f"{'warning' if isinstance(note, Grave) else 'note'}: {note}")
        self.output.line("")

    def progress(self, event: RunsDone) -> None:
        if event.round.number != self._round:
            self._round, self._spoken = event.round.number, -SPOKEN
        share = 100 * event.done / max(1, event.total)
        if share < min(100.0, self._spoken + SPOKEN):
            return
        self._spoken = share if share < 100 else math.inf
        self.say(self.words(event))

    def words(self, event: RunsDone) -> str:
        """How far a round is, and its best setting."""
        said = f"round {event.round.number} of {event.rounds}: {event.done} of "
        said += f"{counted(event.total, 'run')} ({counted(event.settings, 'setting')}, "
        said += f"{counted(event.epochs, 'epoch')})"
        if event.best is not None:
            score, values = event.best
            said += f"; best {self._metric()} {number(score)}"
            if event.done == event.total:
                said += f" at {values_of(values)}"
        return said + (f"; {event.diverged} diverged" if event.diverged else "")

    def _metric(self) -> str:
        return "loss" if self.begun is None else self.begun.search.measure.metric

    def refitting(self, event: Refitting) -> None:
        epochs = counted(event.epochs, "epoch")
        self.say(f"training the best on all but the test rows, {epochs}")

    def ended(self, event: SearchEnded) -> None:
        self.output.line("")
        for line in report(event.summary, width_of(WIDEST)):
            self.output.line(line)
        self.say(f"search folder: {event.folder} (config: best.yaml, model: model)")

    def drawn(self, event: FiguresDrawn) -> None:
        self.say(f"plots: {', '.join(event.names)}")

    def shard(self, event: FinishedShard) -> None:
        self.close()
        self.output.line("")
        for line in shard_report(event.summary, width_of(WIDEST)):
            self.output.line(line)
        self.output.line(escaped(f"shard folder: {event.folder}"))

    def waiting(self, event: Waiting) -> None:
        self.close()
        self.say(event.message)

    def interrupted(self, event: InterruptedSearch) -> None:
        self.close()
        if self.begun is None or not self.begun.search.runs:
            self.output.line("interrupted before any run finished; nothing was saved")
            return
        kept = counted(self.begun.search.runs, "finished run")
        self.output.line(escaped(f"interrupted; saved {kept} in {self.begun.folder}"))
        self.output.line(escaped(f"continue with: {event.command(self.begun.folder)}"))


def shard_report(summary: Mapping[str, Any], width: int) -> list[str]:
    """How far a shard has come, and what is to be done with it."""
    index, _, of = summary["shard"].partition("/")
    said = f"shard {index} of {of}: {counted(summary['runs'], 'run')}, round {summary['round']} of "
    said += f"{summary['rounds']}; "
    merge = f"merge all {of} with optcli runs merge"
    if summary["waits_for"]:
        which = ", ".join(map(str, summary["waits_for"]))
        word = "shard" if len(summary["waits_for"]) == 1 else "shards"
        said += (
            f"the next round takes the runs of {word} {which}: repeat the command when they are "
        )
        said += f"done, or {merge}, which trains the other rounds"
    else:
        said += merge
    notes = [f"note: {note}" for note in summary["notes"]]
    return [escaped(line) for each in (said, *notes) for line in wrapped(each, width)]


def report(summary: Mapping[str, Any], width: int) -> list[str]:
    """The best setting, how important each key is, and the test score."""
    lines = [*Table(keys_table(summary), width).lines(), ""]
    for said in sentences(summary):
        lines += wrapped(said, width)
    return [escaped(line) for line in lines]


def keys_table(summary: Mapping[str, Any]) -> list[Column]:
    """The columns of a table with a row for each key, the most important first."""
    best, shares = summary["chosen"], (summary.get("importance") or {}).get("shares", {})
    own = (summary.get("own") or {}).get("values", {})
    keys = sorted(best["values"], key=lambda key: -(shares.get(key) or 0.0))
    cells = {
        "key": keys,
        "best": [_value(best["values"][key]) for key in keys],
        "own": [_value(own[key]) if key in own else "-" for key in keys],
        "share": [_percent(shares.get(key)) for key in keys],
        "range": [_range(summary["space"][key]) for key in keys],
    }
    return [
        Column("key", "key", cells["key"], left=True, cut=True),
        Column("best", "best", cells["best"]),
        *([Column("own", "config's", cells["own"], rank=2)] if own else []),
        Column("share", "importance", cells["share"], rank=1),
        Column("range", "searched", cells["range"], left=True, rank=3),
    ]


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """What the best setting scored, in validation and test, and what else is to be said."""
    best, found = summary["chosen"], [_score(summary)]
    if own := summary.get("own"):
        found.append(_own(summary, own))
    if test := _test(summary):
        found.append(test)
    for key in best["on_edge"]:
        value = _value(best["values"][key])
        found.append(f"{key} {value} is at the edge of its range; a better value may lie beyond")
    return found


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _range(way: Mapping[str, Any]) -> str:
    if "values" in way:
        return f"{len(way['values'])} values"
    return f"{way['from']:g} to {way['to']:g}{', log' if way.get('log') else ''}"


def _score(summary: Mapping[str, Any]) -> str:
    best, name = summary["chosen"], summary["metric"]
    said = f"validation {name} {number(best['score'])}"
    if best["standard_error"] is not None:
        said += f" ± {number(best['standard_error'], 3)}, standard error"
    over = f"{summary['folds']} folds" if summary["folds"] else f"{len(best['scores'])} splits"
    return f"{said} over {over}; best epochs {', '.join(map(str, best['best_epochs']))}"


def _own(summary: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if own["trial"] == summary["chosen"]["trial"]:
        return "the config's own setting is the best"
    if own["score"] is None or not math.isfinite(own["score"]):
        return "the config's own setting diverged"
    reached = f"in round {own['round']}, as far as it came"
    return f"the config's own setting: {number(own['score'])} {reached} (rank {own['rank']})"


def _test(summary: Mapping[str, Any]) -> str:
    test = summary.get("test")
    if not test:
        return ""
    parts = []
    for name, value in test.items():
        said = f"{name} {number(value) if name == 'loss' else metric(value)}"
        between = summary["test_intervals"].get(name)
        if between:
            said += f" ({metric(between[0])} to {metric(between[1])})"
        parts.append(said)
    said = f"test, {summary['test_rows']} rows, 95 % intervals: {', '.join(parts)}"
    baseline = (summary.get("baseline") or {}).get("test") or {}
    chosen = summary["metric"] if summary["metric"] in baseline else "loss"
    if chosen in baseline:
        said += f"; a constant guess has {chosen} {metric(baseline[chosen])}"
    return said


class Lines(Teller):
    """The same for programs: `started`, `progress`, `refit`, `summary`, `plots`."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lines = JsonLines(stream)

    def started(self, event: SearchStarted) -> None:
        plan = [
            {"settings": each.settings, "part": each.part, "repeats": each.repeats}
            for each in event.search.plan
        ]
        fields = {"config": event.title, "folder": str(event.folder), "rounds": plan}
        self.lines.emit("started", {**fields, "notes": list(event.notes)})

    def progress(self, event: RunsDone) -> None:
        fields: dict[str, Any] = {"round": event.round.number, "rounds": event.rounds}
        fields |= {"epochs": event.epochs, "settings": event.settings}
        fields |= {"done": event.done, "total": event.total, "diverged": event.diverged}
        score, values = event.best or (None, None)
        self.lines.emit("progress", {**fields, "best": {"score": score, "values": values}})

    def refitting(self, event: Refitting) -> None:
        self.lines.emit("refit", {"values": dict(event.values), "epochs": event.epochs})

    def ended(self, event: SearchEnded) -> None:
        self.lines.emit("summary", {**event.summary, "folder": str(event.folder)})

    def drawn(self, event: FiguresDrawn) -> None:
        self.lines.emit("plots", {"files": list(event.names), "folder": str(event.folder)})

    def shard(self, event: FinishedShard) -> None:
        self.lines.emit("shard", {**event.summary, "folder": str(event.folder)})

    def waiting(self, event: Waiting) -> None:
        self.lines.emit("waiting", {"message": event.message})

    def interrupted(self, event: InterruptedSearch) -> None:
        folder = None if self.begun is None else str(self.begun.folder)
        runs = 0 if self.begun is None else self.begun.search.runs
        self.lines.emit("interrupted", {"runs": runs, "folder": folder})


class Bar(Plain):
    """A bar for the round, with the best so far; a line for each round that is over."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self.clock = clock
        self._live: Live | None = None
        self._drawn = -math.inf
        self._began, self._first = 0.0, 0

    def progress(self, event: RunsDone) -> None:
        if event.round.number != self._round:
            self._round, self._began, self._first = event.round.number, self.clock(), event.done
            self._drawn = -math.inf
        if event.done == event.total:
            self.close()
            self.say(self.words(event))
            return
        if not self.output.open or self.clock() - self._drawn < INTERVAL:
            return
        if self._live is None:
            self._live = live(console(self.output))
        self._live.update(self._view(event, self._live.console.width), refresh=True)
        self._drawn = self.clock()

    def _view(self, event: RunsDone, width: int) -> Text:
        from rich.text import Text

        share, done = event.done / max(1, event.total), event.done - self._first
        text = Text(f" {bar(share, max(6, width // 4), fancy=self.output.fancy)}", "green")
        left = ""
        if done > 0:
            each = (self.clock() - self._began) / done
            left = f"{remaining(each * (event.total - event.done))} left, "
        text.append(f" {left}{self.words(event)}", "default")
        text.truncate(width)
        return text

    def refitting(self, event: Refitting) -> None:
        self.close()
        super().refitting(event)

    def close(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()
