"""model.npz: a trained model with all that predicting from raw rows takes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from optcli import models
from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.jsonable import jsonable
from optcli.core.parameters import Layout, Parameters
from optcli.core.specs import named, unnamed
from optcli.core.version import __version__
from optcli.data import encoder_checks
from optcli.data.encoding import Encoder
from optcli.losses.base import LOSSES, Loss
from optcli.models import MODELS, Architecture, Model
from optcli.storage import files

# What a description of odd types, lengths or sizes may raise.
_MISFITS = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)
FORMAT = 1  # of model.npz; a reader refuses what is newer


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
        return Architecture(self.model, encoder.inputs, outputs)

    def arrays(self) -> dict[str, Array]:
        """Parameters and running statistics by name, such as `dense1.weight`.

        A statistic that is called as a parameter ends in `_statistic`.
        """
        architecture = self.architecture()
        found = {n: view[0] for n, view in architecture.layout.views(self.parameters).items()}
        for name, view in architecture.statistics.views(self.statistics).items():
            found[f"{name}_statistic" if name in found else name] = view[0]
        return found

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

    def described(self) -> dict[str, Any]:
        """All but the numbers: model, loss, dtype and encoder."""
        return {
            "model": named(self.model),
            "loss": named(self.loss),
            "dtype": self.dtype,
            "encoder": self.encoder.to_json(),
        }

    def unlike(self, path: Path, *, numbers: bool) -> str | None:
        """What a model.npz has that is not as it is here: parameters, encoder or another part.

        numbers: whether parameters and statistics are compared. A key that the file's version
        did not have yet makes no difference. Raises InvalidInput.
        """
        kept, (_, description) = self.read(path), files.read_arrays(path)
        described: dict[str, Any] = jsonable(self.described())
        for name, value in described.items():
            there = description.get(name)
            if isinstance(there, dict) and there.keys() <= value.keys():
                value = {key: value[key] for key in there}
            if name == "encoder" and isinstance(there, dict):
                with contextlib.suppress(*_MISFITS):
                    there = jsonable(Encoder.from_json(there).to_json())
                    value = jsonable(self.encoder.to_json())
            if there != value:
                return name
        for name in ("parameters", "statistics") if numbers else ():
            if getattr(self, name).tobytes() != getattr(kept, name).tobytes():
                return name
        return None

    def save(self, path: Path) -> None:
        """Write model.npz: an array for each parameter, the rest as JSON inside."""
        description = {"format": FORMAT, "optcli": __version__, **self.described()}
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
        except InvalidInput as error:
            raise InvalidInput(*(fault.at(str(path)) for fault in error.faults)) from error
        except _MISFITS as error:
            message = f"is damaged: it is inconsistent ({error!r})"
            raise InvalidInput(Fault(message, file=str(path))) from error

    def read(self, path: Path) -> Trained:
        """The same model with the parameters of a model.npz; raises InvalidInput."""
        arrays, description = files.read_arrays(path)
        check_format(path, description)
        try:
            return self._filled(arrays)
        except _MISFITS as error:
            message = f"does not fit its config ({error!r})"
            raise InvalidInput(Fault(message, file=str(path))) from error

    @classmethod
    def _from(cls, arrays: dict[str, Array], description: Mapping[str, Any]) -> Trained:
        empty = cls(
            unnamed(MODELS.find(description["model"]["name"]), description["model"]),
            unnamed(LOSSES.find(description["loss"]["name"]), description["loss"]),
            encoder_checks.checked(Encoder.from_json(description["encoder"])),
            description["dtype"],
            np.empty(0),
            np.empty(0),
        )
        return empty._filled(arrays)

    def _filled(self, arrays: dict[str, Array]) -> Trained:
        """The same model with the parameters among the arrays, which it takes out of them."""
        architecture = self.architecture()
        told = sum(a.size for name, a in arrays.items() if name.startswith("parameters."))
        if architecture.layout.size != told:
            raise ValueError(f"{told} parameters, not {architecture.layout.size}")
        return replace(
            self,
            parameters=_joined(arrays, "parameters", architecture.layout, self.dtype),
            statistics=_joined(arrays, "statistics", architecture.statistics, self.dtype),
        )


def _joined(arrays: dict[str, Array], kind: str, layout: Layout, dtype: str) -> Array:
    """The buffer (1, P) that a layout has for `kind.NAME` of the arrays, which are taken out."""
    buffer = np.empty((1, layout.size), np.dtype(dtype))
    for name, view in layout.views(buffer).items():
        array = arrays.pop(f"{kind}.{name}")
        if array.dtype != view.dtype or array.shape != view[0].shape:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {view[0].shape}")
        view[0] = array
    return buffer


def check_format(path: Path, description: Mapping[str, Any], newest: int = FORMAT) -> None:
    """Raise InvalidInput for a file of a newer optcli."""
    number = description.get("format")
    if not isinstance(number, int):
        raise InvalidInput(Fault("is damaged: it lacks its format", file=str(path)))
    if number > newest:
        message = f"is of optcli {description.get('optcli')}; this is {__version__}"
        raise InvalidInput(Fault(message, file=str(path)))
