"""`compare`: a fair comparison of optimizers, or of whole configs.

found = optcli.compare(["sgd", "adam"], "configs/iris.yaml")
found.summary["verdict"], found.summary["optimizers"][0]["median"]
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from optcli.api.check import Setup
from optcli.api.kept import keep
from optcli.comparison import run_benchmark, run_comparison, suites
from optcli.comparison.asked import told
from optcli.comparison.best import config_of_run
from optcli.comparison.problem import optimizers, whole
from optcli.comparison.result import Benchmark, Comparison, FinishedShard, Listener, ModelsKept
from optcli.comparison.settings import ComparisonSettings
from optcli.comparison.shards import Part, Shard
from optcli.comparison.trials import forget, prepared
from optcli.core.errors import Fault, InvalidInput, setting
from optcli.optimizers.base import OPTIMIZERS
from optcli.storage import kinds, outputs, run_folder
from optcli.storage.lock import lock
from optcli.training import Replica

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["Benchmark", "Comparison", "ComparisonSettings", "FinishedShard", "Listener", "compare"]

CONFIGS = (".yaml", ".yml", ".json")
ALL = "all"


@overload
def compare(
    entries: Sequence[str | Path],
    config: str | Path | Mapping[str, Any] | Sequence[str | Path] | None = None,
    overrides: Sequence[str] = (),
    *,
    settings: ComparisonSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    suite: str | Path | None = None,
    terms: ComparisonSettings | None = None,
    data: Any = None,
    executor: Executor | None = None,
    shard: None = None,
) -> Comparison | Benchmark: ...
@overload
def compare(
    entries: Sequence[str | Path],
    config: str | Path | Mapping[str, Any] | Sequence[str | Path] | None = None,
    overrides: Sequence[str] = (),
    *,
    settings: ComparisonSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    suite: str | Path | None = None,
    terms: ComparisonSettings | None = None,
    data: Any = None,
    executor: Executor | None = None,
    shard: tuple[int, int] | str,
) -> FinishedShard: ...
@overload
def compare(
    entries: Sequence[str | Path],
    config: str | Path | Mapping[str, Any] | Sequence[str | Path] | None = None,
    overrides: Sequence[str] = (),
    *,
    settings: ComparisonSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    suite: str | Path | None = None,
    terms: ComparisonSettings | None = None,
    data: Any = None,
    executor: Executor | None = None,
    shard: tuple[int, int] | str | None = None,
) -> Comparison | Benchmark | FinishedShard: ...
def compare(
    entries: Sequence[str | Path],
    config: str | Path | Mapping[str, Any] | Sequence[str | Path] | None = None,
    overrides: Sequence[str] = (),
    *,
    settings: ComparisonSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    suite: str | Path | None = None,
    terms: ComparisonSettings | None = None,
    data: Any = None,
    executor: Executor | None = None,
    shard: tuple[int, int] | str | None = None,
) -> Comparison | Benchmark | FinishedShard:
    """Compare optimizers on a config, or whole configs, and keep the runs in a folder.

    entries: optimizers as on the command line (`adam`, `adam:lr=0.01,beta1=0.8`,
    `sgd:lr=0.1|0.01`), `all` for all registered, or the paths of configs. config: what the
    optimizers train; without one a built-in problem; of several, each is a comparison of its own.
    suite: `small`, `full` or a folder of configs, instead. overrides: `KEY=VALUE`, for all configs.
    out: the folder, by default `runs/compare-<config>-<date>-<time>`; one of the same data, model
    and budget is gone on with. plots: False, or their format, `png` (True), `svg` or `pdf`. data: a
    table in memory, as for `train`. executor: of `concurrent.futures`, whose workers do the runs;
    it is not shut down. shard: (2, 8) does every eighth job, from the second on, in a folder of its
    own; `merge` joins all eight. listener: called with each event (`comparison.result`). Raises
    InvalidInput, EnvironmentFailed.

        >>> import optcli
        >>> few = optcli.ComparisonSettings(tune=2, tune_seeds=1, finalists=1, seeds=2)
        >>> found = optcli.compare(["sgd", "adam"], settings=few, out="runs/both", plots=False)
        >>> [row["label"] for row in found.summary["optimizers"]]
        ['adam', 'sgd']
    """
    if terms is not None:
        message = "terms: is called settings now"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    settings, listener = settings or terms or ComparisonSettings(), listener or (lambda _: None)
    if executor is not None:
        settings = replace(settings, executor=executor)
    settings.check()
    own_part = None if shard is None else Shard.parsed(shard)
    if own_part is not None and settings.keep:
        message = "cannot be combined with "
        message += f"{setting('shard', str(own_part))}; continue the merged comparison with it"
        raise InvalidInput(Fault(message, parameter="keep"))
    outputs.picture_format(plots)
    forget()
    words = _with_all([str(entry) for entry in entries])
    named = [word for word in words if _is_config(word)]
    if named and len(named) < len(words):
        other = next(word for word in words if word not in named)
        message = f"'{other}' is no config; compare optimizers, or configs, not both"
        raise InvalidInput(Fault(message, parameter="entries"))
    if named and config is not None:
        message = "cannot be combined with whole configs; set only one"
        raise InvalidInput(Fault(message, parameter="config"))
    folder = None if out is None else Path(out)
    if suite is not None:
        if config is not None or named:
            what = "config" if config is not None else "entries that are configs"
            message = f"cannot be combined with {what}; set only one"
            raise InvalidInput(Fault(message, parameter="suite"))
        chosen = suites.find(str(suite))
        few = chosen.few
        config = list(chosen.configs)
    else:
        few = ()
    many = config is not None and not isinstance(config, str | Path | Mapping)
    configs = list(config) if many else [config]  # type: ignore[arg-type]
    if data is not None and len(configs) > 1:
        message = "is given with several configs; give one config"
        raise InvalidInput(Fault(message, parameter="data"))
    found: Comparison | Benchmark | FinishedShard
    if not named and len(configs) > 1:
        found = run_benchmark.run(
            words,
            configs,
            overrides,
            settings,
            folder,
            overwrite,
            plots,
            listener,
            few=few,
            suite=suite is not None,
            shard=own_part,
        )
    else:
        if named:
            problem = whole(words, overrides, data)
        else:
            problem = optimizers(words, configs[0], overrides, data)
        part = None
        if own_part is not None:
            own = list(problem.configs.values())
            asked = told(words, own, settings, title=problem.title, whole=bool(named))
            seeds = own_part.part([entry.label for entry in problem.entries])
            part = Part(own_part, seeds, asked)
        found = run_comparison.run(problem, settings, folder, overwrite, plots, listener, part=part)
    if isinstance(found, FinishedShard):
        listener(found)
        return found
    if settings.keep:
        for each in found.found.values() if isinstance(found, Benchmark) else [found]:
            assert isinstance(each, Comparison)  # which has just ended
            keep_models(each, listener)
    return found


def _with_all(words: list[str]) -> list[str]:
    """`all` stands for all registered optimizers that are not named; sgd, the reference, first."""
    if ALL not in words:
        return words
    named = [word for word in words if word != ALL]
    everyone = sorted((cls.name for cls in OPTIMIZERS), key=lambda name: name != "sgd")
    rest = [name for name in everyone if name not in named]
    place = words.index(ALL)
    return [*words[:place], *rest, *(word for word in words[place:] if word != ALL)]


def _is_config(word: str) -> bool:
    return word.lower().endswith(CONFIGS) or "/" in word or Path(word).is_file()


def keep_models(found: Comparison, listener: Listener) -> None:
    """Keep the final runs at the chosen settings: models/NAME/SEED/ are runs as of `train`.

    Each is trained anew, to the same bits; those that are there already stay. Where the verdict
    is on fresh rows, their values are the run's `test`. listener: called with `ModelsKept` after
    each. Raises InvalidInput, EnvironmentFailed, KeyboardInterrupt.
    """
    from optcli import config as configs

    study, folder = found.study, found.folder
    chosen = {row["label"]: folder / row["config"] for row in found.summary["optimizers"]}
    loaded = {label: configs.load(path) for label, path in chosen.items()}
    done, total = 0, len(chosen) * len(study.budget.final)
    with lock(folder):
        for seed in study.budget.final:  # those of a seed share its rows
            for label, path in chosen.items():
                task, optimizer = study.tasks[label], study.chosen[label]
                config = config_of_run(
                    loaded[label], task, optimizer, seed, fixed_split=study.fixed_split
                )
                (result,) = study.store.of(label, optimizer, [seed])
                fresh = result.test if study.measure.rows == "fresh" else None
                data = prepared(task, None if study.fixed_split else seed)
                setup = Setup(config, task.cohort([Replica(optimizer, data, seed)]), data)
                place = run_folder.model_folder(folder, path.stem, seed)
                run_folder.check_no_links(place)
                name = f"{path.stem}-{seed}"
                keep(setup, place, name, kinds.COMPARE, title=str(seed), test=fresh)
                done += 1
                listener(ModelsKept(folder / kinds.MODELS, done, total))
