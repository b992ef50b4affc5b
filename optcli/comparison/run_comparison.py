"""Run a comparison in its folder, from its settings to its figures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from optcli.comparison import best, gate, shards
from optcli.comparison.power import default_seeds
from optcli.comparison.problem import Problem, measure, retuned, with_held_out
from optcli.comparison.ranking import ALONE, Family
from optcli.comparison.result import (
    Comparison,
    ComparisonStarted,
    FiguresDrawn,
    FinishedShard,
    Listener,
    Waiting,
)
from optcli.comparison.runner import pool_for
from optcli.comparison.settings import ComparisonSettings
from optcli.comparison.shards import Nobody, Part, ShardFolder
from optcli.comparison.signed_rank import fewest_seeds
from optcli.comparison.step_time import long_runs, relative_step_times
from optcli.comparison.store import Store
from optcli.comparison.study import Budget, Study
from optcli.comparison.summary import VERSION
from optcli.comparison.summary import summary as summarized
from optcli.comparison.trials import Measure, prepared
from optcli.core.durations import counted
from optcli.core.environment import environment
from optcli.core.errors import Fault, Grave, InvalidInput
from optcli.core.jsonable import jsonable
from optcli.core.specs import named
from optcli.data.checksum import checksum
from optcli.plugins import loading
from optcli.storage import files, kinds, outputs, seals
from optcli.storage.destination import Destination
from optcli.storage.dispatch import Pool, Workers, opened
from optcli.training import Replica
from optcli.training.task import last_step

# Steps that take four seconds at least, for the smallest network in the largest cohort.
LONG_STEPS = 400_000
# Settings that all runs of a folder have in common.
SAME = (
    *("quantity", "at", "tune", "budget", "tune_seeds", "finalists", "first_seed"),
    "fixed_split",
)


def _of_data(problem: Problem) -> list[str]:
    """What is worth saying of the data, once; what is grave first."""
    data = [note for entry in problem.entries for note in prepared(entry.task, None).warnings]
    return sorted(dict.fromkeys(data), key=lambda note: not isinstance(note, Grave))


def run(
    problem: Problem,
    settings: ComparisonSettings,
    out: Path | None,
    overwrite: bool,
    plots: bool | str,
    listener: Listener,
    family: Family = ALONE,
    workers: Workers | None = None,
    part: Part | None = None,
    merged: Sequence[ShardFolder] = (),
) -> Comparison | FinishedShard:
    """Compare, in a folder of its own, or go on in one that holds a part of it.

    family: the claims, of several configs, that those made here hold together with.
    workers: who does the runs; by default those that the settings say. part: of a shard, which
    alone is trained. merged: the shards that have all runs, for a new folder.
    """
    kind = kinds.COMPARE if part is None else kinds.SHARD
    name = f"compare-{problem.title}{'' if part is None else f'-shard-{part.shard}'}"
    destination = Destination(kind, name, out, overwrite, not merged)
    destination.check()
    count = len(problem.entries)
    labels = [entry.label for entry in problem.entries]
    pairs = family.m(labels)
    gates = gate.parsed(settings, labels, family, problem.paths)
    seeds = settings.seeds or default_seeds(pairs)
    first = problem.config(problem.entries[0].label).seed
    budget = Budget(
        settings.tune, settings.budget, settings.tune_seeds, seeds, settings.finalists, first
    )
    problem, rows = with_held_out(problem)
    what, columns = measure(problem, settings.metric, rows, settings.at)
    notes = [*_of_data(problem), *problem.notes, *retuned(problem, budget.rates, budget.settings)]
    fewest = fewest_seeds(pairs)
    if seeds < fewest:
        notes.append(
            f"with {counted(seeds, 'seed')} no difference between {count} can be shown; "
            f"{fewest} are the fewest"
        )
    notes += long_runs(problem.entries)
    config = _config(problem, settings, budget, what, destination.folder)
    data = _data(problem)
    recorded = {**environment(1, data), "plugins": loading.identity(), **settings.origin}
    if part is not None:
        config = {kind.name: str(part.shard), **config}
        recorded |= {"shard": str(part.shard), "asked": part.asked}
        notes.append(part.note(len(problem.entries), budget.final))
    for shard in merged:
        _check_shard(shard, config, data)
    if merged:
        workers = Nobody()
        recorded["shards"] = {str(each.shard): each.machine for each in merged}

    def own_pool() -> Pool:
        early = settings.jobs != 1 and not destination.continued and _is_long(problem, budget)
        return pool([problem], settings, listener, early=early)

    with (
        nullcontext(workers) if workers else opened(own_pool()) as own,
        destination.claim(_written(config, _given(settings.target)), recorded) as folder,
    ):
        before = kinds.recorded(folder).get("workers") or {}

        def done_by() -> dict[str, Any]:
            """Who has done runs on a cluster, of an earlier part of the comparison too."""
            found = {**before, **own.records}
            return {"workers": found} if found else {}

        targets = _continued(folder, config, data, settings.target)
        stale = _Stale.of(folder, problem)
        seals.unseal(folder)
        # what holds no longer is gone before the folder tells of the plug-ins of today
        store = Store(folder, columns, [entry.label for entry in problem.entries], stale)
        notes += stale.notes
        if stale.notes and targets and settings.target is None:
            message = (
                f"the targets are computed again; a target of {targets[0]!r} keeps the previous one"
            )
            notes.append(message)
            targets = ()
        if store.damaged:
            notes.append(f"{store.damaged} runs in {folder} were damaged; they are trained again")
        shards.take(store, [each.folder for each in merged])
        entries = problem.entries if part is None else part.of(problem.entries, budget.final)
        study = Study(
            entries,
            budget,
            store,
            measure=what,
            targets=targets,
            fixed_split=settings.fixed_split,
            workers=own,
        )
        kinds.rewrite(folder, kind, _written(config, targets), {**recorded, **done_by()})
        listener(ComparisonStarted(study, problem.title, notes))
        if part is not None:
            for progress in study.run_part(part.seeds):
                listener(progress)
            kinds.rewrite(folder, kind, _written(config, targets), {**recorded, **done_by()})
            return part.finished(folder, study)
        for progress in study.run():
            listener(progress)
        chosen = {e.label: (e.task, study.chosen[e.label]) for e in problem.entries}
        summary = summarized(study, relative_step_times(chosen), family)
        summary["gates"] = [gate.checked(each, summary) for each in gates]
        written = best.write(folder, problem, study)
        for row in summary["optimizers"]:
            row["config"] = written[row["label"]]
        kinds.rewrite(
            folder, kinds.COMPARE, _written(config, study.targets), {**recorded, **done_by()}
        )
        files.write_json(folder / "summary.json", summary)
        seals.seal(folder, kinds.COMPARE, pictures=not plots)
        comparison = Comparison(folder, summary, study, tuple(notes))
        listener(comparison)  # figures take as long as small runs: they do not delay the verdict
        if plots:
            from optcli.comparison import figures

            suffix = outputs.picture_format(plots)
            drawn = figures.draw(study, summary, problem.title, settings.x, suffix)
            names = [_written_figure(folder / name, content) for name, content in drawn]
            seals.seal(folder, kinds.COMPARE)
            listener(FiguresDrawn(folder, names))
    return comparison


def _check_shard(shard: ShardFolder, config: dict[str, Any], data: str) -> None:
    """Raise InvalidInput where a shard's runs are not those that would be trained here."""
    from optcli.config import yaml_text

    there = yaml_text.read_written(shard.folder / kinds.CONFIG)
    ours, theirs = config["compare"], there.get("compare") or {}
    names = [*ours, "version"]
    unlike = [name for name in names if ours.get(name) != theirs.get(name)]
    if unlike:
        words = "; ".join(f"{name} is {theirs.get(name)}, here {ours.get(name)}" for name in unlike)
        raise InvalidInput(Fault(f"is a shard of another comparison: {words}", file=shard.name))
    if shard.recorded.get("data_sha256") != data:
        message = "is a shard of a comparison on other data; the data has changed since"
        raise InvalidInput(Fault(message, file=shard.name))
    loading.check(shard.recorded.get("plugins"), "shard", "restore it, and merge again")


