"""Run a search in its folder, up to the setting that is best; the model is trained after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.comparison import shards as comparison_shards
from optcli.comparison.held_out import HELD_OUT, with_test
from optcli.comparison.result import FinishedShard, Waiting
from optcli.comparison.runner import pool_for
from optcli.comparison.shards import Shard, ShardFolder
from optcli.comparison.store import Store
from optcli.comparison.trials import Measure, Trial, TrialResult, prepared
from optcli.core.environment import environment
from optcli.core.errors import Fault, Grave, InvalidInput, OptcliError
from optcli.core.jsonable import jsonable
from optcli.data.checksum import checksum
from optcli.metrics import METRICS
from optcli.objectives.dataset import ObjectiveDataset
from optcli.plugins import loading
from optcli.plugins.first_use import check_before_training
from optcli.storage import files, kinds, seals
from optcli.storage.destination import Destination
from optcli.storage.dispatch import Workers, opened
from optcli.training import Replica
from optcli.training.checks import check
from optcli.training.task import lengths
from optcli.tuning import plan as plans
from optcli.tuning import shards
from optcli.tuning.candidates import Candidate, candidates
from optcli.tuning.events import Listener, SearchStarted
from optcli.tuning.refit import refitted
from optcli.tuning.scores import median
from optcli.tuning.search import Search
from optcli.tuning.settings import TuneSettings
from optcli.tuning.summary import TRIALS, VERSION, summary, trials

if TYPE_CHECKING:
    from optcli.config import Config
    from optcli.config.settings import Axis

BEST = "best.yaml"


@dataclass(frozen=True)
class Found:
    """What a search came to: the best setting's config for the model, and the folder so far."""

    folder: Path
    search: Search
    axes: Sequence[Axis]
    best: Config
    epochs: int
    summary: dict[str, Any]
    notes: list[str]


@contextmanager
def searched(
    config: Config,
    settings: TuneSettings,
    out: Path | None,
    overwrite: bool,
    listener: Listener,
    shard: Shard | None = None,
    merged: Sequence[ShardFolder] = (),
) -> Iterator[Found | FinishedShard]:
    """Search in a folder, new or continued, which is held while this lasts.

    shard: whose part alone is trained. merged: all shards, for a new folder, where what they have
    is not trained again. Raises InvalidInput, EnvironmentFailed; OptcliError where every setting
    diverged.
    """
    from optcli import config as configs
    from optcli.config.space import default_space

    settings.check()
    if isinstance(config.dataset, ObjectiveDataset):
        message = "has no rows to validate on; tune takes a dataset"
        raise InvalidInput(config.locate(Fault(message, "objective")))
    kind = kinds.TUNE if shard is None else kinds.TUNE_SHARD
    name = f"tune-{config.title}{'' if shard is None else f'-shard-{shard}'}"
    destination = Destination(kind, name, out, overwrite, not merged)
    destination.check()
    asked = shards.asked(config, settings)
    notes: list[str] = []
    axes = config.space
    if axes is None:
        axes = default_space(config)
        ends = f"{axes[0].low:g} to {axes[0].high:g}"
        notes.append(f"the config has no section tune: searching optimizer.lr from {ends}")
    config, note = _with_test_part(config)
    notes += note
    measure, columns = _measure(config, settings.metric, axes)
    found, lengths_of, more = _candidates(config, axes, settings.budget)
    notes += more
    data = prepared(config.task(), None)
    notes = [*sorted(data.warnings, key=lambda note: not isinstance(note, Grave)), *notes]
    plan = plans.rounds(len(found), max(lengths_of.values()), settings.repeats, config.split.count)
    told = _config(config, axes, settings, measure, destination.folder)
    data_sha = checksum(data)
    recorded = {**environment(1, data_sha), "plugins": loading.identity(), **settings.origin}
    part = None
    if shard is not None:
        told = {kind.name: str(shard), **told}
        recorded |= {"shard": str(shard), "asked": asked}
        part = shards.Part(shard, recorded)
    for each in merged:
        _check_shard(each, told, data_sha)
    if merged:
        recorded["shards"] = {str(each.shard): each.machine for each in merged}
    pool = pool_for([config.task()], settings, lambda message: listener(Waiting(message)))
    text = _written(told)
    with opened(pool) as workers, destination.claim(text, recorded) as folder:
        _check_same(folder, told, data_sha)
        seals.unseal(folder)
        store = Store(folder, columns)
        if store.damaged:
            notes.append(f"{store.damaged} runs in {folder} were damaged; they are trained again")
        comparison_shards.take(store, [each.folder for each in merged])

        unused: dict[str, None] = {}

        def elsewhere() -> Mapping[Trial, TrialResult]:
            """The runs that other shards have by now."""
            assert part is not None
            folders, more = part.others(folder)
            unused.update(dict.fromkeys(more))
            return shards.runs_of(folders, columns)

        search = Search(
            found,
            plan,
            lengths_of,
            store,
            measure=measure,
            seed=config.seed,
            workers=workers,
            part=part,
            elsewhere=elsewhere,
        )
        kinds.rewrite(folder, kind, text, {**recorded, **_done_by(folder, workers)})
        listener(SearchStarted(search, config.title, folder, notes))
        for progress in search.run():
            listener(progress)
        if part is not None:
            kinds.rewrite(folder, kind, text, {**recorded, **_done_by(folder, workers)})
            yield part.finished(
                folder,
                runs=search.runs,
                number=len(search.remaining),
                rounds=len(plan),
                lacking=search.lacking,
                notes=list(unused),
            )
            return
        files.write(folder / TRIALS, trials(search, axes))
        result = summary(search, axes, config.title, settings.budget)
        kinds.rewrite(folder, kinds.TUNE, text, {**recorded, **_done_by(folder, workers)})
        if result["outcome"] == "diverged":
            keys = ", ".join(axis.key for axis in axes)
            raise OptcliError(f"every setting diverged; search smaller values of {keys}")
        epochs = median(result["chosen"]["best_epochs"])
        best = refitted(search.scored[0].candidate.config, epochs)
        files.write(folder / BEST, configs.dump(best, folder).encode())
        yield Found(folder, search, axes, best, epochs, result, notes)


