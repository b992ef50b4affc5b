"""Recording: what a run leaves in its folder. A listener; it knows events, never training."""

from __future__ import annotations

import csv
import io
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import optcli
from optcli import files, models
from optcli.arrays import Array
from optcli.baseline import Ending
from optcli.data.encoding import Encoder
from optcli.errors import Fault, InvalidInput
from optcli.events import Ended, EpochEnded, Event, Progress
from optcli.losses.base import LOSSES, Loss
from optcli.models import MODELS, Architecture, Model
from optcli.parameters import Layout, Parameters
from optcli.specs import Registered
from optcli.training import State, formats

FORMAT = 1  # of model.npz; a reader refuses what is newer
CHECKPOINT_SECONDS = 30.0


class History:
    """The rows of history.csv: a column of numbers for each name."""

    def __init__(self) -> None:
        self.columns: dict[str, list[float]] = {}

    def append(self, row: Mapping[str, float]) -> None:
        """Take down an epoch; every row has the names of the first."""
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    def __len__(self) -> int:
        return len(self.columns.get("epoch", []))

    def row(self, index: int) -> dict[str, float]:
        """One epoch, by name."""
        return {name: values[index] for name, values in self.columns.items()}

    def csv(self) -> bytes:
        """The whole table, in full precision."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        return text.getvalue().encode()


@dataclass(frozen=True)
class Trained:
    """A model with all that predicting from raw rows takes; what model.npz holds."""

    model: Model
    loss: Loss
    encoder: Encoder
    dtype: str
    parameters: Array  # (1, P)
    statistics: Array  # (1, S)

    def architecture(self) -> Architecture:
        """Its layers, and the layout of the parameters."""
        encoder = self.encoder
        outputs = self.loss.outputs(encoder.outputs)
        return Architecture(self.model, encoder.inputs, outputs, encoder.image)

    def scores(self, x: Array) -> Array:
        """Scores (N, C) of encoded rows x (N, D)."""
        architecture = self.architecture()
        scores: Array = models.predict(
            architecture,
            Parameters(architecture.layout, self.parameters),
            x.astype(self.dtype, copy=False),
            statistics=Parameters(architecture.statistics, self.statistics),
        )[0]
        return scores

    def initial(self, seed: int) -> Trained:
        """The same model before training, as a seed makes it."""
        architecture = self.architecture()
        parameters = np.zeros((1, architecture.layout.size), self.dtype)
        architecture.initialize(parameters[0], seed)
        statistics = np.zeros((1, architecture.statistics.size), self.dtype)
        architecture.initialize_statistics(statistics)
        return replace(self, parameters=parameters, statistics=statistics)

    def save(self, path: Path) -> None:
        """Write model.npz: an array for each parameter, the rest as JSON inside."""
        description = {
            "format": FORMAT,
            "optcli": optcli.__version__,
            "model": named(self.model),
            "loss": named(self.loss),
            "dtype": self.dtype,
            "encoder": self.encoder.to_json(),
        }
        architecture = self.architecture()
        views = architecture.layout.views(self.parameters)
        arrays = {f"parameters.{name}": view[0] for name, view in views.items()}
        views = architecture.statistics.views(self.statistics)
        arrays |= {f"statistics.{name}": view[0] for name, view in views.items()}
        files.write_arrays(path, arrays, description)

    @classmethod
    def load(cls, path: Path) -> Trained:
        """Read model.npz; raises InvalidInput where it is missing, damaged or newer."""
        arrays, description = files.read_arrays(path)
        check_format(path, description)
        try:
            return cls._from(arrays, description)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            message = f"is damaged: it does not fit together ({error!r})"
            raise InvalidInput(Fault(message, file=str(path))) from error

    def read(self, path: Path) -> Trained:
        """The same model with the parameters of a model.npz; raises InvalidInput."""
        arrays, description = files.read_arrays(path)
        check_format(path, description)
        try:
            return self._filled(arrays)
        except (KeyError, ValueError) as error:
            message = f"does not fit its config ({error!r})"
            raise InvalidInput(Fault(message, file=str(path))) from error

    @classmethod
    def _from(cls, arrays: Mapping[str, Array], description: Mapping[str, Any]) -> Trained:
        empty = cls(
            unnamed(MODELS.find(description["model"]["name"]), description["model"]),
            unnamed(LOSSES.find(description["loss"]["name"]), description["loss"]),
            Encoder.from_json(description["encoder"]),
            description["dtype"],
            np.empty(0),
            np.empty(0),
        )
        return empty._filled(arrays)

    def _filled(self, arrays: Mapping[str, Array]) -> Trained:
        """The same model with the parameters among the arrays."""
        architecture = self.architecture()
        return replace(
            self,
            parameters=_joined(arrays, "parameters", architecture.layout, self.dtype),
            statistics=_joined(arrays, "statistics", architecture.statistics, self.dtype),
        )


def _joined(arrays: Mapping[str, Array], kind: str, layout: Layout, dtype: str) -> Array:
    """The buffer (1, P) that a layout has for `kind.NAME` of the arrays."""
    buffer = np.empty((1, layout.size), np.dtype(dtype))
    for name, view in layout.views(buffer).items():
        array = arrays[f"{kind}.{name}"]
        if array.dtype != view.dtype or array.shape != view[0].shape:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {view[0].shape}")
        view[0] = array
    return buffer


def named(spec: Registered) -> dict[str, Any]:
    """A registered spec as a config has it: its name, then its fields."""
    return {"name": spec.name, **asdict(spec)}


def unnamed(cls: type[Any], fields: Mapping[str, Any]) -> Any:
    """The spec of which `named` told; lists stand for tuples."""
    return cls(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items() if k != "name"}
    )


class Recorder:
    """Listens to one replica of a run and writes history, checkpoint and model.

    checkpoint_every: epochs between two checkpoints; without, about every half minute,
    within an epoch too, but for at most a twentieth of the time.
    """

    def __init__(
        self,
        folder: Path,
        history: History,
        trained: Trained,
        checkpoint_every: int | None,
        replica: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.history, self.trained = folder, history, trained
        self.checkpoint_every, self.replica, self.clock = checkpoint_every, replica, clock
        self._due = clock() + CHECKPOINT_SECONDS

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self.history.append(event.row(self.replica))
            if self.checkpoint_every and event.epoch % self.checkpoint_every == 0:
                self._checkpoint(event.state)
        elif isinstance(event, Ended):
            self._checkpoint(event.state)
        timed = isinstance(event, EpochEnded | Progress) and not self.checkpoint_every
        if timed and self.clock() >= self._due:
            self._checkpoint(event.state)

    def _checkpoint(self, state: State) -> None:
        """The last complete state, the best parameters, and the history."""
        began = self.clock()
        columns = {
            f"history.{name}": np.array(values, np.float64)
            for name, values in self.history.columns.items()
        }
        description = {"format": formats.CHECKPOINT, "optcli": optcli.__version__}
        path = self.folder / "checkpoint.npz"
        files.write_arrays(path, {**state.arrays(), **columns}, description)
        files.write(self.folder / "history.csv", self.history.csv())
        # a run in which no epoch had a finite loss keeps what it started from
        rows = slice(self.replica, self.replica + 1)
        best, statistics = state.best[rows], state.best_statistics[rows]
        best_model = replace(self.trained, parameters=best, statistics=statistics)
        best_model.save(self.folder / "model.npz")
        now = self.clock()
        self._due = now + max(CHECKPOINT_SECONDS, 20 * (now - began))


def read_checkpoint(path: Path) -> tuple[dict[str, Array], History, int]:
    """The state's arrays, the history and the format of checkpoint.npz; raises InvalidInput."""
    arrays, description = files.read_arrays(path)
    check_format(path, description, formats.CHECKPOINT)
    history = History()
    try:
        if arrays["outcomes"].shape != (1,) or arrays["position"].shape != (3,):
            raise ValueError("it does not say how far it came")
        for name in [name for name in arrays if name.startswith("history.")]:
            column = arrays.pop(name)
            if column.dtype != np.float64 or column.ndim != 1:
                raise ValueError(f"{name} is {column.dtype} {column.shape}")
            key, values = name.removeprefix("history."), column.tolist()
            whole = key in ("epoch", "step")
            history.columns[key] = [int(value) for value in values] if whole else values
        if len({len(values) for values in history.columns.values()}) > 1:
            raise ValueError("the columns of its history differ in length")
    except (KeyError, ValueError, OverflowError) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    return arrays, history, description["format"]


