"""Runs: the Python door. Introduces training to those who listen to it.

run = optcli.train("configs/iris.yaml")
run.summary["best"], run.history["train_loss"], run.predict("new.csv")
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli import files, folders, plugins
from optcli.arrays import DTYPES, Array
from optcli.baseline import Ending, constant_loss, constant_scores
from optcli.data import streaming
from optcli.data import table as tables
from optcli.data.preparation import Part, Prepared, labelled
from optcli.data.reading import RULES, rules_of
from optcli.data.table import listed
from optcli.descent import Ground, unfit
from optcli.errors import Fault, InvalidInput
from optcli.events import Ended, Event
from optcli.interruption import watched
from optcli.laws.first_use import hold
from optcli.parameters import Parameters
from optcli.recording import (
    History,
    Recorder,
    Trained,
    environment,
    named,
    read_checkpoint,
    summary,
)
from optcli.task import Task, blas_threads, checksum, lengths, notes
from optcli.task import check as check_task
from optcli.training import Cohort, Evaluation, Replica, formats, train_cohort

if TYPE_CHECKING:
    from optcli.config import Config

Listener = Callable[[Event], None]
Say = Callable[[str], object]  # is told sentences on the rows


def silent(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    folder: where it lies, None where it was not to be kept. history: the columns
    of history.csv. summary: what summary.json says. notes: sentences about the
    data that were worth saying. signal: that interrupted it, if one did.
    """

    config: Config
    folder: Path | None
    history: Mapping[str, Sequence[float]]
    summary: Mapping[str, Any]
    trained: Trained
    notes: tuple[str, ...] = ()
    signal: int | None = None

    def __repr__(self) -> str:
        outcome, epochs = self.summary["outcome"], self.summary["epochs"]
        return f"<Run {self.folder}: {outcome}, epochs: {epochs}>"

    def predict(self, X: Any) -> Array:
        """Predictions for raw rows: class names or values, (N,), or (N, C) for several targets.

        X: a table's path, a mapping of column names to values, a data frame, or
        an array (N, D) of the feature columns in their order. Raises InvalidInput.
        """
        decoded = self.predictions(X)
        columns = [decoded[name] for name in self.trained.encoder.target.names]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    def predictions(self, X: Any, say: Say = silent) -> dict[str, Array]:
        """Predictions (N,) by column, with the probability of each class or label.

        Numbers are in the data's own units. X: as for `predict`. say: called with each
        sentence that is worth saying of the rows. Raises InvalidInput.
        """
        encoder = self.trained.encoder
        found = encoder.decode(self.trained.loss.respond(self.scores(X, say)))
        target = encoder.target
        if target.merged and np.any(found[target.names[0]] == target.classes[0][-1]):
            rare = listed([f"'{name}'" for name in target.merged], 5)
            say(f"class '{target.classes[0][-1]}' stands for the rare classes {rare}")
        return found

    def evaluate(self, X: Any, say: Say = silent) -> dict[str, float]:
        """Loss and metrics on labelled raw rows, as `summary["test"]` has them.

        X: as for `predict`, with the columns of the target (and of the weights, if there
        were some). Rows with missing values are dropped where training dropped them, and so
        are those of classes that it dropped. say: as for `predictions`. Raises InvalidInput.
        """
        encoder, dtype = self.trained.encoder, DTYPES[self.trained.dtype]
        part = labelled(encoder, self._table(X, encoder.target.names, say), dtype)
        for note in part.notes:
            say(note)
        data = Prepared(part, None, None, encoder, encoder.outputs)
        with placed(self.config):
            task = task_of(self.config)
            cohort = task.cohort([Replica(self.config.optimizer, data, self.config.seed)])
        # class weights are those of the training rows
        cohort = replace(cohort, loss=self.trained.loss)
        with blas_threads(1):
            return evaluate(cohort, self.trained, part)

    def table_paths(self) -> list[str]:
        """The paths of the tables that the config names; they need not be there any more."""
        dataset, split = self.config.dataset, self.config.split
        named = (getattr(dataset, "path", None), split.validation, split.test)
        return [path for path in named if isinstance(path, str)]

    def scores(self, X: Any, say: Say = silent) -> Array:
        """The model's raw scores (N, C) for raw rows, as `predictions` takes them."""
        encoder = self.trained.encoder
        x = encoder.encode(self._table(X, (), say), DTYPES[self.trained.dtype])
        return forward(self.trained, x)

    def _table(self, X: Any, targets: Sequence[str], say: Say) -> tables.Table:
        """Raw rows as a table; of an array, the columns are the features, then the targets."""
        encoder = self.trained.encoder
        names = [*(feature.name for feature in encoder.features), *targets]
        if isinstance(X, str | Path):
            table = tables.read(X, encoder.reading)
        else:
            table = tables.of(X, names, reading=encoder.reading)
        for note in table.notes:
            if note.column is None or note.column in names:
                say(note.text)
        return table