def _done_by(folder: Path, workers: Workers) -> dict[str, Any]:
    """Who has done runs on a cluster, of an earlier part of the search too."""
    found = {**(kinds.recorded(folder).get("workers") or {}), **workers.records}
    return {"workers": found} if found else {}


def _with_test_part(config: Config) -> tuple[Config, list[str]]:
    """The config with rows for the test at the end, and what to say of them."""
    given = "test" in (config.document.value.get("split") or {})
    if given and config.split.test == 0:
        return config, ["split.test is 0: the model at the end has no test score"]
    if given:
        return config, []
    split = config.split
    if split.folds and split.group is not None:
        split = replace(split, test={"group": split.group, "fraction": HELD_OUT})
    else:
        found = with_test(split)
        if found is None:
            note = "no test rows can be held out, so that the model at the end has no test score; "
            return config, [f"{note}set split.test to change that"]
        split = found
    note = f"the config names no split.test; {100 * HELD_OUT:.0f} % of the rows are held out"
    return replace(config, split=split), [note]


def _measure(config: Config, metric: str | None, axes: Sequence[Axis]) -> tuple[Measure, list[str]]:
    """What settings are scored by, and the columns of the histories; raises InvalidInput."""
    if metric is not None:
        metric = metric.removeprefix("validation_").removeprefix("test_")
    with config.locating_faults():
        split = config.split
        if split.validation == 0 and not split.folds:
            message = "is 0; a search takes validation rows, or folds"
            raise InvalidInput(Fault(message, "split.validation"))
        if split.refit:
            message = "is true; a search takes validation rows, or folds"
            raise InvalidInput(Fault(message, "split.refit"))
        names = [each.name for each in config.task().measures(prepared(config.task(), None))]
    columns = [f"{part}_{name}" for part in ("train", "validation") for name in ("loss", *names)]
    if metric in (None, "loss"):
        of_loss = [axis.key for axis in axes if axis.key.partition(".")[0] == "loss"]
        if of_loss:
            common = ", ".join(names) or "none; set metrics"
            message = f"is missing; {of_loss[0]} changes what the loss is, so tune a metric"
            raise InvalidInput(Fault(f"{message}: {common}", parameter="metric"))
        return Measure(rows="validation"), columns
    if metric not in names:
        listed = ", ".join(["loss", *names])
        raise InvalidInput(Fault(f"is '{metric}'; must be one of {listed}", parameter="metric"))
    assert metric is not None
    return Measure(metric, METRICS.find(metric).higher_is_better, "validation"), columns


