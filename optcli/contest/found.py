"""Found: what a comparison leaves, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from optcli.comparison.plan import Contest, Progress


@dataclass(frozen=True)
class Found:
    """A finished comparison.

    folder: where it lies. summary: what summary.json says. contest: the runs themselves.
    notes: sentences worth saying.
    """

    folder: Path
    summary: Mapping[str, Any]
    contest: Contest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """The comparisons of several configs, each in a folder of its own under `folder`."""

    folder: Path
    found: Mapping[str, Found]
    summary: Mapping[str, Any]


class Listener(Protocol):
    """Who is told how a comparison goes."""

    def started(self, contest: Contest, title: str, notes: Sequence[str]) -> None:
        """A comparison is about to begin."""

    def progress(self, progress: Progress) -> None:
        """Some runs are done."""

    def found(self, found: Found) -> None:
        """It is done."""

    def benchmark(self, benchmark: Benchmark) -> None:
        """All configs are done."""
