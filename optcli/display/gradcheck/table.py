"""The table of the checks, for a terminal or a pipe."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO, cast

from optcli.core.durations import counted
from optcli.display.gradcheck.tally import Tally
from optcli.display.output import Output
from optcli.display.table import GAP, Column, Table
from optcli.display.terminal import is_live
from optcli.display.text import duration, escaped, shortened_inside
from optcli.gradients.result import NOT_CHECKED, WRONG_GRADIENT, Result, entry_lines

if TYPE_CHECKING:
    from optcli.gradients.case import Case, CaseSet

WORST = 5  # entries that are listed
FAILED = 5  # names of which the first failed case is told
VERDICT = 13  # characters of the last column
LONGEST = 40  # words for a case, cut beyond


class GradientTable:
    """Lines as the checks come, then the worst entries and what it all came to.

    cases: a line for each case under its name, instead of one for each name.
    """

    def __init__(self, stream: TextIO, case_sets: Sequence[CaseSet], *, cases: bool) -> None:
        self.output = Output(stream)
        self.live = is_live(stream) and not os.environ.get("NO_COLOR")
        self.width = max(40, shutil.get_terminal_size((80, 24)).columns)
        self.cases, self.tally = cases, Tally()
        self.failed: list[Result] = []  # one of each name
        self.told: set[str] = set()  # what stands in the table already
        self.worst: Result | None = None
        self.fast = False  # whether "fast" stands in the table
        room = self.width - VERDICT - len(GAP)
        names = [case_set.name for case_set in case_sets]
        numbers = [
            Column("entries", "entries", least=7, rank=2),
            Column("error/tol", "error/tol", least=9),
        ]
        first = [Column("case", "case", least=min(LONGEST, room - 20), left=True)]
        if not cases:
            first = [Column("name", "name", names, left=True)]
            first += [Column("kind, cases", "kind, cases", least=13, left=True, rank=1)]
        self.table = Table([*first, *numbers], room)
        self._line({column.key: column.heading for column in self.table.columns}, "verdict", "dim")

    def __call__(self, checked: tuple[CaseSet, Sequence[tuple[Case, Result]]]) -> None:
        """The line of a name, or those of its cases."""
        case_set, found = checked
        results = [result for _, result in found]
        self.tally.take(results)
        failed = [result for result in results if not result.ok]
        if failed:
            # the others say the same most often; what is wrong before what was not checked
            self.failed.append(min(failed, key=lambda result: result.outcome == NOT_CHECKED))
        known = [result for result in results if result.outcome != NOT_CHECKED]
        known += [] if self.worst is None else [self.worst]
        self.worst = max(known, key=lambda result: result.worst_ratio, default=None)
        if not self.cases:
            self._row(
                {"name": case_set.name, "kind, cases": f"{case_set.kind}, {len(found)}"}, results
            )
            return
        self._say(f"{case_set.name} ({case_set.kind})", "bold")
        self.told.clear()
        for case, result in found:
            what = shortened_inside(case.what, self.table.sizes["case"] - 2)
            self._row({"case": f"  {what}"}, [result])
            for text in (result.reason, *result.problems):
                if text and text not in self.told:
                    self.told.add(text)
                    self._say(f"    {text}", "bold red")
            wanted = result.outcome == WRONG_GRADIENT or (result.ok and case_set.kind == "config")
            groups = result.groups() if wanted and result.unit == "entries" else []
            for group in groups if len(groups) > 1 else []:
                verdict = "WRONG" if group.failed else _kinks(group.kinks)
                cells = {
                    "case": f"    {shortened_inside(group.name, self.table.sizes['case'] - 4)}",
                    "entries": f"{group.entries:,}",
                    "error/tol": f"{group.ratio:.2g}",
                }
                self._line(cells, verdict, "bold red" if group.failed else "dim")

    def finish(self, seconds: float, notes: Iterable[str] = ()) -> None:
        """The entries that failed, or the worst that did not, and the verdict on all."""
        for result in self.failed[:FAILED]:
            self._say("")
            self._say(f"{result.name}: {result.words()}", "bold red")
            for line in result.lines(WORST, self.width)[1:]:
                self._say(line)
        shown = min(len(self.failed), FAILED)
        if self.tally.failed > shown > 0:
            self._say(f"… and {self.tally.failed - shown} more")
        if not self.failed and self.cases and self.worst is not None:
            self._say("")
            self._say(f"largest deviation from the numerical gradient: {self.worst.name}")
            for line in entry_lines(self.worst.worst(WORST), self.width):
                self._say(line)
        self._say("")
        for line in self._legend():
            self._say(line)
        for note in notes:
            self._say(f"note: {note}")
        said = f"{self.tally.words()}, {duration(seconds)}"
        wrong, not_checked = self.tally.wrong, self.tally.not_checked
        if wrong:
            more = f"; {not_checked:,} not checked" if not_checked else ""
            self._say(f"WRONG: {wrong:,} of {said}{more}", "bold red")
        elif not_checked:
            self._say(f"not checked: {not_checked:,} of {said}", "bold red")
        else:
            self._say(f"all correct: {said}", "bold green")

    def close(self) -> None:
        """Nothing is left open."""

    def _legend(self) -> list[str]:
        """What the columns of the table are."""
        lines = ["error/tol: largest error of an entry, divided by its tolerance; above 1 is wrong"]
        if self.fast:
            lines.append("fast: a large gradient, checked along random directions only")
        return lines

    def _row(self, words: dict[str, str], results: Sequence[Result]) -> None:
        projected = {result.unit for result in results} == {"projections"}
        self.fast = self.fast or projected
        cells = words | {
            "entries": "fast" if projected else f"{sum(len(r.ratio) for r in results):,}",
            "error/tol": _ratio(results),
        }
        outcomes = {result.outcome for result in results}
        if WRONG_GRADIENT in outcomes:
            verdict = "WRONG"
        elif NOT_CHECKED in outcomes:
            verdict = NOT_CHECKED
        else:
            verdict = _kinks(sum(result.count("kink") for result in results))
        failed = {WRONG_GRADIENT, NOT_CHECKED} & outcomes
        self._line(cells, verdict, "bold red" if failed else "")

    def _line(self, cells: Mapping[str, str], verdict: str, style: str) -> None:
        (line,) = self.table.row({key: escaped(cell) for key, cell in cells.items()})
        used = sum(self.table.sizes.values()) + len(GAP) * (len(self.table.sizes) - 1)
        self._say(f"{line:<{used}}{GAP}{verdict}", style)

    def _say(self, text: str, style: str = "") -> None:
        """Lines of at most the width, broken at blanks."""
        text = escaped(text)
        indent = " " * (len(text) - len(text.lstrip())) or "  "
        for line in textwrap.wrap(text, self.width, subsequent_indent=indent) or [""]:
            self._write(line if len(text) > self.width else text, style)

    def _write(self, text: str, style: str) -> None:
        if not (self.live and style):
            self.output.line(text)
            return
        from rich.console import Console
        from rich.text import Text

        console = Console(
            file=cast(TextIO, self.output), force_terminal=True, highlight=False, markup=False
        )
        console.print(Text(self.output.encodable(text), style=style), soft_wrap=True)


def _kinks(kinks: int) -> str:
    """`ok`, and how many entries are at kinks."""
    return f"ok, {counted(kinks, 'kink')}" if kinks else "ok"


def _ratio(results: Sequence[Result]) -> str:
    """The largest error over tolerance of those that were checked."""
    found = [result.worst_ratio for result in results if result.outcome != NOT_CHECKED]
    return f"{max(found):.2g}" if found else ""