def forward(trained: Trained, x: Array) -> Array:
    """Scores (N, C) of encoded rows x (N, D)."""
    with blas_threads(1):
        return trained.scores(x)


@dataclass(frozen=True)
class Plan:
    """What a config comes to, once its data is read: all but the training."""

    config: Config
    cohort: Cohort
    data: Prepared

    @classmethod
    def of(cls, config: Config, rules: int = RULES) -> Plan:
        """Read and prepare the data, check that all fits; raises InvalidInput.

        rules: those by which the table is read.
        """
        with placed(config):
            task = task_of(config)
            ground = config.dataset
            if isinstance(ground, Ground):
                if config.optimizer.needs_model:
                    raise InvalidInput(Fault(unfit(config.optimizer), "optimizer.name"))
                data = ground.prepared(DTYPES[config.dtype])
            else:
                data = task.prepare(task.table(rules))
            cohort = task.cohort([Replica(config.optimizer, data, config.seed)])
            check_task(cohort)
        hold([config.optimizer])
        return cls(replace(config, training=cohort.training), cohort, data)

    def describe(self) -> dict[str, dict[str, Any]]:
        """What would be trained, under a few headings."""
        if isinstance(self.config.dataset, Ground):
            return self._describe_descent(self.config.dataset)
        config, data, cohort = self.config, self.data, self.cohort
        architecture, encoder = cohort.architecture(), data.encoder
        steps, per_epoch = lengths(cohort)
        parts = {"training": data.train, "validation": data.validation, "test": data.test}
        columns = {
            feature.name: "number"
            if feature.categories is None
            else f"one of {len(feature.categories)}: {listed(feature.categories)}"
            for feature in encoder.features
        }
        if encoder.image:
            names = [feature.name for feature in encoder.features]
            pixels = "x".join(map(str, encoder.image))
            columns = {"image": f"{pixels}, the columns {names[0]} to {names[-1]}"}
        target: dict[str, Any] = {"columns": encoder.target.names, "kind": encoder.target.kind}
        if encoder.target.classes:
            classes = encoder.target.classes
            several = list(dict.fromkeys(classes))  # labels have the same two, as a rule
            same = len(several) == 1
            target["classes"] = classes[0] if same else [", ".join(c) for c in classes]
        layers = {
            step.name: f"{'x'.join(map(str, step.shape))} -> "
            f"{'x'.join(map(str, step.layer.output(step.shape)))}"
            for step in architecture.steps
        }
        facts: dict[str, dict[str, Any]] = {
            "rows": {name: len(part.x) for name, part in parts.items() if part is not None}
            | ({"dropped": data.dropped} if data.dropped else {}),
            "features": columns,
            "target": target,
            "model": layers | {"parameters": architecture.layout.size},
            "training": {
                "loss": config.loss.name,
                "optimizer": named(config.optimizer),
                "batch size": cohort.batch,
                "steps": f"{steps:,} ({per_epoch:,} an epoch)",
                "metrics": [metric.name for metric in cohort.metrics],
                "memory": f"{max(cohort.memory() / 1e6, 0.1):,.1f} MB",
            },
        }
        if said := notes(cohort):
            facts["notes"] = {str(n): text for n, text in enumerate(said, 1)}
        return facts

    def untrained(self) -> Trained:
        """The model, without parameters as yet."""
        config, nothing = self.config, np.empty(0, self.cohort.dtype)
        loss, encoder = self.cohort.loss, self.data.encoder
        return Trained(config.model, loss, encoder, config.dtype, nothing, nothing)

    def environment(self, title: str) -> dict[str, Any]:
        """What environment.json says; title: what the config is called."""
        threads = self.config.training.threads
        told = environment(threads, checksum(self.data))
        return {"config": title, **told, "plugins": plugins.identity()}

    def _describe_descent(self, ground: Ground) -> dict[str, dict[str, Any]]:
        objective = ground.objective
        about = named(objective) | {"start": [f"{x:g}" for x in ground.start]}
        about["least value"] = f"{objective.lowest:g}"
        spec = {"optimizer": named(self.config.optimizer), "steps": lengths(self.cohort)[0]}
        return {"objective": about, "training": spec}


def task_of(config: Config) -> Task:
    """The config without its optimizer."""
    return Task(**{field.name: getattr(config, field.name) for field in fields(Task)})


