"""`train`: run the training, pass its events to listeners, and save the run folder.

run = optcli.train("configs/iris.yaml")
run.summary["best"], run.history["train_loss"], run.predict("new.csv")
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.api.check import Setup, require_trackers
from optcli.api.predict import Run
from optcli.core.arrays import Array
from optcli.core.environment import blas_threads
from optcli.core.errors import OptcliError
from optcli.core.events import Ended, Event, FoldsDone, TrainingEvent
from optcli.core.shell import quoted
from optcli.data import streaming
from optcli.objectives.dataset import ObjectiveDataset
from optcli.storage import files, kinds, outputs, seals
from optcli.storage.destination import Destination
from optcli.storage.interruption import Interruption, watched
from optcli.training import train_cohort, training_rows
from optcli.training.checkpoints import Recorder
from optcli.training.evaluation import evaluate
from optcli.training.history import History
from optcli.training.judgement import judged
from optcli.training.summary import summary
from optcli.training.task import last_step, notes

if TYPE_CHECKING:
    from optcli.config import Config
    from optcli.trackers import Tracking
    from optcli.training import Cohort


Listener = Callable[[Event], None]


def train(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listeners: Iterable[Listener] = (),
    data: Any = None,
) -> Run:
    """Train what a config says, and keep the run in a folder.

    config: the path of a YAML file, or a mapping with the same keys. overrides: `KEY=VALUE` with a
    dotted key, as for `--set`. out: the folder, by default `runs/<config>-<date>-<time>`. plots:
    False, or their format, `png` (True), `svg` or `pdf`. listeners: called with every event. data:
    the table of a config with `dataset: {name: table, target: …}`: a data frame (polars, pandas,
    Arrow), a dict of columns, or arrays. Raises InvalidInput with all that is wrong,
    EnvironmentFailed where writing fails.

        >>> import optcli
        >>> run = optcli.train("configs/iris.yaml", ["training.epochs=20"], out="runs/iris")
        >>> run.summary["epochs"], run.summary["test"]["accuracy"] > 0.8
        (20, True)
        >>> run.predict([[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]]).tolist()
        ['setosa', 'virginica']
    """
    from optcli import config as configs

    loaded = configs.load(config, overrides).with_data(data)
    return run(loaded, out, overwrite, plots, listeners)


def run(
    config: Config,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listeners: Iterable[Listener] = (),
) -> Run:
    """`train`, for a config that is loaded already."""
    from optcli import config as configs

    outputs.picture_format(plots)
    require_trackers(config)
    destination = Destination(kinds.TRAIN, config.title, out, overwrite)
    destination.check()
    setup = Setup.of(config if out is None else with_cache_beside(config, destination.folder))
    text = configs.dump(setup.config, destination.folder)
    recorded = setup.environment(config.title)
    title, listeners = config.title, tuple(listeners)
    if not config.split.folds:
        with watched() as interruption, destination.claim(text, recorded) as folder:
            return train_in(setup, folder, title, plots, listeners, interruption)
    with destination.claim(text, recorded) as folder:
        setup, found = cross_validated(setup, folder, listeners)
        with watched() as interruption:
            return train_in(setup, folder, title, plots, listeners, interruption, more=found)


def cross_validated(
    setup: Setup, folder: Path, listeners: Sequence[Listener]
) -> tuple[Setup, dict[str, Any]]:
    """The setup as long as the folds say, where there are any, and what summary.json has of them.

    What the folder tells of them is not done again. Raises OptcliError where all diverged.
    """
    if not setup.config.split.folds:
        return setup, {}
    from optcli.tuning import folds

    def done(count: int, every: int) -> None:
        for listener in listeners:
            listener(FoldsDone(count, every))

    found = folds.read(folder)
    if found is None:
        found = folds.cross_validated(setup.config, done)
        folds.write(folder, found)
    if found.diverged == len(found.found):
        raise OptcliError("all folds diverged; try a smaller learning rate")
    return setup.ending(found.epochs), {"folds": found.summary()}


def train_in(
    setup: Setup,
    folder: Path,
    title: str,
    plots: bool | str,
    listeners: Iterable[Listener],
    interruption: Interruption,
    arrays: dict[str, Array] | None = None,
    history: History | None = None,
    more: Mapping[str, Any] | None = None,
) -> Run:
    """Train, from the start or from a checkpoint's arrays, and keep all in the folder.

    interruption: a signal ends training after the step, and leaves pictures out. arrays: emptied
    once they are in the state. more: what summary.json says besides.
    """
    config, history = setup.config, history or History()
    start = setup.untrained()
    recorder = Recorder(
        folder, history, start, config.training.checkpoint_every, identity(config, folder)
    )
    if not isinstance(config.dataset, ObjectiveDataset):
        training_rows.write(folder, setup.data.train)
    everyone: list[Listener] = [recorder, *listeners]
    with blas_threads(config.training.threads), tracking(setup, folder, title, history) as tracked:
        everyone += tracked
        for event in events(setup.cohort, arrays, interruption.came):
            if arrays:
                arrays.clear()
            for listener in everyone:
                listener(event)
        assert isinstance(event, Ended)
        state = event.state
        state.release()  # what follows needs room, too
        trained = replace(start, parameters=state.best[:1], statistics=state.best_statistics[:1])
        rows = setup.data.test
        test = None if rows is None else evaluate(setup.cohort, trained, rows)
        judgement = None
        if len(history) and event.outcomes[0] != "interrupted":
            judgement = judged(setup.cohort, trained, history, event, test)
        results = summary(event, history, state.architecture.layout.size, test, judgement)
        if isinstance(config.dataset, ObjectiveDataset):
            results["end"] = results.pop("test")  # where the path ended is no test
        results |= more or {}
        files.write_json(folder / "summary.json", results)
        remarks = notes(setup.cohort) + optimistic(setup)
        goes_on = config.training.on_divergence == "continue"
        ongoing = goes_on and state.step < last_step(setup.cohort)
        if plots:
            from optcli.plots import figures

            drawn = (title, setup.cohort, trained, history, results)
            before = interruption.signal
            for name, content in figures.pictures(*drawn, outputs.picture_format(plots)):
                if interruption.signal != before:
                    remarks += ("interrupted while pictures were drawn; some are missing",)
                    break
                files.write(folder / name, content)
            remarks += figures.notes(setup.data)
        if interruption.came() and event.outcomes[0] == "diverged" and ongoing:
            command = f"optcli train --resume {quoted(str(folder))}"
            remarks += (f"interrupted; continue with: {command}",)
        for each in tracked:
            each.finish(results)
            remarks += each.notes
        seals.seal(folder, kinds.TRAIN)
    return Run(config, folder, history.columns, results, trained, remarks, interruption.signal)


def events(
    cohort: Cohort,
    resume: dict[str, Array] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainingEvent]:
    """The events of a training, with all that a history has of it."""
    found = train_cohort(cohort, resume=resume, stop=stop)
    if cohort.training.sharpness is None:
        return found
    from optcli.surface.by_epoch import with_sharpness

    return with_sharpness(found, cohort)


@contextlib.contextmanager
def tracking(
    setup: Setup, folder: Path, title: str, history: History
) -> Iterator[Sequence[Tracking]]:
    """The listener for the trackers that the config names, if it names some.

    The models that a comparison or a search keeps are not logged.
    """
    config = setup.config
    if not config.training.log or kinds.is_part(folder):
        yield ()
        return
    from optcli.trackers import Beginning, Tracking

    listener = Tracking(config.training.log)
    text = (folder / kinds.CONFIG).read_text(encoding="utf-8")
    rows = [history.row(index) for index in range(len(history))]
    beginning = Beginning(folder, title, text, config.resolved(), len(history))
    with config.locating_faults():
        listener.begin(beginning, rows)
    try:
        yield (listener,)
    finally:
        listener.close()


# What may change when a run goes on; the rest would make it another run.
CHANGEABLE = (
    *("epochs", "steps", "early_stopping"),
    *("stop_after", "checkpoint_every", "time_limit", "log"),
)


def identity(config: Config, folder: Path) -> dict[str, Any]:
    """What a run in `folder` is known by: its data, and its config but for what may change."""
    from optcli.config import without_paths

    values = without_paths(config.resolved())
    training = {name: v for name, v in values["training"].items() if name not in CHANGEABLE}
    data = kinds.recorded(folder).get("data_sha256")
    return {**values, "training": training, "data_sha256": data}


def optimistic(setup: Setup) -> tuple[str, ...]:
    """That the scores of a table without test rows are better than new rows will give."""
    data, dataset = setup.data, setup.config.dataset
    if data.test is not None or isinstance(dataset, ObjectiveDataset) or dataset.synthetic:
        return ()
    if setup.config.split.folds:
        return ()
    if data.validation is None:
        said = "no rows were held out: the scores are optimistic, as they are of training rows"
        return (f"{said}; add --set split.validation=0.2 --set split.test=0.2",)
    said = "no test rows: the validation score is optimistic, as its rows chose the epoch"
    return (f"{said}; hold some out with --set split.test=0.2",)


def with_cache_beside(config: Config, out: Path) -> Config:
    """The config, with the cache of a large table beside the run where it names no place."""
    beside = out.parent / streaming.CACHE.name
    return replace(config, dataset=config.dataset.cached_in(beside))
