"""Result: what a comparison leaves, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.comparison.study import RunsDone, Study


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
class FiguresDrawn:
    """The figures of a comparison are drawn. names: of their files in the folder."""

    folder: Path
    names: Sequence[str]


@dataclass(frozen=True)
class ModelsKept:
    """Models of final runs are kept: `done` of `total`. folder: of all of them."""

    folder: Path
    done: int
    total: int


@dataclass(frozen=True)
class Benchmark:
    """The comparisons of several configs, each in a folder of its own under `folder`."""

    folder: Path
    found: Mapping[str, Comparison]
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class ComparisonStarted:
    """A comparison is about to begin. title: its config's. notes: on the data and the settings."""

    study: Study
    title: str
    notes: Sequence[str]


@dataclass(frozen=True)
class BenchmarkStarted:
    """Comparisons on several configs are about to begin, of these entries, on so many seeds.

    runs: of all together, about. notes: on what can be claimed, and who takes part where.
    """

    configs: Sequence[str]
    entries: Sequence[str]
    seeds: int
    runs: int
    notes: Sequence[str]


@dataclass(frozen=True)
class Waiting:
    """Workers keep a comparison waiting, or are left out. message: which, and why."""

    message: str


# Is called with `ComparisonStarted`, then each `RunsDone`, then the `Comparison`, then
# `FiguresDrawn`; of several configs with `BenchmarkStarted` before and the `Benchmark` after them;
# with `Waiting` at any time, and at the end with `ModelsKept` for each model that is to be kept.
Listener = Callable[
    [
        Waiting
        | BenchmarkStarted
        | ComparisonStarted
        | RunsDone
        | Comparison
        | FiguresDrawn
        | ModelsKept
        | Benchmark
    ],
    object,
]
