"""`resume`: go on with a run from its last checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.api.check import Setup
from optcli.api.predict import Run
from optcli.api.train import Listener, train_in, with_cache_beside
from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data.checksum import checksum
from optcli.data.reading import rules_of
from optcli.plugins import loading
from optcli.storage import files, run_folder
from optcli.training import formats
from optcli.training.checkpoints import read_checkpoint
from optcli.training.history import History
from optcli.training.task import lengths

if TYPE_CHECKING:
    from optcli.config import Config


def resume(
    folder: str | Path,
    overrides: Sequence[str] = (),
    *,
    plots: bool = True,
    listeners: Iterable[Listener] = (),
) -> Run:
    """Go on with a run from its last checkpoint, to the bits of a run that never stopped.

    overrides: `KEY=VALUE`, of the keys of `training` that do not change what a step does;
    more epochs make a finished run go on. A finished run is left as it is, and its `notes`
    say so. Raises InvalidInput where the folder is no run, is damaged or in use, or where
    the data or a plug-in has changed; EnvironmentFailed where writing fails.
    """
    from optcli import config as configs

    folder = Path(folder)
    if not run_folder.is_own(folder) or not _is_run(folder):
        raise InvalidInput(Fault("is no run folder", file=str(folder)))
    with run_folder.lock(folder):
        run_folder.check_seal(folder)
        told = files.read_json(folder / "environment.json")
        loading.check(told.get("plugins"), "run", "restore it, or train anew")
        config = configs.load(folder / "config.yaml", overrides)
        old = configs.load(folder / "config.yaml")
        check_changes(old, config)
        plan = recalled(with_cache_beside(config, folder), told, folder)
        title = str(told.get("config", "config"))
        arrays, history = None, History()
        if (folder / "checkpoint.npz").exists():
            arrays, history, number = read_checkpoint(folder / "checkpoint.npz")
            rule = config.training.early_stopping
            reopen(arrays, stopping=rule != old.training.early_stopping)
            if (folder / "summary.json").exists() and _is_done(plan, arrays):
                return _finished(plan, folder, history)
            try:
                formats.convert(arrays, number, config.optimizer, config.schedule)
            except ValueError as error:
                message = (
                    f"is of optcli 0.1: {error}; train anew (optcli train {folder}/config.yaml)"
                )
                raise InvalidInput(Fault(message, file=str(folder / "checkpoint.npz"))) from error
        run_folder.open_for_writing(folder)
        files.write(folder / "config.yaml", configs.dump(plan.config, folder).encode())
        if _length(config) != _length(old) and len(history):
            told["lengthened_after"] = [*told.get("lengthened_after", []), len(history)]
            files.write_json(folder / "environment.json", told)
        try:
            return train_in(plan, folder, title, plots, listeners, arrays, history)
        except (ValueError, KeyError) as error:
            message = f"does not fit its config: {error}"
            raise InvalidInput(Fault(message, file=str(folder / "checkpoint.npz"))) from error


def recalled(config: Config, told: Mapping[str, Any], folder: Path) -> Setup:
    """The plan of a run that is in `folder`, on the very rows that it was trained on.

    told: what its environment.json says. Raises InvalidInput where the data is another, or
    has moved: then with the setting that says where it is.
    """
    try:
        plan = Setup.of(config, rules_of(told.get("optcli")))
    except InvalidInput as error:
        raise InvalidInput(*(_findable(fault, config) for fault in error.faults)) from error
    if told.get("data_sha256") != checksum(plan.data):
        message = "its data has changed since; train anew, or restore the data"
        from optcli.config import places

        if any(key in config.document.settings for key in places(config.resolved())):
            message = "was trained on another table than is given: its checksum differs"
        raise InvalidInput(Fault(message, file=str(folder)))
    return plan


def _findable(fault: Fault, config: Config) -> Fault:
    """What to say of a table that is not where it was."""
    from optcli.config import places

    key = (fault.key or "").partition("[")[0]
    known = [".".join(place) for place in places(config.resolved())]
    hint = ""
    if key in known and "no such file" in fault.message:
        hint = f"; if it has moved, add --set {key}=FILE"
    return replace(fault, message=f"{fault.message}{hint}")


# What may change when a run goes on; the rest would make it another run.
CHANGEABLE = ("epochs", "steps", "early_stopping", "checkpoint_every", "time_limit")

# What lets a run go on that has ended in one of these ways.
GOES_ON = {
    "completed": "; more training.epochs (or steps) let it go on",
    "stopped_early": "; another training.early_stopping, or null, lets it go on",
}


def check_changes(old: Config, new: Config, changeable: Sequence[str] = CHANGEABLE) -> None:
    """Raise InvalidInput with every key that may not change when a run goes on."""
    from optcli.config import placeless

    faults = []
    before, after = placeless(old.resolved()), placeless(new.resolved())
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
        message = f"cannot change when a run goes on; only {allowed} can"
        if not changeable:
            message = "cannot change when a run is verified; only the paths of its tables can"
        raise InvalidInput(*(Fault(message, f"--set {name}") for name in faults))


def reopen(arrays: Mapping[str, Array], *, stopping: bool) -> None:
    """Let those go on that were cut short or had their length; and early ones by a new rule."""
    again = ["completed", "timed_out", "interrupted"] + ["stopped_early"] * stopping
    outcomes = arrays.get("outcomes", np.empty(0))
    outcomes[np.isin(outcomes, again)] = ""


def _length(config: Config) -> tuple[int, int | None]:
    """What the length of a run is given by: epochs, or steps."""
    return config.training.epochs, config.training.steps


def _is_run(folder: Path) -> bool:
    return not (folder / "config.yaml").read_bytes().startswith((b"compare:", b"benchmark:"))


def _is_done(plan: Setup, arrays: Mapping[str, Array]) -> bool:
    """Whether nothing is left to train."""
    steps, _ = lengths(plan.cohort)
    ended = [outcome for outcome in arrays["outcomes"] if outcome]
    return bool(ended) or int(arrays["position"][1]) >= steps


def _finished(plan: Setup, folder: Path, history: History) -> Run:
    found = files.read_json(folder / "summary.json")
    trained = plan.untrained().read(folder / "model.npz")
    outcome = found.get("outcome")
    if not isinstance(outcome, str):
        message = "is damaged: it does not tell the outcome"
        raise InvalidInput(Fault(message, file=str(folder / "summary.json")))
    note = f"this run has ended ({outcome}); nothing was changed{GOES_ON.get(outcome, '')}"
    return Run(plan.config, folder, history.columns, found, trained, (note,))
