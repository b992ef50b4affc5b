"""Source: what a page is made of, as a folder has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optcli.comparison.read_back import StoredRun
    from optcli.evaluation.report import Report
    from optcli.objectives.base import Objective


@dataclass(frozen=True)
class Source:
    """A folder, read.

    folder: as it was named. kind: as environment.json says it. outcome, summary: of the run;
    resume: the command that continues an unfinished one. config: its text; settings: the same
    by dotted keys. environment: what environment.json says. files: names and sizes.
    pictures: PNG files by name. history: the columns of a training. runs: the final runs of a
    comparison by label. paths: the columns of a trace by label, on objective, where it is known.
    trials: the settings of a search. parts: of a comparison on several configs, by the config's
    name. evaluation: the report of one.
    """

    folder: Path
    kind: str
    outcome: str
    summary: Mapping[str, Any]
    config: str
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    files: Mapping[str, int]
    resume: str | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    runs: Mapping[str, Sequence[StoredRun]] = field(default_factory=dict)
    paths: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    objective: Objective | None = None
    trials: Sequence[Mapping[str, Any]] = ()
    parts: Mapping[str, Source] = field(default_factory=dict)
    evaluation: Report | None = None

    @property
    def name(self) -> str:
        """What the folder is called."""
        return self.folder.name or self.folder.resolve().name