def _written_figure(path: Path, content: bytes) -> str:
    files.write(path, content)
    return path.name


def pool(
    problems: Sequence[Problem],
    settings: ComparisonSettings,
    listener: Listener,
    *,
    early: bool = False,
) -> Pool:
    """Where the runs of all problems are done. early: as `pool_for` takes it."""
    tasks = [entry.task for problem in problems for entry in problem.entries]
    return pool_for(tasks, settings, lambda message: listener(Waiting(message)), early=early)


def _is_long(problem: Problem, budget: Budget) -> bool:
    """Whether the first tuning runs alone keep several workers busy, on the fastest machine."""
    steps = 0
    for entry in problem.entries:
        settings = len(entry.candidates(budget.rates, budget.settings))
        cohort = entry.task.cohort([Replica(entry.optimizer, prepared(entry.task, None), 0)])
        steps += (settings if settings > 1 else 0) * budget.tuning_seeds * last_step(cohort)
    return steps > LONG_STEPS


def _config(
    problem: Problem, settings: ComparisonSettings, budget: Budget, what: Measure, folder: Path
) -> dict[str, Any]:
    """What config.yaml in `folder` says but for the target: the settings, and what is trained."""
    from optcli.config import portable

    values = {
        "compare": {
            "entries": [entry.label for entry in problem.entries],
            "version": VERSION,
            "quantity": what.quantity,
            "at": what.at,
            "tune": budget.rates,
            "budget": budget.settings,
            "tune_seeds": budget.tuning_seeds,
            "finalists": budget.finalists,
            "seeds": budget.seeds,
            "first_seed": budget.first,
            "fixed_split": settings.fixed_split,
        }
    }
    if "" in problem.configs:
        config = portable(problem.configs[""], folder)
        del config["optimizer"]
        return values | config
    return values | {"configs": {n: portable(c, folder) for n, c in problem.configs.items()}}


