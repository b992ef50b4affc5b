"""`OptcliRegressor`: a network, or a linear model, for one or more numbers."""

from __future__ import annotations

from typing import Any

from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from optcli.core.arrays import Array
from optcli.sklearn import rows
from optcli.sklearn.base import Estimator, target_name


class OptcliRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """Regressor: a multilayer perceptron, or a linear model, for one or more numbers.

    Trained as `optcli train` does, on arrays or data frames, without a run folder. The parameters
    are those of the config; `settings` has all others.

    Parameters
    ----------
    hidden : int or sequence of int, default (32,)
        Units of each hidden layer; `()` for a linear model.
    activation : str, default "relu"
        After each hidden layer (`optcli list activations`).
    loss : str, dict or None, default None
        Name, or a dict with `name` and its keys; None: mse.
    optimizer : str or dict, default "adam"
        Name (`optcli list optimizers`), or a dict as {"name": "sgd", "momentum": 0.9}.
    lr : float or None, default None
        Learning rate; None for the optimizer's default.
    schedule : str or dict, default "constant"
        Of the learning rate (`optcli list schedules`).
    epochs : int, default 100
        Passes over the training rows.
    batch_size : int or "full", default 32
        Rows a step; no more than there are training rows.
    l2 : float, default 0.0
        L2 regularization, l2 · ½·ΣW² over weights, not biases.
    early_stopping : bool, default False
        Hold out rows, stop when their loss has not improved, and keep the best epoch's model.
    validation_fraction : float in [0, 1), default 0.1
        Share of the rows held out for early stopping.
    patience : int, default 10
        Epochs without improvement before stopping.
    standardize : bool, default True
        Scale numbers to mean 0 and standard deviation 1 of the training rows,
        and the target, too, for losses such as mse.
    missing : "error", "drop" or "impute", default "error"
        What becomes of missing values: an error, rows are dropped in `fit`, mean and mode.
    categorical : sequence of str or None, default None
        Columns of a data frame to take as categories though they hold numbers.
    settings : dict or None, default None
        Further keys of the config, as {"training": {"clip_norm": 1.0}, "model": {"dropout": 0.1}}.
    dtype : "float32", "float64" or None, default None
        What to compute in; None: float32 for an array of float32, else float64.
    random_state : int, RandomState or None, default None
        An int is the config's seed.
    verbose : bool, default False
        Print the losses of each epoch.

    Attributes
    ----------
    n_features_in_, feature_names_in_ : number, and names (where all are texts), of the columns.
    n_iter_ : epochs trained; best_epoch_ : the one whose model was kept, from 1.
    loss_curve_, validation_loss_curve_ : loss of each epoch; the latter None without such rows.
    history_ : columns of history.csv by name.
    config_ : the config; `optcli.train(config_, data=…)` gives the same numbers.
    notes_ : sentences on the data that are worth reading.
    model_ : parameters and preparation, as in model.npz.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from optcli.sklearn import OptcliRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = OptcliRegressor(loss="huber", early_stopping=True, random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)

    """

    _kinds = ("values",)
    _elsewhere = "is for classes; use OptcliClassifier, or a loss for numbers"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> OptcliRegressor:
        """Train on X (N, D), an array of numbers or a data frame, and y, (N,) or (N, C).

        sample_weight: (N,); a row of weight 2 counts as two rows, one of weight 0 not at all.
        Raises ValueError.
        """
        given = y
        X, y = rows.checked(self, X, y, numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.ndim == 1:
            targets = {target_name(given): y}
        else:
            targets = {f"y{i + 1}": column for i, column in enumerate(y.T)}
        self._fit(X, targets, "mse", sample_weight)
        return self

    def predict(self, X: Any) -> Array:
        """The values, (N,) or (N, C), in the units of y."""
        scores = self._scores(X)
        values = self.model_.encoder.restore(scores)
        return values[:, 0] if values.shape[1] == 1 else values

    def __sklearn_tags__(self) -> Any:
        tags = self._tagged(super().__sklearn_tags__())
        tags.target_tags.multi_output = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # scikit-learn 1.5
        return {"multioutput": True, "allow_nan": self.missing == "impute"}
