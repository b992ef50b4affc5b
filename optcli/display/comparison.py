"""What `optcli compare` says: how far it is, a table best first, the pairs, the verdict."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from optcli.comparison.plan import Contest, Progress
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.pick import is_live
from optcli.display.words import bar, escaped, metric, number, remaining, short

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

GAP = "  "
INTERVAL = 0.2  # seconds between two refreshes, at least
WIDEST = 110
MOST_PAIRS = 6
SPOKEN = 10.0  # percent between two plain lines
PHASES = {"tune": "tuning", "extend": "beyond the edge", "final": "final runs"}


def pick(quiet: bool, json: bool, stream: TextIO | None) -> Quiet:
    """The listener for a comparison that is told to `stream` (None where stdout is closed)."""
    if stream is None or (quiet and not json):
        return Quiet()
    if json:
        return Lines(stream)
    return Live_(stream) if is_live(stream) else Plain(stream)


class Quiet:
    """Says nothing."""

    def started(self, contest: Contest, title: str, notes: Sequence[str]) -> None:
        """A comparison is about to begin."""

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
        self.output = Output(stream)
        self._phase = ""
        self._spoken = 0.0

    def started(self, contest: Contest, title: str, notes: Sequence[str]) -> None:
        for line in _head(contest, title, notes):
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
        for line in report(found.summary, _width(), fancy=self.output.fancy):
            self.output.line(line)
        self.output.line(escaped(f"comparison folder: {found.folder}"))

    def benchmark(self, benchmark: Any) -> None:
        for line in across(benchmark.summary, _width()):
            self.output.line(line)
        self.output.line(escaped(f"comparison folder: {benchmark.folder}"))


class Lines(Quiet):
    """The same for programs: `started`, `progress`, `optimizer`, `pair`, `summary`."""

    def __init__(self, stream: TextIO) -> None:
        self.lines = JsonLines(stream)

    def started(self, contest: Contest, title: str, notes: Sequence[str]) -> None:
        fields = {
            "config": title,
            "entries": [entry.label for entry in contest.entries],
            "seeds": contest.budget.seeds,
            "tune_seeds": contest.budget.tuning_seeds,
            "notes": list(notes),
        }
        self.lines.emit("started", fields)

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


class Live_(Plain):  # noqa: N801 (rich has the name)
    """A row for each that takes part, with a bar and the best so far; then the table."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self.clock = clock
        self._live: Live | None = None
        self._drawn = -math.inf
        self._began = 0.0
        self._first = 0

    def started(self, contest: Contest, title: str, notes: Sequence[str]) -> None:
        self.close()
        super().started(contest, title, notes)

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
        from rich.console import Console
        from rich.live import Live

        if self._live is None:
            console = Console(
                file=cast(TextIO, self.output),
                force_terminal=True,
                no_color=bool(os.environ.get("NO_COLOR")),
                highlight=False,
                markup=False,
                emoji=False,
            )
            self._live = Live(
                console=console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            console.show_cursor(True)
        self._live.update(self._view(progress, self._live.console.width), refresh=True)

    def _view(self, progress: Progress, width: int) -> Text:
        from rich.text import Text

        longest = max(len(label) for label in progress.needed)
        name = min(longest, max(8, width - 44))
        lines = []
        for label, needed in progress.needed.items():
            done = progress.finished[label]
            text = Text(f" {_cut(escaped(label), name):<{name}} ")
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


# ---- in words ------------------------------------------------------------------------


def report(summary: Mapping[str, Any], width: int, *, fancy: bool = True) -> list[str]:
    """The table, the pairs, the verdict, and on what they stand."""
    lines = table(summary, width)
    pairs = summary["pairs"]
    if 1 < len(pairs) <= MOST_PAIRS:
        lines += ["", *_pairs(summary, width)]
    lines += ["", *wrapped(summary["verdict"], width), *wrapped(summary["note"], width)]
    lines += wrapped(_terms(summary, lines[0].split()), width)
    return [escaped(line) for line in lines]


def table(summary: Mapping[str, Any], width: int) -> list[str]:
    """Aligned lines, best first; where there is no room the last named below go first."""
    rows = summary["optimizers"]
    what = summary["quantity"].replace("validation_", "").replace("_", " ")
    other = _other(summary)
    columns = {
        "rank": [_rank(row) for row in rows],
        "optimizer": [row["label"] for row in rows],
        "lr": [short(row["hyperparameters"]["lr"]) for row in rows],
        what: [number(row["median"]) for row in rows],
        "95 % interval": [f"[{brief(row['ci_low'])}, {brief(row['ci_high'])}]" for row in rows],
        "to target": [_steps(row) for row in rows],
        "step": [_price(row) for row in rows],
        "diverged": [f"{row['diverged']}/{summary['seeds']}" for row in rows],
        "default": [_default(row) for row in rows],
        "band": [_band(row) for row in rows],
    }
    if other is not None:
        name = other.removeprefix("validation_")
        columns[name] = [metric(row["metrics"][other]) for row in rows]
    if any(row["test"] for row in rows):
        columns["test"] = [_test(row, summary["quantity"]) for row in rows]
    if not any(row["diverged"] for row in rows):
        del columns["diverged"]
    if summary["target"] is None:
        del columns["to target"]
    for spare in ["", *list(columns)[:4:-1], "95 % interval"]:
        columns.pop(spare, None)
        sizes = {name: max(len(name), *map(len, cells)) for name, cells in columns.items()}
        over = sum(sizes.values()) + len(GAP) * (len(sizes) - 1) - width
        if over <= 0:
            break
    else:
        sizes["optimizer"] = max(9, sizes["optimizer"] - over)
    lines = []
    for cells in zip(*[[name, *values] for name, values in columns.items()], strict=True):
        parts = [
            _cut(cell, size).ljust(size) if name == "optimizer" else cell.rjust(size)
            for (name, size), cell in zip(sizes.items(), cells, strict=True)
        ]
        lines.append(GAP.join(parts).rstrip())
    return lines


def _other(summary: Mapping[str, Any]) -> str | None:
    """A further measure that all have, the first one."""
    everyone = [row["metrics"] for row in summary["optimizers"]]
    said = (summary["quantity"], "validation_loss")
    shared = [name for name in everyone[0] if all(name in own for own in everyone)]
    return next((name for name in shared if name not in said), None)


def _rank(row: Mapping[str, Any]) -> str:
    return f"{row['rank']}{'=' if row['tied_with'] else ''}"


def _steps(row: Mapping[str, Any]) -> str:
    steps = row["steps_to_target"]
    if steps is None or not steps["reached"]:
        return "never"
    count = len(steps["values"])
    median = f"{steps['median']:,.0f}" if math.isfinite(steps["median"]) else "inf"
    return median if steps["reached"] == count else f"{median} ({steps['reached']}/{count})"


def _price(row: Mapping[str, Any]) -> str:
    return "-" if row["step_cost"] is None else f"{row['step_cost']:.2f}x"


def _default(row: Mapping[str, Any]) -> str:
    return brief(row["default"]["median"])


def _band(row: Mapping[str, Any]) -> str:
    return "-" if row["band"] is None else f"{row['band']['decades']:.1f}"


def _test(row: Mapping[str, Any], quantity: str) -> str:
    name = quantity.removeprefix("validation_")
    value = (row["test"] or {}).get(name, math.nan)
    return number(value)


def _pairs(summary: Mapping[str, Any], width: int) -> list[str]:
    """A line for each pair: who is better, by how much, and how sure that is."""
    lines = []
    for pair in summary["pairs"]:
        a, b, share = pair["a"], pair["b"], pair["better_in"]
        numbers = [pair[name] for name in ("difference", "ci_low", "ci_high")]
        if pair["verdict"] == "tied":
            words = f"{a} and {b} tied: difference"
        else:
            numbers = [abs(numbers[0]), *sorted(map(abs, numbers[1:]))]
            if pair["verdict"] == "b":
                a, b, share = b, a, 1 - share
            words = f"{a} beats {b}: by"
        size, low, high = map(brief, numbers)
        better = "" if pair["verdict"] != "tied" else f"{a} "
        seeds = f"{better}better in {share * summary['seeds']:g} of {summary['seeds']}"
        lines.append(f"{words} {size} [{low}, {high}], p {pair['p_value']:.2g}, {seeds}")
    return [part for line in lines for part in wrapped(line, width)]


def _terms(summary: Mapping[str, Any], columns: Sequence[str]) -> str:
    """How many runs, the target, and what the columns of the table are."""
    words = [f"{summary['trials']} runs in all"]
    if summary["extended"]:
        words.append(f"three more rates for {', '.join(summary['extended'])}")
    if summary["target"] is not None:
        steps = sorted({step for own in summary["resolution"].values() for step in own})
        each = " or ".join(f"{step:,}" for step in steps)
        words.append(f"target {number(summary['target'])}, looked for every {each} steps")
    if "step" in columns:
        words.append("step: its price, over one of sgd")
    if "band" in columns:
        words.append("band: decades of learning rate that come within 5 % of the best")
    return "; ".join(words)


def across(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table over several configs."""
    rows = summary["performances"]
    lines = [""]
    if rows:
        size = max(9, *(len(row["label"]) for row in rows))
        size = min(size, max(9, width - 34))
        lines.append(f"{'optimizer':<{size}}  score  average rank  speed-up")
        for row in rows:
            name = f"{_cut(row['label'], size):<{size}}"
            lines.append(
                f"{name}  {row['score']:5.2f}  {row['average_rank']:12.2f}  {row['speed_up']:7.2f}x"
            )
        few = len(summary["counted"]) < 6
        words = f"over {len(summary['counted'])} configs, speed-up over {summary['reference']}"
        if len(rows) > 2:
            words += "; the score compares each with the best, not with each other"
        if few:
            words += "; no verdict across fewer than six"
        lines += wrapped(words, width)
    if summary["unsolved"]:
        lines += wrapped(f"nobody reached the target: {', '.join(summary['unsolved'])}", width)
    return [escaped(line) for line in lines]


def _head(contest: Contest, title: str, notes: Sequence[str]) -> list[str]:
    budget = contest.budget
    rates = f"{budget.settings} settings" if budget.settings else f"{budget.rates} learning rates"
    words = (
        f"{title}: {rates} each on {budget.tuning_seeds} seeds, "
        f"then the best and the default on {budget.seeds} others"
    )
    lines = wrapped(words, _width())
    for note in notes:
        lines += wrapped(f"note: {note}", _width())
    return [escaped(line) for line in [*lines, ""]]


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken at spaces."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def brief(value: float) -> str:
    """Three significant digits: `0.00987`, `-0.413`, `1.23e+04`."""
    return f"{value:.3g}" if math.isnan(value) or abs(value) < 0.01 else f"{value:#.3g}".rstrip(".")


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 3] + "..."


def _width() -> int:
    return min(WIDEST, shutil.get_terminal_size((80, 24)).columns)
