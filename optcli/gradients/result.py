"""Result: what a check found, entry by entry, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from optcli.arrays import Array
from optcli.errors import OptcliError
from optcli.gradients.differences import KINK, UNRESOLVED, VERDICTS, WRONG


class WrongGradient(OptcliError, AssertionError):
    """A gradient is not that of its function; the text names the entries."""


@dataclass(frozen=True)
class Entry:
    """One entry of a gradient, or one projection of it.

    ratio: the error over its tolerance. verdict: one of VERDICTS.
    """

    index: int
    label: str
    analytic: float
    numeric: float
    ratio: float
    verdict: str


@dataclass(frozen=True)
class Group:
    """The entries of one weight, or one layer's: how many, the worst, and how many failed."""

    name: str
    entries: int
    ratio: float
    kinks: int
    failed: int


@dataclass(frozen=True, repr=False)
class Result:
    """What a check found.

    analytic, numeric, ratio (error over tolerance), verdict (index into VERDICTS): one
    for each entry. labels: of the entries. unit: what the entries are. problems: what
    is wrong besides, in sentences. value, noise: f(x), and the error it has.
    """

    name: str
    analytic: Array
    numeric: Array
    ratio: Array
    verdict: Array
    labels: Sequence[str]
    value: float
    noise: float
    unit: str = "entries"
    problems: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every entry is right, or lies at a kink between the slopes of its sides."""
        return not self.failed.any() and not self.problems

    def __bool__(self) -> bool:
        return self.ok

    @property
    def failed(self) -> Array:
        """Which entries (P,) are wrong, or could not be checked."""
        return np.asarray((self.verdict == WRONG) | (self.verdict == UNRESOLVED))

    @property
    def verdicts(self) -> list[str]:
        """A word for each entry: `ok`, `kink`, `wrong`, `unresolved`."""
        return [VERDICTS[v] for v in self.verdict]

    @property
    def worst_ratio(self) -> float:
        """The largest error over tolerance."""
        return float(self.ratio.max(initial=0.0))

    def count(self, verdict: str) -> int:
        """How many entries have it."""
        return int((self.verdict == VERDICTS.index(verdict)).sum())

    def entry(self, index: int) -> Entry:
        """All that is known of one entry."""
        analytic, numeric, ratio = (
            float(of[index]) for of in (self.analytic, self.numeric, self.ratio)
        )
        verdict = VERDICTS[self.verdict[index]]
        return Entry(index, self.labels[index], analytic, numeric, ratio, verdict)

    def worst(self, count: int = 5) -> list[Entry]:
        """The entries with the largest error over tolerance; those that failed come first."""
        order = np.lexsort((np.arange(len(self.ratio)), -self.ratio, ~self.failed))
        return [self.entry(int(index)) for index in order[:count]]

    def groups(self) -> list[Group]:
        """The entries by what stands before the bracket of their label, as in `dense1.weight`."""
        names = np.array([label.partition("[")[0] for label in self.labels])
        found = []
        for name in dict.fromkeys(names.tolist()):
            own = names == name
            kinks, failed = int((self.verdict[own] == KINK).sum()), int(self.failed[own].sum())
            found.append(Group(name, int(own.sum()), float(self.ratio[own].max()), kinks, failed))
        return found

    def counts(self) -> str:
        """`20 entries: 18 ok, 2 wrong`."""
        found = [(self.count(v), v) for v in VERDICTS]
        said = ", ".join(f"{n:,} {v}" for n, v in found if n)
        return f"{len(self.ratio):,} {self.unit}: {said}"

    def hint(self) -> str:
        """What all wrong entries have in common, if it is a factor; else nothing."""
        wrong = self.verdict == WRONG
        numeric, analytic = self.numeric[wrong], self.analytic[wrong]
        large = np.abs(numeric) > 1e-3 * np.abs(numeric).max(initial=0)
        if large.sum() < 2 or not np.isfinite(analytic).all():
            return ""
        factors = analytic[large] / numeric[large]
        factor = float(np.median(factors))
        if np.abs(factors - factor).max() > 1e-5 * max(abs(factor), 1e-3):
            return ""
        who = "every entry" if wrong.sum() + self.count("kink") == len(wrong) else "every wrong one"
        if abs(factor) < 1e-8:
            return f"{who} is 0"
        if abs(factor + 1) < 1e-5:
            return f"{who} has the wrong sign"
        return f"{who} is {factor:.6g} times the numeric slope"

    def raise_if_wrong(self) -> None:
        """Raise WrongGradient, an AssertionError, if any entry is wrong or could not be checked."""
        if not self.ok:
            raise WrongGradient(str(self))

    def lines(self, most: int = 5, width: int = 100) -> list[str]:
        """The verdict, the worst entries, and what may have gone wrong."""
        shown = self.worst(1)
        if not self.ok:
            shown = [entry for entry in self.worst(most) if self.failed[entry.index]]
        hints = [f"  {text}" for text in (*self.problems, self.hint()) if text]
        return [f"{self.name}: {self.words()}", *entry_lines(shown, width), *hints]

    def words(self) -> str:
        """The verdict in words: `the gradient is right (20 entries: 20 ok)`."""
        if self.ok:
            verdict = "is right"
        elif self.problems or (self.verdict == WRONG).any():
            verdict = "is WRONG"
        else:
            verdict = "could not be checked"
        return f"the gradient {verdict} ({self.counts()})"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__


def entry_lines(entries: Sequence[Entry], width: int = 100) -> list[str]:
    """A heading, and a line for each entry; where the width demands it shorter, or two."""
    if not entries:
        return []
    for digits, verdicts in ((9, True), (6, False)):
        lines = _columns(entries, digits, verdicts=verdicts)
        if max(map(len, lines)) <= width:
            return lines
    apart = [replace(entry, label="") for entry in entries]
    heading, *lines = _columns(apart, 6, verdicts=False)
    pairs = [(f"  {e.label}", line) for e, line in zip(entries, lines, strict=True)]
    return [heading, *(line for pair in pairs for line in pair)]


def _columns(entries: Sequence[Entry], digits: int, *, verdicts: bool) -> list[str]:
    rows = [("entry", "analytic", "numeric", "error/tol", "")]
    for e in entries:
        analytic, numeric = (f"{slope:.{digits}g}" for slope in (e.analytic, e.numeric))
        verdict = e.verdict if verdicts else ""
        rows.append((e.label, analytic, numeric, f"{e.ratio:.2g}", verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return [
        (
            f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}"
            f"  {row[3]:>{widths[3]}}  {row[4]}"
        ).rstrip()
        for row in rows
    ]
