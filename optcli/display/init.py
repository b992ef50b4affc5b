"""What `optcli init` shows: what is predicted, each column that is not plain, what to do next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from optcli.core.shell import quoted
from optcli.display.jsonl import JsonLines
from optcli.display.listener import Listener, Quiet, choose
from optcli.display.output import Output
from optcli.display.sections import WIDEST
from optcli.display.terminal import console, live, width_of
from optcli.display.text import bar, escaped, number, remaining, shortened, wrapped

if TYPE_CHECKING:
    from rich.live import Live

    from optcli.api.init import Starter
    from optcli.starter.trial import Trying

MOST = 40  # columns that are shown one by one
NAME = 30  # characters of a name
FIRST, INTERVAL = 0.5, 0.25  # seconds before the bar is shown, and between two refreshes
BAR = 20


def listener(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """Who is told which models are tried: a terminal is, nobody else."""
    return choose(quiet, json, stream, plain=lambda _: Quiet(), lines=lambda _: Quiet(), live=Bar)


class Bar:
    """A line that says which model is being tried; gone at the end.

    clock: seconds, for the refreshes and the remaining time.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.output = Output(stream)
        self.clock = clock
        self._live: Live | None = None
        self._began: float | None = None
        self._next = 0.0

    def __call__(self, event: Trying) -> None:
        now = self.clock()
        if self._began is None:
            self._began, self._next = now, now + FIRST
        if now < self._next or not self.output.open:
            return
        self._next = now + INTERVAL
        from rich.text import Text

        self._live = self._live or live(console(self.output))
        self._live.update(Text(self._line(event, now - self._began)), refresh=True)

    def finish(self, *results: object, **more: object) -> None:
        """What was found is told on another stream."""
        self.close()

    def close(self) -> None:
        """Take the line away, if it is there."""
        if self._live is not None:
            shown, self._live = self._live, None
            shown.stop()

    def _line(self, event: Trying, seconds: float) -> str:
        share = bar(event.share, BAR, fancy=self.output.fancy)
        rest = remaining(seconds * (1 - event.share) / event.share)
        head = f"trying models {share} {event.number}/{event.total}, {rest}"
        said = f"{head}: {event.candidate.said}"
        width = width_of(WIDEST) - 1
        return said if len(said) <= width else head[:width]


def starter(found: Starter, *, quiet: bool, json: bool, stream: TextIO) -> None:
    """The config where it was not written to a file; else what is in it."""
    if json:
        JsonLines(stream).emit(
            "config",
            {
                "file": None if found.file is None else str(found.file),
                "text": found.text,
                "config": found.config,
                "rows": found.rows,
                "goal": found.goal,
                "columns": found.columns,
                "tried": [
                    {"candidate": each.candidate.said, "loss": each.loss}
                    for each in found.proposal.tried
                ],
            },
        )
        return
    output = Output(stream)
    if found.file is None:
        for line in found.text.splitlines():
            output.line(line)
    elif not quiet:
        for line in _lines(found, width_of(WIDEST)):
            output.line(line)


def _lines(found: Starter, width: int) -> Iterator[str]:
    said = [f for f in found.proposal.findings if f.said]
    plain = sum(not f.said and f.use == "input" for f in found.proposal.findings)
    head = f"{found.table}: {found.rows:,} rows; predicts {found.goal}"
    yield from wrapped(escaped(head), width)
    for finding in said[:MOST]:
        name = shortened(escaped(finding.name), NAME)
        end = ": excluded" if finding.use == "excluded" else ""
        first, *rest = wrapped(f"{name} {escaped(finding.said)}{end}", width - 4)
        yield f"  - {first}"
        yield from (f"    {line}" for line in rest)
    if len(said) > MOST:
        yield f"  - and {len(said) - MOST:,} more"
    if plain and said:
        yield f"  - {plain:,} further column{'s' * (plain > 1)} as they are"
    yield from wrapped(f"model: {_model(found)}", width)
    yield ""
    yield f"wrote {found.file}; next: optcli train {quoted(str(found.file))}"


def _model(found: Starter) -> str:
    """The chosen model, with the losses that speak for it."""
    model = found.config["model"]["name"]
    if not found.proposal.tried:
        return f"{model}, by the number of rows"
    least: dict[str, float] = {}
    for each in found.proposal.tried:
        kind = each.candidate.kind
        least[kind] = min(each.loss, least.get(kind, each.loss))
    told = ", ".join(f"{kind} {number(loss)}" for kind, loss in least.items())
    return f"{model}, by cross-validation (loss: {told})"
