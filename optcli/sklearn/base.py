"""Base: fitting and predicting, for both estimators."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from optcli import config as configs
from optcli.config import Config
from optcli.core.arrays import Array
from optcli.core.environment import blas_threads
from optcli.core.errors import Fault, Grave, InvalidInput
from optcli.core.events import Ended, EpochEnded
from optcli.core.jsonable import jsonable
from optcli.data.characters import clean
from optcli.data.table import Table
from optcli.plugins.first_use import check_before_training
from optcli.sklearn import rows
from optcli.sklearn.settings import InvalidParameters, config_of, in_parameters
from optcli.surface.by_epoch import with_sharpness
from optcli.training import Replica, train_cohort
from optcli.training.checks import check as check_cohort
from optcli.training.history import History
from optcli.training.model_file import Trained
from optcli.training.task import notes


class Estimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators do."""

    _default_loss = ""
    _kinds: tuple[str, ...] = ()  # what losses may be about
    _elsewhere = ""  # the estimator for other losses

    def __init__(  # its parameters are those of the subclasses, who say what they mean
        self,
        hidden: int | Sequence[int] = (32,),
        activation: str = "relu",
        loss: str | Mapping[str, Any] | None = None,
        optimizer: str | Mapping[str, Any] = "adam",
        lr: float | None = None,
        schedule: str | Mapping[str, Any] = "constant",
        epochs: int = 100,
        batch_size: int | Literal["full"] = 32,
        l2: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        standardize: bool = True,
        missing: Literal["error", "drop", "impute"] = "error",
        categorical: Sequence[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        dtype: str | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.standardize = standardize
        self.missing = missing
        self.categorical = categorical
        self.settings = settings
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    def _fit(
        self, X: Any, targets: Mapping[str, Array], usual_loss: str, sample_weight: Any
    ) -> None:
        """Train on rows X that were checked; targets: columns (N,) by the names they may get.

        Raises InvalidParameters.
        """
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
            if len(weight) and weight[0] > 0 and np.all(weight == weight[0]):
                weight = None
        *names, weight_name = free([*targets, "sample_weight"], X)
        columns = dict(zip(names, targets.values(), strict=True))
        dataset: dict[str, Any] = {"target": names[0] if len(names) == 1 else names}
        if weight is not None:
            columns[weight_name], dataset["weights"] = weight, weight_name
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        dtype = self.dtype
        if dtype is None:
            single = isinstance(X, np.ndarray) and X.dtype == np.float32
            dtype = "float32" if single else "float64"
        with in_parameters():
            parameters = self.get_params(deep=False)
            config = configs.load(config_of(parameters, dataset, usual_loss, int(seed), dtype))
            if config.loss.target not in self._kinds:
                raise InvalidInput(Fault(f"'{config.loss.name}' {self._elsewhere}", "loss"))
            if config.training.log:
                message = "a fit keeps no run; use optcli.train(model.config_, data=…) for that"
                raise InvalidInput(Fault(message, "training.log"))
            table = rows.table_of(X, config.dataset, columns)
            if weight is not None:
                if not weight.any():
                    raise InvalidInput("every sample_weight is 0")
                table = table.select(np.flatnonzero(weight))
            self._train(config, table)
        self._from_frame = rows.is_frame(X)

    def _train(self, config: Config, table: Table) -> None:
        """Prepare and train; sets all that a fitted estimator has."""
        with config.locating_faults():
            # a batch is no larger than the training rows are
            task = replace(config.task(), default_batch=True)
            data = task.prepare(table)
            cohort = task.cohort([Replica(config.optimizer, data, config.seed)])
            check_cohort(cohort)
        check_before_training([config.optimizer])
        history, listeners = History(), self._listeners()
        with blas_threads(config.training.threads):
            for event in with_sharpness(train_cohort(cohort), cohort):
                if isinstance(event, EpochEnded):
                    history.append(event.row())
                for listener in listeners:
                    listener(event)
        assert isinstance(event, Ended)
        state = event.state
        self.model_ = Trained(
            config.model,
            cohort.loss,
            data.encoder,
            config.dtype,
            state.best[:1],
            state.best_statistics[:1],
        )
        resolved = replace(config, training=cohort.training).resolved()
        self.config_ = jsonable(resolved)
        self.history_ = history.columns
        self.n_iter_ = int(event.epochs[0])
        self.best_epoch_ = int(event.best_epoch[0])
        self.loss_curve_ = list(history.columns.get("train_loss", ()))
        self.validation_loss_curve_ = (
            list(history.columns["validation_loss"]) if data.validation is not None else None
        )
        self.notes_ = notes(cohort)
        for note in self.notes_:
            if isinstance(note, Grave):
                warnings.warn(str(note), UserWarning, stacklevel=4)
        if event.outcomes[0] == "diverged":
            kept = f"that of epoch {self.best_epoch_}" if self.best_epoch_ else "untrained"
            message = f"training diverged at step {int(event.steps[0])}; the model is {kept}; "
            message += "lower lr, or clip gradients: settings={'training': {'clip_norm': 1.0}}"
            warnings.warn(message, ConvergenceWarning, stacklevel=4)

    def _listeners(self) -> Sequence[Any]:
        if not self.verbose:
            return ()
        from optcli.display.train import listener

        return (listener(False, False, sys.stdout),)

    def _scores(self, X: Any) -> Array:
        """What the loss makes of the model's scores (N, C), in float64."""
        check_is_fitted(self)
        X = rows.checked_again(self, X)
        model = self.model_
        with in_parameters(), np.errstate(all="ignore"):
            scores = model.loss.respond(model.scores(rows.inputs(X, model.encoder, model.dtype)))
        lost = ~np.isfinite(scores).all(axis=1)
        if lost.any():
            row = int(lost.argmax())
            raise InvalidParameters(
                f"row {row + 1} of X: the model's scores are beyond {model.dtype}"
            )
        return np.asarray(scores, np.float64)

    def _tagged(self, tags: Any) -> Any:
        """scikit-learn's tags (1.6 and later), with what this estimator can."""
        tags.input_tags.allow_nan = self.missing == "impute"
        return tags


def free(names: Sequence[str], X: Any) -> list[str]:
    """Names for further columns of X, which none of its own has: with `_` where one does."""
    taken = set(rows.column_names(X))
    found = []
    for name in names:
        while name in taken:
            name += "_"
        taken.add(name)
        found.append(name)
    return found


def target_name(y: Any) -> str:
    """What the target column is to be called: as the series is, or `y`."""
    name = getattr(y, "name", None)
    return (clean(name) if isinstance(name, str) else "") or "y"
