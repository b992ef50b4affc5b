"""Found: what a comparison leaves, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.comparison.study import Progress, Study


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    folder: where it lies. summary: what summary.json says. study: the runs themselves.
    notes: sentences worth saying.
    """

    folder: Path
    summary: Mapping[str, Any]
    study: Study
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """The comparisons of several configs, each in a folder of its own under `folder`."""

    folder: Path
    found: Mapping[str, Comparison]
    summary: Mapping[str, Any]


class Listener:
    """Is told how a comparison goes; says nothing by itself."""

    def started(self, study: Study, title: str, notes: Sequence[str]) -> None:
        """A comparison is about to begin."""

    def progress(self, progress: Progress) -> None:
        """Some runs are done."""

    def found(self, found: Comparison) -> None:
        """It is done."""

    def benchmark(self, benchmark: Benchmark) -> None:
        """All configs are done."""
