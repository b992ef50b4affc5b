"""Result: what a comparison leaves, and who is told how it goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.comparison.study import RunsDone, Study
from optcli.core.durations import counted
from optcli.core.html_table import html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class FinishedComparison:
    """A comparison in its folder.

    folder: where it lies. summary: what summary.json says, with infinity and NaN where JSON has
    null.
    """

    folder: Path
    summary: Mapping[str, Any]

    @property
    def summaries(self) -> dict[str, Mapping[str, Any]]:
        """The summary of each config, by its title; of one by no title."""
        return {"": self.summary}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.folder}: {self.summary['verdict']}>"

    def plot(self) -> Figure:
        """The curves of the final runs, by step, as a matplotlib figure.

        Raises InvalidInput where the folder is damaged, or of optcli 0.1.
        """
        from optcli.comparison.figures import stored_curves

        return stored_curves(self.folder, self.summary, self.folder.name)

    def _repr_html_(self) -> str:
        """The ranking as a table, for a notebook."""
        rows = [
            [
                f"{row['rank']}{'=' if row['tied_with'] else ''}",
                row["label"],
                f"{row['hyperparameters'].get('lr', math.nan):.3g}",
                f"{row['median']:.5g}",
                f"{row['ci_low']:.5g} to {row['ci_high']:.5g}",
            ]
            for row in self.summary["optimizers"]
        ]
        quantity = str(self.summary["quantity"]).replace("_", " ")
        headings = ["rank", "optimizer", "lr", f"median {quantity}", "95 % interval"]
        return html_table(str(self.folder), headings, rows, [self.summary["verdict"]])


@dataclass(frozen=True, repr=False)
class Comparison(FinishedComparison):
    """A comparison that has just ended.

    study: the runs themselves. notes: sentences worth saying.
    """

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


@dataclass(frozen=True, repr=False)
class Benchmark:
    """The comparisons of several configs, each in a folder of its own under `folder`."""

    folder: Path
    found: Mapping[str, FinishedComparison]
    summary: Mapping[str, Any]

    @property
    def summaries(self) -> dict[str, Mapping[str, Any]]:
        """The summary of each config, by its title."""
        return {title: each.summary for title, each in self.found.items()}

    def __repr__(self) -> str:
        return f"<Benchmark {self.folder}: {self.summary['verdict']}>"

    def plot(self) -> Figure:
        """The performance profile over the configs, as a matplotlib figure."""
        from optcli.comparison.figures import profile_figure

        return profile_figure(self.summary, self.folder.name)

    def _repr_html_(self) -> str:
        """The verdict on each config as a table, for a notebook."""
        rows = [[title, said] for title, said in self.summary["configs"].items()]
        below = [self.summary["verdict"]]
        return html_table(str(self.folder), ["config", "verdict"], rows, below)


@dataclass(frozen=True, repr=False)
class FinishedShard:
    """One shard of a comparison or a search, in its folder.

    summary: what summary.json says: `shard` (`2/8`), `entries`, `runs`, `outcome`; of a search also
    `round`, of `rounds`, and `waits_for`, the shards without whose runs it cannot go on.
    """

    folder: Path
    summary: Mapping[str, Any]

    def __repr__(self) -> str:
        runs = counted(self.summary["runs"], "run")
        return f"<{type(self).__name__} {self.folder}: shard {self.summary['shard']}, {runs}>"


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
# of a shard with the `FinishedShard` at its end; with `Waiting` at any time, and at the end with
# `ModelsKept` for each model that is to be kept.
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
        | FinishedShard
    ],
    object,
]