@contextlib.contextmanager
def placed(config: Config) -> Iterator[None]:
    """Give the faults of what is done inside their place in the config."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(*(config.place(fault) for fault in error.faults)) from error


def check(config: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Plan:
    """All of `train` but the training; raises InvalidInput with all that is wrong."""
    from optcli import config as configs

    return Plan.of(configs.load(config, overrides))


def train(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool = True,
    listeners: Iterable[Listener] = (),
) -> Run:
    """Train what a config says, and keep the run in a folder.

    config: the path of a YAML file, or a mapping with the same keys. overrides:
    `KEY=VALUE` with a dotted key, as for `--set`. out: the folder, by default
    `runs/<config>-<date>-<time>`. listeners: called with every event. Raises
    InvalidInput with all that is wrong, EnvironmentFailed where writing fails.
    """
    from optcli import config as configs

    return run(configs.load(config, overrides), out, overwrite, plots, listeners)


def run(
    config: Config,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool = True,
    listeners: Iterable[Listener] = (),
) -> Run:
    """`train`, for a config that is loaded already."""
    from optcli import config as configs

    plan = Plan.of(config if out is None else _beside(config, Path(out)))
    place = Path("runs", "new") if out is None else Path(out)
    contents = {
        "config.yaml": configs.dump(plan.config, place).encode(),
        "environment.json": files.json_bytes(plan.environment(config.title)),
    }
    if out is None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder = folders.new(Path("runs"), f"{config.title}-{stamp}", contents)
    else:
        folder = folders.claim(Path(out), contents, overwrite=overwrite)
    with folders.dropped_if_bare(folder), folders.lock(folder):
        return _train(plan, folder, config.title, plots, listeners)


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
    if not folders.is_own(folder) or not _is_run(folder):
        raise InvalidInput(Fault("is no run folder", file=str(folder)))
    with folders.lock(folder):
        folders.check_seal(folder)
        told = files.read_json(folder / "environment.json")
        plugins.check(told.get("plugins"), "run", "restore it, or train anew")
        config = configs.load(folder / "config.yaml", overrides)
        old = configs.load(folder / "config.yaml")
        check_changes(old, config)
        plan = recalled(_beside(config, folder), told, folder)
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
        folders.open_for_writing(folder)
        files.write(folder / "config.yaml", configs.dump(plan.config, folder).encode())
        if _length(config) != _length(old) and len(history):
            told["lengthened_after"] = [*told.get("lengthened_after", []), len(history)]
            files.write_json(folder / "environment.json", told)
        try:
            return _train(plan, folder, title, plots, listeners, arrays, history)
        except (ValueError, KeyError) as error:
            message = f"does not fit its config: {error}"
            raise InvalidInput(Fault(message, file=str(folder / "checkpoint.npz"))) from error


def recalled(config: Config, told: Mapping[str, Any], folder: Path) -> Plan:
    """The plan of a run that is in `folder`, on the very rows that it was trained on.

    told: what its environment.json says. Raises InvalidInput where the data is another, or
    has moved: then with the setting that says where it is.
    """
    try:
        plan = Plan.of(config, rules_of(told.get("optcli")))
    except InvalidInput as error:
        raise InvalidInput(*map(_findable, error.faults)) from error
    if told.get("data_sha256") != checksum(plan.data):
        message = "its data has changed since; train anew, or restore the data"
        if any(key in config.document.settings for key in PLACES):
            message = "was trained on another table than is given: its checksum differs"
        raise InvalidInput(Fault(message, file=str(folder)))
    return plan


def _findable(fault: Fault) -> Fault:
    """What to say of a table that is not where it was."""
    moved = fault.key in [".".join(place) for place in PLACES] and "no such file" in fault.message
    hint = f"; if it has moved, add --set {fault.key}=FILE" if moved else ""
    return replace(fault, message=f"{fault.message}{hint}")


# Where tables lie: these may change when a run goes on, as long as the rows are the same.
PLACES = (
    ("dataset", "path"),
    ("dataset", "cache"),
    ("split", "validation"),
    ("split", "test"),
)
# What may change when a run goes on; the rest would make it another run.
CHANGEABLE = ("epochs", "steps", "early_stopping", "checkpoint_every", "time_limit")


# What lets a run go on that has ended in one of these ways.
GOES_ON = {
    "completed": "; more training.epochs (or steps) let it go on",
    "stopped_early": "; another training.early_stopping, or null, lets it go on",
}


def check_changes(old: Config, new: Config, changeable: Sequence[str] = CHANGEABLE) -> None:
    """Raise InvalidInput with every key that may not change when a run goes on."""
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


def placeless(values: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a config, without the places of tables: their content is held by checksum."""
    found = dict(values)
    for section, name in PLACES:
        inside = found.get(section)
        if isinstance(inside, Mapping) and isinstance(inside.get(name), str):
            found[section] = {**inside, name: "a table"}
    if isinstance(inside := found.get("dataset"), Mapping):
        found["dataset"] = {name: value for name, value in inside.items() if name != "cache"}
    return found


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


