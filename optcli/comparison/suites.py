"""Suites: sets of problems that differ in what makes optimization hard.

A suite is a folder of configs: one that optcli has, by name, or a user's. The comment at the top of
a config says why it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optcli.core.environment import blas_threads
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.schema_file import LINE

if TYPE_CHECKING:
    from optcli.comparison.problem import Problem
    from optcli.comparison.tuning import Competitor

HERE = Path(__file__).parent.parent / "suites"
SUFFIXES = (".yaml", ".yml", ".json")
COSTLY = 10.0  # SGD steps; whose step costs more stands apart, on fewer problems
PROBE_ROUNDS, PROBE_SECONDS = 5, 0.002


@dataclass(frozen=True)
class Suite:
    """Configs, in order. few: the titles of those on which costly optimizers take part; () for all.

    summary: a line on it.
    """

    name: str
    summary: str
    configs: tuple[Path, ...]
    few: tuple[str, ...] = ()


# Of few parameters, for which second-order methods were made.
FEW = ("ill-conditioned", "noisy-gradients", "saddles", "separable")
SUITES = {
    "small": ("a dozen small problems, each hard in another way", ("small",)),
    "full": ("those of small and larger ones, for many optimizers", ("small", "full")),
}


def named() -> list[Suite]:
    """The suites that optcli has."""
    return [
        Suite(
            name,
            summary,
            tuple(path for folder in folders for path in _configs(HERE / folder)),
            FEW,
        )
        for name, (summary, folders) in SUITES.items()
    ]


def find(name: str) -> Suite:
    """The suite of a name, or of a folder; raises InvalidInput."""
    for suite in named():
        if suite.name == name:
            return suite
    folder = Path(name).expanduser()
    if not folder.is_dir():
        known = suggestion(name, SUITES) or f"; must be one of {', '.join(SUITES)}, or a folder"
        message = f"unknown suite '{name}'{known} (optcli list suites)"
        raise InvalidInput(Fault(message, parameter="suite"))
    configs = tuple(_configs(folder))
    if len(configs) < 2:
        many = "no config" if not configs else "only one config"
        message = f"'{name}' has {many}; a suite is a folder of two or more ({', '.join(SUFFIXES)})"
        raise InvalidInput(Fault(message, parameter="suite"))
    return Suite(folder.name, "", configs)


def _configs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def reason(config: Path) -> str:
    """The comment at the top of a config, without its full stop: why it is in the suite."""
    lines = []
    for line in config.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith(LINE):
            lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).rstrip(".")


@dataclass(frozen=True)
class Listed:
    """A line of `optcli list suites`."""

    kind: str
    name: str
    summary: str
    aliases: tuple[str, ...] = ()


def listed() -> list[Listed]:
    """The suites, then the problems of each that the ones before it do not have."""
    suites = named()
    found = [Listed("suites", suite.name, suite.summary) for suite in suites]
    seen: set[Path] = set()
    for suite in suites:
        new = [path for path in suite.configs if path not in seen]
        kind = f"problems of {suite.name}" if not seen else f"more problems of {suite.name}"
        found += [Listed(kind, path.stem, reason(path)) for path in new]
        seen.update(new)
    return found


def costly(problem: Problem, entries: Sequence[Competitor]) -> list[str]:
    """The labels of entries whose step takes more than ten steps of the problem's first one.

    Processor time of a few rounds each: medians, good to a factor of two.
    """
    times = {}
    from optcli.comparison.step_time import rounds  # `list` does without the training

    with blas_threads(problem.entries[0].task.training.threads):
        for entry in [problem.entries[0], *entries]:
            steps = rounds(entry.task, entry.optimizer, PROBE_SECONDS)
            next(steps)  # the first steps find nothing in the cache
            times[entry.label] = float(np.median([next(steps) for _ in range(PROBE_ROUNDS)]))
    limit = COSTLY * times[problem.entries[0].label]
    return [entry.label for entry in entries if times[entry.label] > limit]
