"""`OptcliClassifier`: a network, or a linear model, for classes or labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from optcli.core.arrays import Array
from optcli.data import table as tables
from optcli.data.categories import classes_of
from optcli.data.targets import softmax
from optcli.sklearn import rows
from optcli.sklearn.base import Estimator, target_name


class OptcliClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """Classifier: a multilayer perceptron, or a linear model, for classes or labels.

    Trained as `optcli train` does, on arrays or data frames, without a run folder. The parameters
    are those of the config; `settings` has all others.

    Parameters
    ----------
    hidden : int or sequence of int, default (32,)
        Units of each hidden layer; `()` for a linear model.
    activation : str, default "relu"
        After each hidden layer (`optcli list activations`).
    loss : str, dict or None, default None
        Name, or a dict with `name` and its keys;
        None: cross_entropy, and binary_cross_entropy for several labels.
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
        Share of the rows held out for early stopping, stratified.
    patience : int, default 10
        Epochs without improvement before stopping.
    standardize : bool, default True
        Scale numbers to mean 0 and standard deviation 1 of the training rows.
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
    classes_ : classes, ascending, in the order of `predict_proba`.
    n_features_in_, feature_names_in_ : number, and names (where all are texts), of the columns.
    n_iter_ : epochs trained; best_epoch_ : the one whose model was kept, from 1.
    loss_curve_, validation_loss_curve_ : loss of each epoch; the latter None without such rows.
    history_ : columns of history.csv by name.
    config_ : the config; `optcli.train(config_, data=…)` gives the same numbers.
    notes_ : sentences on the data that are worth reading.
    model_ : parameters and preparation, as in model.npz.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from optcli.sklearn import OptcliClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = OptcliClassifier(lr=0.01, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True

    """

    _kinds = ("classes", "labels")
    _elsewhere = "is for numbers; use OptcliRegressor, or a loss for classes"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> OptcliClassifier:
        """Train on X (N, D), an array of numbers or a data frame, and y.

        y: classes (N,), or labels (N, C) of 0 and 1. sample_weight: (N,); a row of weight 2
        counts as two rows, one of weight 0 not at all. Raises ValueError.
        """
        given = y
        X, y = rows.checked(self, X, y, numeric=False)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            self.classes_ = np.arange(y.shape[1])
            targets = {f"y{i + 1}": column for i, column in enumerate(y.T.astype(np.intp))}
            self._fit(X, targets, "binary_cross_entropy", sample_weight)
        elif kind == "multiclass-multioutput":
            raise ValueError("y has several columns of classes; fit a classifier for each")
        else:
            y = column_or_1d(y, warn=True)
            self.classes_, codes = np.unique(y, return_inverse=True)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"y holds one class only, {self.classes_[0]!r}; must hold two or more"
                )
            column = y if _is_read(self.classes_) else codes
            self._fit(X, {target_name(given): column}, "cross_entropy", sample_weight)
        self._labels = kind == "multilabel-indicator"
        return self

    def decision_function(self, X: Any) -> Array:
        """Scores: (N,) of the second of two classes, else (N, C) of each class or label."""
        scores = self._scores(X)
        if self._labels:
            return scores
        if scores.shape[1] == 1:
            return scores[:, 0]
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> Array:
        """The probability (N, C) of each class, in the order of `classes_`, or of each label."""
        scores = self._scores(X)
        if self._labels or scores.shape[1] == 1:
            shares = (1 + np.tanh(scores / 2)) / 2
            return shares if self._labels else np.hstack([1 - shares, shares])
        return softmax(scores)

    def predict(self, X: Any) -> Array:
        """The most probable class (N,), or the labels (N, C)."""
        scores = self.decision_function(X)
        if self._labels:
            return (scores > 0).astype(int)
        if scores.ndim == 1:
            scores = np.stack([-scores, scores], axis=1)
        chosen: Array = self.classes_[scores.argmax(axis=1)]
        return chosen

    def __sklearn_tags__(self) -> Any:
        tags = self._tagged(super().__sklearn_tags__())
        tags.classifier_tags.multi_label = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # scikit-learn 1.5
        return {"multilabel": True, "allow_nan": self.missing == "impute"}


def _is_read(classes: Array) -> bool:
    """Whether a table has these classes, in this order; else it gets their numbers."""
    if not all(isinstance(each, str | int) for each in classes.tolist()):
        return False
    column = tables.of({"y": classes.astype(object)}).columns["y"]
    return not column.gaps() and classes_of(column) == tuple(map(str, classes.tolist()))
