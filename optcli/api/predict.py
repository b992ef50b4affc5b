"""`Run`: a finished run, to predict and evaluate with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.api.runs import trained_run
from optcli.core.arrays import DTYPES, Array
from optcli.core.environment import blas_threads
from optcli.core.errors import Fault, InvalidInput
from optcli.data import pieces
from optcli.data import table as tables
from optcli.data.base import Dataset
from optcli.data.columns import Numbers
from optcli.data.csv import CSV
from optcli.data.encoding import Encoder
from optcli.data.opening import parts
from optcli.data.preparation import Part, Prepared, labelled
from optcli.data.table import listed
from optcli.plugins import loading
from optcli.storage import kinds, outputs, results
from optcli.training import Cohort, Replica
from optcli.training.evaluation import evaluate
from optcli.training.model_file import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.config import Config
    from optcli.exports.exported import Exported
    from optcli.training.trace import Path as DescentPath

ALL = "all"
Keep = Sequence[str]  # names of columns, or the text `all`
Say = Callable[[str], object]  # takes notes on the rows, a sentence each


def silent(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    folder: where it lies, None where it was not to be kept. history: the columns
    of history.csv. summary: what summary.json says. notes: sentences about the
    data that were worth saying. signal: that interrupted it, if one did. A run on an objective
    has no model: it predicts and evaluates nothing.
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

    def plot(self) -> Figure:
        """Losses and metrics by epoch, as a matplotlib figure."""
        from optcli import plots

        best = self.summary.get("best") if "validation_loss" in self.history else None
        title = "" if self.folder is None else self.folder.name
        limit = self.config.optimizer.stability_limit
        return plots.loss_curve(self.history, best and best["epoch"], title, limit)

    def _repr_html_(self) -> str:
        """What it scored, beside its baseline, as a table for a notebook."""
        from optcli.core.html_table import html_table
        from optcli.display.train.results import diagnosis, scores

        headings, rows = scores(self.summary)
        outcome = str(self.summary["outcome"]).replace("_", " ")
        return html_table(f"{self.folder}: {outcome}", headings, rows, diagnosis(self.summary))

    @property
    def path(self) -> DescentPath | None:
        """The path of a run on an objective of two numbers; None of any other run."""
        ground = self.config.objective
        if ground is None or ground.size != 2 or not self.history.get("step"):
            return None
        from optcli.training import trace

        end = self.trained.parameters
        return trace.Path.descended(ground, self.config.optimizer, self.history, end)

    def check_threshold(self, threshold: float | None) -> None:
        """Raise InvalidInput where there is no model, or none that a threshold suits."""
        self._check_model()
        self.trained.encoder.target.check_threshold(threshold)

    def _check_model(self) -> None:
        """Raise InvalidInput where there is no model."""
        if self.config.objective is not None:
            message = f"minimizes {self.config.objective.name}, which has no model"
            file = None if self.folder is None else str(self.folder)
            raise InvalidInput(Fault(f"{message}; name a run on a dataset", file=file))

    def predict(self, X: Any, *, threshold: float | None = None) -> Array:
        """Predictions for raw rows: class names or values, (N,), or (N, C) for several targets.

        X: a table's path, a mapping of column names to values, a data frame, or
        an array (N, D) of the feature columns in their order. threshold: the probability above
        which the positive one of two classes, or a label, is predicted. Raises InvalidInput.
        """
        decoded = self.predictions(X, threshold=threshold)
        columns = [decoded[name] for name in self.trained.encoder.target.names]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    def predictions(
        self, X: Any, say: Say = silent, *, keep: Keep = (), threshold: float | None = None
    ) -> dict[str, Array]:
        """Predictions (N,) by column, with the probability of each class or label.

        Numbers are in the data's own units. X, threshold: as for `predict`. say: called with each
        sentence that is worth saying of the rows. keep: columns of a table in a file that come
        first, or `all`: their cells as they were written, as texts, None for a missing value of
        Parquet and its like. Beside one of its name a prediction is called `predicted_NAME`.
        Raises InvalidInput.
        """
        self.check_threshold(threshold)
        scores, kept = self.scores(X, say), self._texts(X, keep)
        return self._decoded(scores, kept, threshold, say)

    def blocks(
        self,
        path: str | Path,
        say: Say = silent,
        *,
        keep: Keep = (),
        threshold: float | None = None,
        whole: bool = False,
    ) -> Iterator[dict[str, Array]]:
        """`predictions` of a table in a file, block by block where it is large.

        They are those of the whole table, which `whole` reads at once. Where a block may be read
        otherwise beside the others, or is wrong, `pieces.Peculiar` or InvalidInput is raised.
        """
        self.check_threshold(threshold)
        encoder = self.trained.encoder
        if whole or self._reads_its_own() or not pieces.in_pieces(Path(path), encoder):
            yield self.predictions(path, say, keep=keep, threshold=threshold)
            return
        said: list[str] = []

        def once(text: str) -> None:
            if text not in said:
                said.append(text)
                say(text)

        names = None if keep == ALL else keep
        for table, kept in pieces.of(Path(path), encoder, names):
            texts = {name: np.array(cells, object) for name, cells in kept.items()}
            yield self._decoded(self._scores(table, once), texts, threshold, once)

    def predict_to(
        self,
        path: str | Path,
        output: str | Path,
        say: Say = silent,
        *,
        keep: Keep = (),
        threshold: float | None = None,
        safe_csv: bool = False,
    ) -> int:
        """Write the predictions of a table in a file to another; returns the number of rows.

        The suffix of `output` tells its format; see `predictions` for the rest. A large table is
        read block by block, and the output takes its place when it is whole. safe_csv: with an
        apostrophe before texts that spreadsheets take for formulas. Raises InvalidInput,
        EnvironmentFailed.
        """
        from optcli.display.predict import FORMS, write

        self.check_threshold(threshold)
        name = str(output)
        outputs.check(name, opened_by(path))
        outputs.check(name, self.table_paths(), "a table that the run was trained on")
        form = outputs.suffix(name, FORMS)

        def blocks(whole: bool) -> Iterator[dict[str, Array]]:
            return self.blocks(path, say, keep=keep, threshold=threshold, whole=whole)

        return write(blocks, name, form, safe=safe_csv)

    def export(self, file: str | Path, *, overwrite: bool = False) -> Exported:
        """Write the model with its preparation to a file that needs no optcli.

        file: its suffix tells the format, `.onnx`, `.safetensors` or `.py`. overwrite:
        whether a file that is there may be replaced. Raises InvalidInput, EnvironmentFailed.
        """
        from optcli.exports import exported

        self._check_model()
        return exported.write(self.trained, file, overwrite=overwrite)

    def _reads_its_own(self) -> bool:
        """Whether the data set is a plug-in's, with a way of its own to read a file."""
        return type(self.config.dataset).read not in (Dataset.read, CSV.read)

    def _texts(self, X: Any, keep: Keep) -> dict[str, Array]:
        """The columns to keep, as they were written."""
        if not keep:
            return {}
        if not isinstance(X, str | Path) or self._reads_its_own():
            message = "is for a table in a file of a format that optcli reads"
            raise InvalidInput(Fault(message, parameter="keep"))
        names, sheet = None if keep == ALL else keep, getattr(self.config.dataset, "sheet", None)
        kept = pieces.whole_texts(Path(X), self.trained.encoder, names, sheet)
        return {name: np.array(cells, object) for name, cells in kept.items()}

    def _decoded(
        self, scores: Array, kept: Mapping[str, Array], threshold: float | None, say: Say
    ) -> dict[str, Array]:
        """What scores (N, C) say, after the columns that are kept."""
        encoder, target = self.trained.encoder, self.trained.encoder.target
        columns = encoder.decode(self.trained.loss.respond(scores), threshold, tuple(kept))
        predicted = next(iter(columns.values()))
        if target.merged and np.any(predicted == target.classes[0][-1]):
            rare = listed([f"'{name}'" for name in target.merged], 5)
            say(f"class '{target.classes[0][-1]}' stands for the rare classes {rare}")
        return {**kept, **columns}

    def evaluate(self, X: Any, say: Say = silent) -> dict[str, float]:
        """Loss and metrics on labelled raw rows, as `summary["test"]` has them.

        X: as for `predict`, with the columns of the target (and of the weights, if there
        were some). Rows with missing values are dropped where training dropped them, and so
        are those of classes that it dropped. say: as for `predictions`. Raises InvalidInput.
        """
        cohort, part = self.labelled(X, say)
        with blas_threads(1):
            return evaluate(cohort, self.trained, part)

    def labelled(self, X: Any, say: Say = silent) -> tuple[Cohort, Part]:
        """Labelled raw rows, encoded, and what measures them. X: as for `evaluate`."""
        self._check_model()
        encoder, dtype = self.trained.encoder, DTYPES[self.trained.dtype]
        part = labelled(encoder, self._table(X, encoder.target.names, say), dtype)
        for note in part.notes:
            say(note)
        data = Prepared(part, None, None, encoder, encoder.outputs)
        with self.config.locating_faults():
            # what it takes from rows, as balanced class weights, is from the training rows
            task = replace(self.config.task(), loss=self.trained.loss)
            cohort = task.cohort([Replica(self.config.optimizer, data, self.config.seed)])
        # class weights are those of the training rows
        return replace(cohort, loss=self.trained.loss), part

    def table_paths(self) -> list[str]:
        """The paths of the tables that the config names; they need not be there any more."""
        of_parts = (self.config.split.validation, self.config.split.test)
        paths = [path for _, path in self.config.dataset.input_files()]
        named = [*paths, *(path for path in of_parts if isinstance(path, str))]
        return [each for path in named for each in opened_by(path)]

    def scores(self, X: Any, say: Say = silent) -> Array:
        """The model's raw scores (N, C) for raw rows, as `predictions` takes them."""
        self._check_model()
        return self._scores(self._table(X, (), say), say)

    def _scores(self, table: tables.Table, say: Say) -> Array:
        encoder = self.trained.encoder
        with np.errstate(all="ignore"):
            scores = forward(self.trained, encoder.encode(table, DTYPES[self.trained.dtype]))
        for note in encoder.told(encoder.unknown(table)):
            say(note)
        lost = ~np.isfinite(scores).all(axis=1)
        if lost.any():
            raise InvalidInput(_too_large(encoder, table, int(lost.argmax()), self.trained.dtype))
        return scores

    def _table(self, X: Any, targets: Sequence[str], say: Say) -> tables.Table:
        """Raw rows as a table; of an array, the columns are the features, then the targets."""
        encoder = self.trained.encoder
        names = [*(feature.name for feature in encoder.features), *targets]
        if isinstance(X, str | Path):
            table = self.config.dataset.read(X, encoder.reading)
        else:
            table = tables.of(X, names, reading=encoder.reading)
        for note in table.notes:
            if note.column is None or note.column in names:
                say(note.text)
        return table