def _is_done(plan: Plan, arrays: Mapping[str, Array]) -> bool:
    """Whether nothing is left to train."""
    steps, _ = lengths(plan.cohort)
    ended = [outcome for outcome in arrays["outcomes"] if outcome]
    return bool(ended) or int(arrays["position"][1]) >= steps


def _finished(plan: Plan, folder: Path, history: History) -> Run:
    found = files.read_json(folder / "summary.json")
    trained = plan.untrained().read(folder / "model.npz")
    outcome = found.get("outcome")
    if not isinstance(outcome, str):
        message = "is damaged: it does not tell the outcome"
        raise InvalidInput(Fault(message, file=str(folder / "summary.json")))
    note = f"this run has ended ({outcome}); nothing was changed{GOES_ON.get(outcome, '')}"
    return Run(plan.config, folder, history.columns, found, trained, (note,))


def _train(
    plan: Plan,
    folder: Path,
    title: str,
    plots: bool,
    listeners: Iterable[Listener],
    arrays: Mapping[str, Array] | None = None,
    history: History | None = None,
) -> Run:
    """Train, from the start or from a checkpoint's arrays, and keep all in the folder."""
    config, history = plan.config, history or History()
    start = plan.untrained()
    recorder = Recorder(folder, history, start, config.training.checkpoint_every)
    everyone: list[Listener] = [recorder, *listeners]
    with blas_threads(config.training.threads), watched() as interruption:
        for event in train_cohort(plan.cohort, resume=arrays, stop=interruption.came):
            for listener in everyone:
                listener(event)
        assert isinstance(event, Ended)
        state = event.state
        trained = replace(
            start, parameters=state.best[:1].copy(), statistics=state.best_statistics[:1].copy()
        )
        rows = plan.data.test
        test = None if rows is None else evaluate(plan.cohort, trained, rows)
        ending = None
        if len(history) and event.outcomes[0] != "interrupted":
            ending = _ending(plan, history, event)
        found = summary(event, history, state.architecture.layout.size, test, ending)
        if isinstance(config.dataset, Ground):
            found["end"] = found.pop("test")  # where the path ended is no test
        files.write_json(folder / "summary.json", found)
        said = notes(plan.cohort)
        if plots:
            from optcli import gallery

            for name, content in gallery.pictures(title, plan.cohort, trained, history, found):
                files.write(folder / name, content)
            said += gallery.notes(plan.data)
        folders.seal(folder)
    return Run(config, folder, history.columns, found, trained, said, interruption.signal)


FIRST_ROWS = 1024  # on which the model before training is measured


def _ending(plan: Plan, history: History, ended: Ended) -> Ending:
    """Where the training loss began and ended, and what a constant prediction would give.

    The first loss is measured on at most 1024 training rows, without dropout.
    """
    cohort, ground = replace(plan.cohort, metrics=()), plan.config.dataset
    replica, train = cohort.replicas[0], plan.data.train
    start = plan.untrained().initial(replica.seed)
    first = evaluate(cohort, start, train.sampled(FIRST_ROWS))["loss"]
    diverged = ended.outcomes[0] == "diverged"
    last = math.nan if diverged else history.columns["train_loss"][-1]
    if isinstance(ground, Ground):
        return Ending(first, None, last, lowest=ground.objective.lowest)
    outputs = start.architecture().outputs
    scores = constant_scores(cohort.loss, train.y, train.weight, outputs)
    constant = constant_loss(cohort.loss, train.y, train.weight, scores)
    kept, best = None, int(ended.best_epoch[0])
    if plan.data.validation is not None and best:
        kept = history.columns["validation_loss"][best - 1]
    return Ending(first, constant if math.isfinite(constant) else None, last, kept)


def _beside(config: Config, out: Path) -> Config:
    """The config, with the cache of a large table beside the run where it names no place."""
    if getattr(config.dataset, "cache", "") is not None:
        return config
    cache = str(out.parent / streaming.CACHE.name)
    return replace(config, dataset=replace(config.dataset, cache=cache))  # type: ignore[call-arg]


def evaluate(cohort: Cohort, trained: Trained, part: Part) -> dict[str, float]:
    """Loss and metrics of a trained model on a part of the data."""
    architecture = trained.architecture()
    parameters = Parameters(architecture.layout, trained.parameters)
    statistics = Parameters(architecture.statistics, trained.statistics)
    with np.errstate(all="ignore"):  # of a diverged model
        loss, metrics = Evaluation(cohort, architecture, parameters, [part], statistics)()
    return {"loss": float(loss[0])} | {name: float(of[0]) for name, of in metrics.items()}
