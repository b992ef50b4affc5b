"""Result: the result of a check by entry, and its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import OptcliError
from optcli.gradients.differences import KINK, UNRESOLVED, VERDICTS, WRONG

# The outcomes of a check.
RIGHT_GRADIENT, WRONG_GRADIENT, NOT_CHECKED = "right", "wrong", "not checked"


class WrongGradient(OptcliError, AssertionError):
    """The gradient is wrong; the text names the entries."""


class UncheckedGradient(WrongGradient):
    """The gradient could not be checked; the text says why."""


@dataclass(frozen=True)
class GradientEntry:
    """One entry of a gradient, or one projection of it.

    ratio: error divided by tolerance. verdict: one of VERDICTS.
    """

    index: int
    label: str
    analytic: float
    numeric: float
    ratio: float
    verdict: str


@dataclass(frozen=True)
class ArrayEntries:
    """The entries of one parameter array: their number, the largest ratio, kinks and failures."""

    name: str
    entries: int
    ratio: float
    kinks: int
    failed: int


@dataclass(frozen=True, repr=False)
class Result:
    """The result of a check.

    analytic, numeric, ratio (error divided by tolerance), verdict (index into VERDICTS): one
    for each entry. labels: names of the entries. value, noise: f(x) and its error. seen:
    which entries exceed the noise, so that an error would be detected. unit: `entries` or
    `projections`. problems: other faults, as sentences. reason: why the gradient could not
    be checked; empty if it was. notes: further remarks.
    """

    name: str
    analytic: Array
    numeric: Array
    ratio: Array
    verdict: Array
    labels: Sequence[str]
    value: float
    noise: float
    seen: Array
    unit: str = "entries"
    problems: tuple[str, ...] = field(default=())
    reason: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def outcome(self) -> str:
        """`right`, `wrong` or `not checked`."""
        if self.problems or (self.verdict == WRONG).any():
            return WRONG_GRADIENT
        if self.reason or (self.verdict == UNRESOLVED).any():
            return NOT_CHECKED
        return RIGHT_GRADIENT

    @property
    def ok(self) -> bool:
        """Whether every entry is right, or lies at a kink between the slopes of its sides."""
        return self.outcome == RIGHT_GRADIENT

    def __bool__(self) -> bool:
        return self.ok

    @property
    def failed(self) -> Array:
        """Which entries (P,) are wrong or could not be checked."""
        return np.asarray((self.verdict == WRONG) | (self.verdict == UNRESOLVED))

    @property
    def verdicts(self) -> list[str]:
        """The verdict of each entry: `ok`, `kink`, `wrong` or `unresolved`."""
        return [VERDICTS[v] for v in self.verdict]

    @property
    def worst_ratio(self) -> float:
        """The largest ratio of error to tolerance."""
        return float(self.ratio.max(initial=0.0))

    def count(self, verdict: str) -> int:
        """The number of entries with this verdict."""
        return int((self.verdict == VERDICTS.index(verdict)).sum())

    def entry(self, index: int) -> GradientEntry:
        """One entry by index."""
        analytic, numeric, ratio = (
            float(of[index]) for of in (self.analytic, self.numeric, self.ratio)
        )
        verdict = VERDICTS[self.verdict[index]]
        return GradientEntry(index, self.labels[index], analytic, numeric, ratio, verdict)

    def worst(self, count: int = 5) -> list[GradientEntry]:
        """The entries with the largest ratios; failed ones come first."""
        order = np.lexsort((np.arange(len(self.ratio)), -self.ratio, ~self.failed))
        return [self.entry(int(index)) for index in order[:count]]

    def groups(self) -> list[ArrayEntries]:
        """The entries grouped by parameter array, such as `dense1.weight`."""
        names = np.array([label.partition("[")[0] for label in self.labels])
        found = []
        for name in dict.fromkeys(names.tolist()):
            own = names == name
            kinks, failed = int((self.verdict[own] == KINK).sum()), int(self.failed[own].sum())
            found.append(
                ArrayEntries(name, int(own.sum()), float(self.ratio[own].max()), kinks, failed)
            )
        return found

    def counts(self) -> str:
        """`20 entries: 18 ok, 2 wrong`."""
        found = [(self.count(v), v) for v in VERDICTS]
        counts = ", ".join(f"{n:,} {v}" for n, v in found if n)
        return f"{len(self.ratio):,} {self.unit}: {counts}"

    def hint(self) -> str:
        """The common factor of all wrong entries, in words; empty if there is none."""
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
        return f"{who} is {factor:.6g} times the numerical gradient"

    def raise_if_wrong(self) -> None:
        """Raise WrongGradient, an AssertionError, unless the gradient is right.

        The error is an UncheckedGradient if the gradient could not be checked.
        """
        if self.outcome == NOT_CHECKED:
            raise UncheckedGradient(str(self))
        if not self.ok:
            raise WrongGradient(str(self))

    def lines(self, most: int = 5, width: int = 100) -> list[str]:
        """The verdict, the worst entries, problems and hints."""
        shown = self.worst(1)
        if self.outcome == NOT_CHECKED:
            shown = []
        elif not self.ok:
            shown = [entry for entry in self.worst(most) if self.verdict[entry.index] == WRONG]
        hints = [f"  {text}" for text in (*self.problems, self.hint(), *self.notes) if text]
        return [f"{self.name}: {self.words()}", *entry_lines(shown, width), *hints]

    def words(self) -> str:
        """The verdict in words: `the gradient is right (20 entries: 20 ok)`."""
        if self.outcome == NOT_CHECKED:
            return f"the gradient could not be checked: {self.reason}"
        verdict = "is right" if self.ok else "is WRONG"
        return f"the gradient {verdict} ({self.counts()})"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__


def entry_lines(entries: Sequence[GradientEntry], width: int = 100) -> list[str]:
    """A heading, and a line for each entry, or two where the width is small."""
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


def _columns(entries: Sequence[GradientEntry], digits: int, *, verdicts: bool) -> list[str]:
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
