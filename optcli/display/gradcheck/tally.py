"""Tally: what the checks came to so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from optcli.core.durations import counted
from optcli.gradients.result import NOT_CHECKED, WRONG_GRADIENT, Result


@dataclass
class Tally:
    """What a run of checks came to so far."""

    results: int = 0
    entries: int = 0
    failed: int = 0  # wrong, or not checked
    wrong: int = 0
    not_checked: int = 0
    kinks: int = 0

    def take(self, results: Iterable[Result]) -> None:
        """Count some more."""
        for result in results:
            self.results += 1
            self.entries += len(result.ratio)
            self.failed += not result.ok
            self.wrong += result.outcome == WRONG_GRADIENT
            self.not_checked += result.outcome == NOT_CHECKED
            self.kinks += result.count("kink")

    def words(self) -> str:
        """`285 gradients, 12,411 entries, 164 of them at kinks`."""
        said = f"{counted(self.results, 'gradient')}, {self.entries:,} entries"
        kinks = "a kink" if self.kinks == 1 else "kinks"
        return said + (f", {self.kinks:,} of them at {kinks}" if self.kinks else "")
