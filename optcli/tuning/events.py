"""Events: what a search says while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.comparison.result import FinishedShard, Waiting

if TYPE_CHECKING:
    from optcli.tuning.plan import Round
    from optcli.tuning.search import Search


@dataclass(frozen=True)
class SearchStarted:
    """A search is about to begin. title: its config's. notes: on the data and the space."""

    search: Search
    title: str
    folder: Path
    notes: Sequence[str]


@dataclass(frozen=True)
class RunsDone:
    """Some runs of a round are done.

    done, total: of the round, or of a shard's part of it. best: the score of the best setting that
    has all its runs, in units of the metric, and its values; None before the first. diverged:
    settings that lost in this round as a run of theirs diverged.
    """

    round: Round
    rounds: int
    epochs: int
    settings: int
    done: int
    total: int
    best: tuple[float, Mapping[str, Any]] | None
    diverged: int


@dataclass(frozen=True)
class Refitting:
    """The best setting is about to be trained on all but the test part, for so many epochs."""

    values: Mapping[str, Any]
    epochs: int


@dataclass(frozen=True)
class SearchEnded:
    """All is done. summary: what summary.json says."""

    folder: Path
    summary: Mapping[str, Any]
    notes: Sequence[str]


@dataclass(frozen=True)
class FiguresDrawn:
    """Pictures are drawn. names: of their files in the folder."""

    folder: Path
    names: Sequence[str]


Listener = Callable[
    [
        SearchStarted
        | RunsDone
        | Refitting
        | SearchEnded
        | FiguresDrawn
        | Waiting
        | FinishedShard  # of a shard, at its end
    ],
    object,
]
