"""Best: the config of each entry at its chosen setting, which repeats its first final run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from optcli.comparison.problem import Problem
from optcli.comparison.study import Study
from optcli.comparison.trials import prepared
from optcli.core.shell import joined
from optcli.data.synthetic import Synthetic
from optcli.optimizers.base import Optimizer
from optcli.plugins import loading
from optcli.storage import kinds, run_folder
from optcli.storage.paths import relative, safe_names
from optcli.training import Replica
from optcli.training.task import Task

if TYPE_CHECKING:
    from optcli.config import Config


def write(folder: Path, problem: Problem, study: Study) -> Mapping[str, str]:
    """Write best/NAME.yaml for each entry; returns their paths from the folder, by label."""
    from optcli import config as configs

    place = folder / kinds.BEST
    names = {label: f"{name}.yaml" for label, name in _names(list(study.tasks)).items()}
    contents: dict[str, bytes] = {}
    seed = study.budget.final[0]
    for label, name in names.items():
        config = config_of_run(
            problem.config(label),
            study.tasks[label],
            study.chosen[label],
            seed,
            fixed_split=study.fixed_split,
        )
        text = _comment(label, name, seed, place) + configs.dump(config, place)
        contents[name] = text.encode()
    run_folder.write_configs(folder, contents)
    return {label: f"{kinds.BEST}/{name}" for label, name in names.items()}


def _names(labels: Sequence[str]) -> Mapping[str, str]:
    """A safe name for each label; of a config's path without the ending, where that is enough."""
    plain = [re.sub(r"\.(ya?ml|json)$", "", label, flags=re.IGNORECASE) for label in labels]
    names = safe_names(plain if len(set(plain)) == len(plain) else labels)
    return dict(zip(labels, names.values(), strict=True))


def config_of_run(
    config: Config, task: Task, optimizer: Optimizer, seed: int, *, fixed_split: bool
) -> Config:
    """The config with which `train` repeats a run of a comparison to the same bits.

    task: what the entry trains, its test part included. A run's seed decides its split, unless
    that is fixed, but never which table is made: that is the config's.
    """
    split_seed = None if fixed_split else seed
    cohort = task.cohort([Replica(optimizer, prepared(task, split_seed), seed)])
    if split_seed is None:
        split_seed = task.seed if task.split.seed is None else task.split.seed
    dataset = task.dataset
    if isinstance(dataset, Synthetic) and dataset.seed is None:
        dataset = replace(dataset, seed=task.seed)
    return replace(
        config,
        dataset=dataset,
        split=replace(task.split, seed=split_seed),
        optimizer=optimizer,
        training=cohort.training,
        seed=seed,
    )


def _comment(label: str, name: str, seed: int, place: Path) -> str:
    """How to run it, and what it is; paths are as seen from the file, as those in it."""
    words = ["optcli", "train", name]
    for path in loading.loaded:
        words += ["--plugin", relative(path, place)]
    lines = (
        f"In this folder: {joined(words)}",
        f"repeats the final run of {label} with seed {seed}, bit for bit, at its chosen setting.",
        "To change it, change a copy: the comparison's checksums cover this file.",
    )
    return "".join(f"# {''.join(c if c.isprintable() else '?' for c in line)}\n" for line in lines)
