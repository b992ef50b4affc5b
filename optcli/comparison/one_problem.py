"""One: a comparison in its folder, from its settings to its pictures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optcli.comparison import figures
from optcli.comparison.power import default_seeds
from optcli.comparison.problem import Problem, measure
from optcli.comparison.result import Comparison, Listener
from optcli.comparison.settings import ComparisonSettings
from optcli.comparison.signed_rank import fewest_seeds, pairs_of
from optcli.comparison.step_time import relative_step_times
from optcli.comparison.store import Store
from optcli.comparison.study import Budget, Study
from optcli.comparison.summary import summary as summarized
from optcli.comparison.trials import Measure, prepared
from optcli.core.durations import counted
from optcli.core.environment import environment
from optcli.core.errors import Fault, Grave, InvalidInput
from optcli.core.specs import named
from optcli.data.checksum import checksum
from optcli.plugins import loading
from optcli.storage import files, run_folder
from optcli.storage.dispatch import Pool, reach
from optcli.training import formats


def claim(out: Path | None, name: str, contents: Mapping[str, bytes], overwrite: bool) -> Path:
    """The folder, with its first files; or one that holds a comparison to go on with."""
    if out is None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return run_folder.new(Path("runs"), f"{name}-{stamp}", contents)
    if not overwrite and begun(out):
        return out
    return run_folder.claim(out, contents, overwrite=overwrite)


def begun(folder: Path) -> bool:
    """Whether the folder holds a comparison, finished or not."""
    try:
        return (folder / "config.yaml").read_bytes().startswith(b"compare:")
    except OSError:
        return False


def _of_data(problem: Problem) -> list[str]:
    """What is worth saying of the data, once; what is grave first."""
    data = [note for entry in problem.entries for note in prepared(entry.task, None).warnings]
    return sorted(dict.fromkeys(data), key=lambda note: not isinstance(note, Grave))


def run(
    problem: Problem,
    settings: ComparisonSettings,
    out: Path | None,
    overwrite: bool,
    plots: bool,
    listener: Listener,
) -> Comparison:
    """Compare, in a folder of its own, or go on in one that holds a part of it."""
    count = len(problem.entries)
    pairs = pairs_of(count)
    seeds = settings.seeds or default_seeds(count)
    first = problem.config(problem.entries[0].label).seed
    budget = Budget(settings.tune, settings.budget, settings.tune_seeds, seeds, first)
    what, columns = measure(problem, settings.metric)
    notes = [*_of_data(problem), *problem.notes]
    fewest = fewest_seeds(pairs)
    if seeds < fewest:
        notes.append(
            f"with {counted(seeds, 'seed')} no difference between {count} can be shown; "
            f"{fewest} are the fewest (--seeds)"
        )
    same = (list(loading.loaded), loading.identity())
    pool = Pool(settings.jobs or 1, settings.backend, loading.load_same, same, loading.failure)
    reach(pool)
    told = _told(problem, settings, budget, what, out or Path("runs", "new"))
    contents = _contents(problem, told, settings.target, settings)
    folder = claim(out, f"compare-{problem.title}", contents, overwrite)
    with run_folder.dropped_if_bare(folder), run_folder.lock(folder):
        goal = _continued(folder, told, _data(problem), settings.target)
        _check_rules(folder, problem)
        stale = _Stale.of(folder, problem)
        run_folder.open_for_writing(folder)
        # what holds no longer is gone before the folder tells of the plug-ins of today
        store = Store(folder, columns, [entry.label for entry in problem.entries], stale)
        notes += stale.notes
        if stale.notes and goal is not None and settings.target is None:
            notes.append(f"the target, {goal:g}, is found anew; --target {goal!r} keeps it")
            goal = None
        if store.damaged:
            notes.append(f"{store.damaged} runs in {folder} were damaged; they are trained again")
        study = Study(
            problem.entries,
            budget,
            store,
            measure=what,
            goal=goal,
            fixed_split=settings.fixed_split,
            workers=settings.jobs,
            pool=pool,
        )
        for name, content in _contents(problem, told, goal, settings).items():
            files.write(folder / name, content)
        listener.started(study, problem.title, notes)
        for progress in study.run():
            listener.progress(progress)
        chosen = {e.label: (e.task, study.chosen[e.label]) for e in problem.entries}
        summary = summarized(study, relative_step_times(chosen))
        last = _contents(problem, told, study.goal, settings)
        for name, content in last.items():
            files.write(folder / name, content)
        files.write_json(folder / "summary.json", summary)
        if plots:
            for name, content in figures.draw(study, summary, problem.title):
                files.write(folder / name, content)
        run_folder.seal(folder)
    found = Comparison(folder, summary, study, tuple(notes))
    listener.found(found)
    return found


def _told(
    problem: Problem, settings: ComparisonSettings, budget: Budget, what: Measure, folder: Path
) -> dict[str, Any]:
    """What config.yaml in `folder` says: the settings, and what is trained."""
    from optcli.config import portable

    values = {
        "compare": {
            "entries": [entry.label for entry in problem.entries],
            "measure": what.column,
            "tune": budget.rates,
            "budget": budget.settings,
            "tune_seeds": budget.tuning_seeds,
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


def _contents(
    problem: Problem, told: dict[str, Any], goal: float | None, settings: ComparisonSettings
) -> dict[str, bytes]:
    """The files that say what the comparison is made from, and on what, and by which command."""
    from optcli.config import writing

    written = {**told, "compare": {**told["compare"], "target": goal}}
    return {
        "config.yaml": writing.written(files.jsonable(written)).encode(),
        "environment.json": files.json_bytes(
            {
                **environment(1, _data(problem)),
                "plugins": loading.identity(),
                **settings.origin,
            }
        ),
    }


def _data(problem: Problem) -> str:
    """One checksum for the data of all."""
    return "-".join(
        dict.fromkeys(checksum(prepared(entry.task, None)) for entry in problem.entries)
    )


def _continued(folder: Path, told: dict[str, Any], data: str, target: float | None) -> float | None:
    """The target of a comparison that is gone on with; raises InvalidInput if it is another.

    Entries and seeds may be added. All that a finished run depends on must be the same.
    """
    from optcli.config import placeless, reading

    run_folder.check_seal(folder, "config.yaml", "environment.json")
    old = reading.read_written(folder / "config.yaml")
    settings = old.get("compare")
    if not isinstance(settings, dict) or not isinstance(settings.get("target"), int | float | None):
        message = "is damaged: it does not tell the terms; choose another folder"
        raise InvalidInput(Fault(message, file=str(folder / "config.yaml")))
    differences = []
    for name in ("measure", "tune", "budget", "tune_seeds", "first_seed", "fixed_split"):
        if settings.get(name) != told["compare"][name]:
            differences.append((name, settings.get(name), told["compare"][name]))
    there, here = placeless(_filled(old)), placeless(files.jsonable(told))
    for name, value in here.items():
        before = there.get(name)
        if name == "configs" and isinstance(before, dict):
            both = {label: _filled(before[label]) for label in value if label in before}
            if [placeless(both[label]) for label in both] != [
                placeless(value[label]) for label in both
            ]:
                differences.append((name, "another", "this"))
        elif name != "compare" and before != value:
            differences.append((name, before, value))
    if differences:
        listed = "; ".join(f"{name} was {was}, is {now}" for name, was, now in differences[:3])
        message = f"{folder} holds a comparison of other settings ({listed}); choose another"
        raise InvalidInput(Fault(message, "--out"))
    if files.read_json(folder / "environment.json").get("data_sha256") != data:
        message = f"{folder} holds a comparison on other data; the data has changed since"
        raise InvalidInput(Fault(message, "--out"))
    kept = settings.get("target")
    if target is not None and kept is not None and target != kept:
        message = f"is {target}; the comparison in {folder} has {kept}"
        raise InvalidInput(Fault(message, "--target"))
    return target if kept is None else float(kept)


def _check_rules(folder: Path, problem: Problem) -> None:
    """Raise InvalidInput where an earlier version trained by other rules: they do not mix."""
    made_with = str(files.read_json(folder / "environment.json").get("optcli"))
    if not made_with.startswith("0.1."):
        return
    for entry in problem.entries:
        name, schedule = entry.optimizer.name, problem.config(entry.label).schedule
        if scheduled := formats.lost_by(entry.optimizer, schedule):
            message = f"{folder} is of optcli {made_with}, whose '{name}' under a schedule of "
            message += f"{scheduled} was another rule; choose another"
            raise InvalidInput(Fault(message, "--out"))


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
    plain: dict[str, Any] = files.jsonable({**values, **filled})
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
        told = files.read_json(folder / "environment.json")
        changes = loading.changes(told.get("plugins"))
        faults = [c.fault("comparison", "restore it") for c in changes if c.how != "changed"]
        # what registers nothing may act on all
        faults += [
            c.fault(
                "comparison", "it registers nothing, so all runs may differ; choose another --out"
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