def opened_by(path: str | Path) -> list[str]:
    """The files that a path of a table stands for; they need not be there."""
    try:
        return [str(each) for each in parts(Path(path))]
    except (InvalidInput, OSError):
        return [str(path)]


def _too_large(encoder: Encoder, table: tables.Table, row: int, dtype: str) -> Fault:
    """What makes the scores of a row more than the type holds: its largest number."""
    sizes = {
        feature.name: abs(column.value(row) - feature.mean) / (feature.scale or 1.0)
        for feature in encoder.features
        if feature.is_number and isinstance(column := table.columns[feature.name], Numbers)
    }
    name = max(sizes, key=lambda each: np.nan_to_num(sizes[each]), default=None)
    if name is None:
        return Fault(f"row {row + 1}: the model's scores are beyond {dtype}", file=table.source)
    column = table.columns[name]
    assert isinstance(column, Numbers)
    message = f"is {column.value(row):g}, for which the model's scores are beyond {dtype}"
    return table.fault(name, f"{message}; correct it", row)


def forward(trained: Trained, x: Array) -> Array:
    """Scores (N, C) of encoded rows x (N, D)."""
    with blas_threads(1):
        return trained.scores(x)


def load(folder: str | Path) -> Run:
    """A run as it was left, to predict and evaluate with; the data it was trained on is not read.

    Raises InvalidInput where the folder is damaged, or none of a training run, or where a plug-in
    that its model, loss, metrics or objective are from has changed.
    """
    from optcli import config as configs

    folder = Path(folder)
    entry = trained_run(folder)
    used = kinds.recorded(folder).get("plugins")
    loading.check(used, "run", "", how=("missing",))
    config = configs.load(folder / kinds.CONFIG)
    values = config.resolved()
    parts = {name: values.get(name) for name in ("model", "loss", "metrics", "objective")}
    loading.check(used, "run", "restore it, or train again", of=parts)
    columns, file = results.history(folder), folder / "model.npz"
    if config.objective is None:
        return Run(config, folder, columns, entry.summary, Trained.load(file))
    from optcli.api.check import Setup

    trained = Setup.of(config).untrained().read(file)
    return Run(config, folder, columns, entry.summary, trained)
