"""`resume`: go on with a run from its last checkpoint."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.api import runs
from optcli.api.check import Setup, require_trackers
from optcli.api.predict import Run
from optcli.api.train import (
    CHANGEABLE,
    Listener,
    cross_validated,
    identity,
    train_in,
    with_cache_beside,
)
from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput, setting
from optcli.core.shell import quoted
from optcli.core.specs import CacheFolder, marked
from optcli.data.checksum import checksum
from optcli.data.reading_rules import rules_of
from optcli.plugins import loading
from optcli.storage import files, kinds, outputs, results, run_folder, seals
from optcli.storage.interruption import watched
from optcli.storage.lock import lock
from optcli.training import checkpoint_migration
from optcli.training.checkpoints import read_checkpoint
from optcli.training.history import History
from optcli.training.task import last_step

if TYPE_CHECKING:
    from optcli.config import Config


def resume(
    folder: str | Path,
    overrides: Sequence[str] = (),
    *,
    plots: bool | str = True,
    listeners: Iterable[Listener] = (),
    data: Any = None,
) -> Run:
    """Go on with a run from its last checkpoint, to the bits of a run that never stopped.

    overrides: `KEY=VALUE`, of the keys of `training` that do not change what a step does;
    more epochs make a finished run go on. data: the table of a run that was trained on one in
    memory. A finished run is left as it is, and its `notes`
    say so. Raises InvalidInput where the folder is no run, is damaged or in use, or where
    the data or a plug-in has changed; EnvironmentFailed where writing fails.

        >>> import optcli
        >>> run = optcli.resume("runs/iris", ["training.epochs=30"])
        >>> run.summary["epochs"]
        30
    """
    from optcli import config as configs

    outputs.picture_format(plots)
    folder = Path(folder)
    if run_folder.is_rest(folder):
        message = "its removal was interrupted; remove it again"
        raise InvalidInput(Fault(message, file=str(folder)))
    if not run_folder.is_own(folder):
        raise InvalidInput(Fault("is not a run folder", file=str(folder)))
    with lock(folder):
        seals.check_seal(folder)
        _require_training(folder)
        recorded = kinds.recorded(folder)
        loading.check(recorded.get("plugins"), "run", "restore it, or train again")
        config = configs.load(folder / kinds.CONFIG, overrides).with_data(data)
        old = configs.load(folder / kinds.CONFIG)
        check_changes(old, config)
        if old.split.folds:  # which chose the length
            check_changes(old, config, ())
        require_trackers(config)
        setup = restored(with_cache_beside(config, folder), recorded, folder)
        title = str(recorded.get("config", "config"))
        checkpoint = folder / "checkpoint.npz"
        arrays, history = None, History()
        if checkpoint.exists():
            arrays, history, number = read_checkpoint(checkpoint, identity(config, folder))
            rule = config.training.early_stopping
            reopen(arrays, stopping=rule != old.training.early_stopping)
            there = results.summary(folder) if (folder / results.SUMMARY).exists() else None
            outcome = None if there is None else _outcome(folder, there)
            if setup.config.split.folds:
                setup, _ = cross_validated(setup, folder, ())
            if there and outcome and seals.is_sealed(folder) and _is_done(setup, arrays):
                return _finished(setup, folder, history, there, outcome)
            try:
                checkpoint_migration.convert(arrays, number, config.optimizer, config.schedule)
            except ValueError as error:
                message = (
                    f"is of optcli 0.1: {error}; train again (optcli train {folder}/config.yaml)"
                )
                raise InvalidInput(Fault(message, file=str(checkpoint))) from error
        if _length(config) != _length(old) and len(history):
            before = recorded.get("lengthened_after", [])
            recorded["lengthened_after"] = list(dict.fromkeys([*before, len(history)]))
        text = configs.dump(setup.config, folder)
        listeners = tuple(listeners)
        try:
            setup, found = cross_validated(setup, folder, listeners)
            with watched() as interruption:
                seals.unseal(folder)
                kinds.rewrite(folder, kinds.TRAIN, text, recorded)
                rest = (plots, listeners, interruption, arrays, history)
                return train_in(setup, folder, title, *rest, more=found)
        except (ValueError, KeyError) as error:
            message = f"does not fit its config: {error}"
            raise InvalidInput(Fault(message, file=str(checkpoint))) from error


def _require_training(folder: Path) -> None:
    """Raise InvalidInput where the folder is of another kind, with what to do with it."""
    kind, command = kinds.of(folder), runs.continuation(folder)
    remedy = "" if kind is None else kind.repeat
    kinds.require(folder, kinds.TRAIN, f"continue it with: {command}" if command else remedy)


@contextlib.contextmanager
def set_up_again(
    folder: Path,
    overrides: Sequence[str] = (),
    data: Any = None,
    remedy: str = "restore it, or train again",
) -> Iterator[Setup]:
    """What is needed to train a finished run again, to the end, outside its folder.

    remedy: what to do where a plug-in has changed. Raises InvalidInput where one has, or the data.
    """
    from optcli import config as configs

    recorded = kinds.recorded(folder)
    loading.check(recorded.get("plugins"), "run", remedy)
    config = configs.load(folder / kinds.CONFIG, overrides).with_data(data)
    check_changes(configs.load(folder / kinds.CONFIG), config, ())
    with _cache_set_aside(config, folder) as config:
        yield cross_validated(restored(config, recorded, folder), folder, ())[0]


@contextlib.contextmanager
def _cache_set_aside(config: Config, folder: Path) -> Iterator[Config]:
    """The config with a temporary folder for the caches of tables; those that exist are read."""
    names = marked(type(config.dataset), CacheFolder)
    if not names:
        yield config
        return
    with tempfile.TemporaryDirectory(prefix="optcli-") as place:
        beside = with_cache_beside(config, folder).dataset
        for name in names:
            for path in Path(getattr(beside, name)).glob("*.table"):
                files.link(Path(place, path.name), path)
        places: dict[str, Any] = dict.fromkeys(names, place)
        yield replace(config, dataset=replace(config.dataset, **places))


def restored(config: Config, recorded: Mapping[str, Any], folder: Path) -> Setup:
    """The setup of a run that is in `folder`, on the very rows that it was trained on.

    recorded: what its environment.json says. Raises InvalidInput where the data is another, or
    has moved: then with the setting that says where it is.
    """
    try:
        setup = Setup.of(config, rules_of(recorded.get("optcli")))
    except InvalidInput as error:
        raise InvalidInput(*(_findable(fault, config) for fault in error.faults)) from error
    sums = [checksum(setup.data)]
    if setup.data.train.weight is not None and rules_of(recorded.get("optcli")) == 1:
        sums.append(checksum(setup.data, weights=False))
    if recorded.get("data_sha256") not in sums:
        message = "its data has changed since; restore the data, or train again"
        from optcli.config import places

        if any(key in config.document.settings for key in places(config.resolved())):
            message = "was trained on another table: the checksum of the given one differs"
        raise InvalidInput(Fault(message, file=str(folder)))
    return setup


def _findable(fault: Fault, config: Config) -> Fault:
    """What to say of a table that is not where it was."""
    from optcli.config import places

    key = (fault.key or "").partition("[")[0]
    known = [".".join(place) for place in places(config.resolved())]
    hint = ""
    if key in known and "no such file" in fault.message:
        hint = f"; if it has moved, add {setting('overrides', f'{key}=FILE')}"
    return replace(fault, message=f"{fault.message}{hint}")


# The setting with which a run goes on that has ended in one of these ways.
GOES_ON = {
    "completed": "{length}",
    "stopped_early": "training.early_stopping=null",
}


def check_changes(old: Config, new: Config, changeable: Sequence[str] = CHANGEABLE) -> None:
    """Raise InvalidInput with every key that may not change when a run goes on."""
    from optcli.config import without_paths

    faults = []
    before, after = without_paths(old.resolved()), without_paths(new.resolved())
    for section, value in after.items():
        if section != "training":
            if value != before.get(section):
                faults.append(section)
            continue
        for name in {**before[section], **value}:
            if name not in changeable and value.get(name) != before[section].get(name):
                faults.append(f"training.{name}")
    if faults:
        allowed = ", ".join(f"training.{name}" for name in changeable)
        message = f"cannot change when a run is resumed; only {allowed} can"
        if not changeable:
            message = "cannot change here; only the paths of its tables can"
        raise InvalidInput(*(Fault(message, name, parameter="overrides") for name in faults))


def reopen(arrays: Mapping[str, Array], *, stopping: bool) -> None:
    """Let those go on that were cut short or had their length; and early ones by a new rule."""
    again = ["completed", "timed_out", "interrupted"] + ["stopped_early"] * stopping
    outcomes = arrays.get("outcomes", np.empty(0))
    outcomes[np.isin(outcomes, again)] = ""


def _length(config: Config) -> tuple[int, int | None]:
    """What the length of a run is given by: epochs, or steps."""
    return config.training.epochs, config.training.steps


def _is_done(setup: Setup, arrays: Mapping[str, Array]) -> bool:
    """Whether nothing is left to train."""
    going = ("", "diverged") if setup.config.training.on_divergence == "continue" else ("",)
    ended = [outcome for outcome in arrays["outcomes"] if outcome not in going]
    return bool(ended) or int(arrays["position"][1]) >= last_step(setup.cohort)


def _outcome(folder: Path, summary: Mapping[str, Any]) -> str:
    """How a run ended; raises InvalidInput where its summary.json does not tell."""
    outcome = summary.get("outcome")
    if not isinstance(outcome, str):
        message = "is damaged: it has no outcome"
        raise InvalidInput(Fault(message, file=str(folder / results.SUMMARY)))
    return outcome


def _finished(
    setup: Setup, folder: Path, history: History, summary: dict[str, Any], outcome: str
) -> Run:
    """A run of which nothing is left to train."""
    trained = setup.untrained().read(folder / "model.npz")
    note = f"this run has ended ({outcome.replace('_', ' ')}); nothing was changed"
    if outcome in GOES_ON and not setup.config.split.folds:
        epochs, steps = _length(setup.config)
        length = f"training.epochs={2 * epochs}" if steps is None else f"training.steps={2 * steps}"
        change = GOES_ON[outcome].format(length=length)
        note += f"; to continue: optcli train --resume {quoted(str(folder))} --set {change}"
    return Run(setup.config, folder, history.columns, summary, trained, (note,))