def _candidates(
    config: Config, axes: Sequence[Axis], budget: int
) -> tuple[list[Candidate], dict[int, int], list[str]]:
    """The settings that can be trained, the epochs of each, and notes on the others."""
    if config.training.time_limit is not None:
        message = f"is {config.training.time_limit:g}; a search counts epochs; must be null"
        raise InvalidInput(config.locate(Fault(message, "training.time_limit")))
    found, refused = candidates(config, axes, budget, config.seed)
    draw = plans.draws(config.split, config.seed, 1)[0][1]
    lengths_of: dict[int, int] = {}
    sound = []
    for own in found:
        try:
            task = own.config.task()
            cohort = task.cohort([Replica(own.config.optimizer, prepared(task, draw), 0)])
            check(cohort)
        except InvalidInput as error:
            said = ", ".join(f"{key} {value}" for key, value in own.values.items())
            refused.append(f"{said}: {error.faults[0].key or ''} {error.faults[0].message}")
            continue
        steps, per_epoch = lengths(cohort)
        lengths_of[own.number] = -(-steps // per_epoch)
        sound.append(own)
    if not sound:
        raise InvalidInput(Fault(f"no setting can be trained ({refused[0]})", "tune"))
    check_before_training(own.config.optimizer for own in sound)
    notes = []
    if refused:
        notes.append(f"{len(refused)} settings cannot be trained and are left out ({refused[0]})")
    if len(sound) < budget and not refused:
        notes.append(f"the space has only {len(sound)} settings; each is tried")
    return sound, lengths_of, notes


# ---- the folder ----------------------------------------------------------------------

SAME = ("version", "metric", "repeats", "space")


def _config(
    config: Config, axes: Sequence[Axis], settings: TuneSettings, measure: Measure, folder: Path
) -> dict[str, Any]:
    """What config.yaml in `folder` says: the search, and what is trained."""
    from optcli.config import portable
    from optcli.config.writing import listed

    values = {
        "search": {
            "version": VERSION,
            "metric": measure.metric,
            "budget": settings.budget,
            "repeats": settings.repeats,
            "space": {axis.key: axis.described() for axis in axes},
        },
        **portable(config, folder),
    }
    found: dict[str, Any] = jsonable(listed(values))
    return found


def _written(values: dict[str, Any]) -> str:
    from optcli.config import writing

    return writing.written(values)


def _check_same(folder: Path, told: dict[str, Any], data: str) -> None:
    """Raise InvalidInput where the folder holds another search; a budget may change."""
    from optcli.config import without_paths, yaml_text

    seals.check_seal(folder, *kinds.OWN)
    old = yaml_text.read_written(folder / kinds.CONFIG)
    search = old.get("search") if isinstance(old, dict) else None
    if not isinstance(search, dict):
        message = "is damaged: it lacks the settings; choose another folder"
        raise InvalidInput(Fault(message, file=str(folder / kinds.CONFIG)))
    differences = [
        (name, search.get(name), told["search"][name])
        for name in SAME
        if search.get(name) != told["search"][name]
    ]
    there, here = without_paths(old), without_paths(told)
    differences += [
        (name, there.get(name), value)
        for name, value in here.items()
        if name != "search" and there.get(name) != value
    ]
    if differences:
        listed = "; ".join(
            f"{_word(name)} was {was}, is {now}" for name, was, now in differences[:3]
        )
        message = f"{folder} holds a search of other settings ({listed}); choose another"
        raise InvalidInput(Fault(message, parameter="out"))
    recorded = kinds.recorded(folder)
    if recorded.get("data_sha256") != data:
        message = f"{folder} holds a search on other data; the data has changed since"
        raise InvalidInput(Fault(message, parameter="out"))
    loading.check(recorded.get("plugins"), "search", "restore it, or choose another folder")


def _word(name: str) -> str:
    return "shard" if name == kinds.TUNE_SHARD.name else name


def _check_shard(shard: ShardFolder, told: dict[str, Any], data: str) -> None:
    """Raise InvalidInput where a shard's runs are not those that would be trained here."""
    from optcli.config import without_paths, yaml_text

    old = yaml_text.read_written(shard.folder / kinds.CONFIG)
    there, here = without_paths(old), without_paths(told)
    unlike = [name for name, value in here.items() if there.get(name) != value]
    if unlike:
        words = "; ".join(f"{name} is {there.get(name)}, here {here[name]}" for name in unlike[:3])
        raise InvalidInput(Fault(f"is a shard of another search: {words}", file=shard.name))
    if shard.recorded.get("data_sha256") != data:
        message = "is a shard of a search on other data; the data has changed since"
        raise InvalidInput(Fault(message, file=shard.name))
    loading.check(shard.recorded.get("plugins"), "shard", "restore it, and merge again")