def _given(target: float | None) -> tuple[float, ...]:
    return () if target is None else (target,)


def _written(config: dict[str, Any], targets: Sequence[float]) -> str:
    """The text of config.yaml, with the losses or metrics to which steps are counted."""
    from optcli.config import writing

    values = {**config, "compare": {**config["compare"], "targets": list(targets)}}
    return writing.written(jsonable(values))


def _data(problem: Problem) -> str:
    """One checksum for the data of all."""
    return "-".join(
        dict.fromkeys(checksum(prepared(entry.task, None)) for entry in problem.entries)
    )


def _continued(
    folder: Path, config: dict[str, Any], data: str, target: float | None
) -> tuple[float, ...]:
    """The targets of a comparison that is gone on with; raises InvalidInput if it is another.

    Entries and seeds may be added. All that a finished run depends on must be the same.
    """
    from optcli.config import without_paths, yaml_text

    seals.check_seal(folder, *kinds.OWN)
    old = yaml_text.read_written(folder / kinds.CONFIG)
    settings = old.get("compare")
    if isinstance(settings, dict) and settings.get("version", 1) != VERSION:
        message = (
            f"{folder} holds a comparison of an earlier version, measured on validation rows; "
        )
        message += "it can be shown, not continued; choose another"
        raise InvalidInput(Fault(message, parameter="out"))
    kept = settings.get("targets") if isinstance(settings, dict) else None
    if not isinstance(kept, list) or not all(isinstance(each, int | float) for each in kept):
        message = "is damaged: it lacks the settings; choose another folder"
        raise InvalidInput(Fault(message, file=str(folder / kinds.CONFIG)))
    assert isinstance(settings, dict)
    differences = []
    for name in SAME:
        if settings.get(name) != config["compare"][name]:
            differences.append((name, settings.get(name), config["compare"][name]))
    there, here = without_paths(_filled(old)), without_paths(jsonable(config))
    for name, value in here.items():
        before = there.get(name)
        if name == "configs" and isinstance(before, dict):
            both = {label: _filled(before[label]) for label in value if label in before}
            if [without_paths(both[label]) for label in both] != [
                without_paths(value[label]) for label in both
            ]:
                differences.append((name, "another", "this"))
        elif name != "compare" and before != value:
            differences.append((name, before, value))
    if differences:
        listed = "; ".join(f"{name} was {was}, is {now}" for name, was, now in differences[:3])
        message = f"{folder} holds a comparison of other settings ({listed}); choose another"
        raise InvalidInput(Fault(message, parameter="out"))
    if kinds.recorded(folder).get("data_sha256") != data:
        message = f"{folder} holds a comparison on other data; the data has changed since"
        raise InvalidInput(Fault(message, parameter="out"))
    if target is not None and kept and [target] != kept:
        message = f"is {target}; the comparison in {folder} has {kept}"
        raise InvalidInput(Fault(message, parameter="target"))
    return tuple(map(float, kept)) or _given(target)


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """What config.yaml says of a config, with the keys that its version did not have yet.

    They have the defaults of today, which do what that version did. Settings that are none today
    stay as they are.
    """
    from optcli.config import SECTIONS, load

    if not isinstance(values, dict) or "configs" in values:
        return values
    sections = {name: value for name, value in values.items() if name in SECTIONS}
    try:
        found = load({"optimizer": "sgd", **sections}).resolved()
    except InvalidInput:
        return values
    filled = {name: value for name, value in found.items() if name in sections}
    plain: dict[str, Any] = jsonable({**values, **filled})
    return plain