def check_format(path: Path, description: Mapping[str, Any], newest: int = FORMAT) -> None:
    """Raise InvalidInput for a file of a newer optcli."""
    number = description.get("format")
    if not isinstance(number, int):
        raise InvalidInput(Fault("is damaged: it does not say its format", file=str(path)))
    if number > newest:
        message = f"is of optcli {description.get('optcli')}; this is {optcli.__version__}"
        raise InvalidInput(Fault(message, file=str(path)))


def summary(
    ended: Ended,
    history: History,
    parameters: int,
    test: Mapping[str, float] | None,
    ending: Ending | None = None,
) -> dict[str, Any]:
    """What summary.json says. ending: what became of the loss; None where no epoch ended."""
    best_epoch = int(ended.best_epoch[0])
    found = {
        "outcome": ended.outcomes[0],
        "epochs": int(ended.epochs[0]),
        "steps": int(ended.steps[0]),
        "best": history.row(best_epoch - 1) if best_epoch else None,
        "final": history.row(-1) if len(history) else None,
        "test": test,
        "seconds": ended.seconds,
        "samples_per_second": ended.samples_per_second,
        "parameters": parameters,
    }
    if ending is not None:
        found |= {
            "first_loss": ending.first,
            "constant_loss": ending.constant,
            "failed_to_train": ending.failed,
            "beats_constant": None if ending.constant is None else ending.learned,
        }
    if ended.outcomes[0] == "diverged":
        gradient, norm = ended.state.norms[0].tolist()
        step = int(ended.steps[0])
        about: dict[str, Any] = {"step": step, "gradient_norm": gradient, "parameter_norm": norm}
        loss, finite = float(ended.state.first_loss[0]), bool(ended.state.first_finite[0])
        if step == 1 and not (finite and math.isfinite(loss)):
            what = "gradient" if math.isfinite(loss) else "loss"
            about |= {"not_finite": what, "loss": loss}
        found["diverged"] = about
    return {name: value for name, value in found.items() if name != "test" or value is not None}


def environment(threads: int, data: str | None) -> dict[str, Any]:
    """What environment.json says: all that may make another machine's bits differ.

    data: the checksum of the data.
    """
    from threadpoolctl import threadpool_info

    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return {
        "optcli": optcli.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "blas": [
            {key: info.get(key) for key in ("internal_api", "version", "architecture")}
            for info in blas
        ],
        "threads": threads,
        "byteorder": sys.byteorder,
        "data_sha256": data,
    }


def cpu() -> str:
    """The processor's name, as the system has it."""
    try:
        with Path("/proc/cpuinfo").open() as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
