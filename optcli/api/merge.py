"""`runs merge`: join the shards of a comparison or search to what one process would have left.

for index in range(1, 4):  # each may be a task of a job array
    optcli.compare(["sgd", "adam"], out=f"shards/{index}", shard=(index, 3))
found = optcli.merge(["shards/1", "shards/2", "shards/3"], "runs/whole")
found.summary["verdict"]
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optcli.api.tune import SavedSearch, tuned
from optcli.comparison import asked as asking
from optcli.comparison import run_benchmark, run_comparison, shards
from optcli.comparison.problem import optimizers, whole
from optcli.comparison.result import Benchmark, Comparison
from optcli.comparison.trials import forget
from optcli.core.errors import Fault, InvalidInput
from optcli.core.shell import joined
from optcli.storage import kinds, outputs
from optcli.tuning.settings import TuneSettings


def merge(
    folders: Sequence[str | Path],
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    mixed: bool = False,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Callable[[Any], object] | None = None,
    data: Any = None,
    jobs: int | None = 1,
) -> Comparison | Benchmark | SavedSearch:
    """Join the shards of a comparison or a search, which stay as they are.

    folders: those of all shards, in any order. out: a new folder, by default
    `runs/compare-<config>-<date>-<time>`: to the bit that of the whole, apart from times. Of a
    comparison nothing is trained; of a search, the rounds that no shard has done, by so many
    processes (jobs; None for one per core), and the model at the end. overrides:
    `dataset.path=FILE`, for a table that has moved. mixed: whether shards may come from machines
    that give other bits. data: the table, where that was in memory. overwrite, plots, listener: as
    of `compare` or `tune`. Raises InvalidInput with all that does not fit together,
    EnvironmentFailed.

        >>> import optcli
        >>> few = optcli.TuneSettings(budget=3, repeats=1)
        >>> for k in (1, 2):
        ...     words = {"settings": few, "out": f"shards/{k}", "shard": (k, 2)}
        ...     shard = optcli.tune("configs/iris.yaml", **words)
        >>> found = optcli.merge(["shards/1", "shards/2"], "runs/merged", plots=False)
        >>> found.summary["settings"]
        3
    """
    listener = listener or (lambda _: None)
    outputs.picture_format(plots)
    TuneSettings(jobs=jobs).check()
    forget()
    if isinstance(folders, str | Path):
        raise InvalidInput(Fault("must be a list of folders", parameter="shards"))
    found = shards.opened([Path(folder) for folder in folders], mixed=mixed)
    place = None if out is None else Path(out)
    if place is not None and any(place.resolve() == own.folder.resolve() for own in found):
        message = f"{place} is one of the shards; choose another"
        raise InvalidInput(Fault(message, parameter="out"))
    first = found[0]
    asked = first.asked
    command, directory = first.recorded.get("command"), first.recorded.get("directory")
    if first.kind == kinds.TUNE_SHARD:
        config = asking.configs(asked, overrides)[0].with_data(data)
        search = TuneSettings(
            **asked["settings"],
            jobs=jobs,
            command=None if command is None else without_shard(command),
            directory=directory,
        )
        saved = tuned(config, search, place, overwrite, plots, listener, merged=found)
        assert isinstance(saved, SavedSearch)
        return saved
    settings = replace(
        asking.settings(asked),
        command=None if command is None else without_shard(command),
        directory=directory,
    )
    configs, words = asking.configs(asked, overrides), asked["entries"]
    merged: Any
    if first.kind.parts:
        merged = run_benchmark.run(
            words,
            configs,
            (),
            settings,
            place,
            overwrite,
            plots,
            listener,
            few=asked["few"],
            suite=asked["suite"],
            merged=found,
        )
    else:
        if asked["whole"]:
            problem = whole(words, (), data, configs)
        else:
            problem = optimizers(words, configs[0], (), data)
        merged = run_comparison.run(
            problem, settings, place, overwrite, plots, listener, merged=found
        )
    assert isinstance(merged, Comparison | Benchmark)
    return merged


def without_shard(command: str) -> str:
    """The command of the whole. command: of a shard, quoted for POSIX."""
    words, kept = iter(shlex.split(command)), []
    for word in words:
        if word in ("--shard", "--out"):
            next(words, None)
        elif not word.startswith(("--shard=", "--out=")) and word != "--overwrite":
            kept.append(word)
    return joined(kept)