class _Stale:
    """Which runs of a comparison hold no longer, as a plug-in that they used has changed.

    A plug-in acts through what it registers: runs whose settings name none of that stay.
    """

    def __init__(self, problem: Problem, changed: Sequence[loading.Change]) -> None:
        self.problem, self.changed = problem, changed
        self.names = frozenset[str]().union(*(change.names for change in changed))
        self.used = {entry.label: _words(problem, entry.label) for entry in problem.entries}
        self.notes = [
            f"{change.file} has changed since; "
            + ("its" if change.file == change.plugin else f"{change.plugin}'s")
            + " runs are trained again"
            for change in changed
            if any(used & change.names for used in self.used.values())
        ]

    @classmethod
    def of(cls, folder: Path, problem: Problem) -> _Stale:
        """Raises InvalidInput where a plug-in is missing, or one that tells nothing is new."""
        changes = loading.changes(kinds.recorded(folder).get("plugins"))
        faults = [c.fault("comparison", "restore it") for c in changes if c.how != "changed"]
        # what registers nothing may act on all
        faults += [
            c.fault(
                "comparison", "it registers nothing, so all runs may differ; choose another folder"
            )
            for c in changes
            if c.how == "changed" and not c.names
        ]
        if faults:
            raise InvalidInput(*faults)
        return cls(problem, changes)

    def __call__(self, label: str, optimizer: str) -> bool:
        """Whether the runs of this label, by this optimizer, are to be trained again."""
        if not self.changed:
            return False
        if label in self.used:
            return bool(self.used[label] & self.names)
        # of an entry that takes no part today; its config is known if it is that of all
        shared = self.problem.configs.get("")
        return shared is None or bool(({optimizer} | loading.texts(shared.resolved())) & self.names)


def _words(problem: Problem, label: str) -> frozenset[str]:
    """All that the settings of an entry name."""
    entry = next(each for each in problem.entries if each.label == label)
    settings = {**problem.config(label).resolved(), "optimizer": named(entry.optimizer)}
    return frozenset(loading.texts(settings))
