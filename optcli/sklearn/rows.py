"""Rows: arrays and data frames as tables, and as the inputs of a model.

An array holds numbers. A data frame (pandas, polars, Arrow) is read as a table is: texts are
categories, dates and missing values are what the config says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_consistent_length

from optcli.core.arrays import DTYPES, Array
from optcli.core.errors import InvalidInput
from optcli.data import table as tables
from optcli.data.base import Dataset
from optcli.data.characters import clean
from optcli.data.encoding import Encoder
from optcli.data.in_memory import InMemory
from optcli.data.reading_rules import RULES
from optcli.data.table import Table
from optcli.sklearn.compatibility import validate_data

TYPES = [np.float64, np.float32]  # of arrays; others become the first


def is_frame(X: Any) -> bool:
    """Whether X has named columns of types of their own."""
    arrow = hasattr(X, "__arrow_c_stream__")
    return hasattr(X, "columns") and (arrow or hasattr(X, "dtypes"))


def column_names(X: Any) -> list[str]:
    """The names of the columns of an array or a frame, as the table has them."""
    if not is_frame(X):
        return [f"x{i + 1}" for i in range(X.shape[1])]
    names = X.column_names if hasattr(X, "column_names") else X.columns
    return [clean(str(name)) for name in names]


def checked(estimator: Any, X: Any, y: Any, *, numeric: bool) -> tuple[Any, Array]:
    """X as a float array or the frame that it is, and y as an array; raises ValueError.

    numeric: whether y must be numbers.
    """
    finite = True if estimator.missing == "error" else "allow-nan"
    rules: dict[str, Any] = {"ensure_2d": False, "dtype": "numeric" if numeric else None}
    if not is_frame(X):
        X, y = validate_data(
            estimator,
            X,
            y,
            dtype=TYPES,
            ensure_all_finite=finite,
            ensure_min_samples=2,
            multi_output=True,
            y_numeric=numeric,
        )
        return X, y
    if y is None:
        name = type(estimator).__name__
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    validate_data(estimator, X, skip_check_array=True)
    y = check_array(y, input_name="y", **rules)
    check_consistent_length(X, y)
    return X, y


def checked_again(estimator: Any, X: Any) -> Any:
    """The same of rows to predict, which must have the columns of those in `fit`."""
    if is_frame(X) and estimator._from_frame:
        return validate_data(estimator, X, reset=False, skip_check_array=True)
    if not all(feature.is_number for feature in estimator.model_.encoder.features):
        X = check_array(X, dtype=None, ensure_all_finite=False)
        return validate_data(estimator, X, reset=False, skip_check_array=True)
    finite = True if estimator.missing == "error" else "allow-nan"
    return validate_data(estimator, X, reset=False, dtype=TYPES, ensure_all_finite=finite)


def table_of(X: Any, dataset: Dataset, columns: dict[str, Array]) -> Table:
    """The table of X, as the data set reads it, with further columns; raises InvalidInput."""
    assert isinstance(dataset, InMemory)
    reading = dataset.reading(RULES)
    table, more = tables.of(X, reading=reading), tables.of(columns, reading=reading)
    return replace(
        table,
        columns={**table.columns, **more.columns},
        faults={**table.faults, **more.faults},
        bad_cells={**table.bad_cells, **more.bad_cells},
    )


def inputs(X: Any, encoder: Encoder, dtype: str) -> Array:
    """The inputs x (N, D) of rows that were checked; raises InvalidInput."""
    names = [feature.name for feature in encoder.features]
    if is_frame(X) or not all(feature.is_number for feature in encoder.features):
        # an array has the columns in the order of those that were fitted
        table = tables.of(X, names, reading=encoder.reading)
        return encoder.encode(table, DTYPES[dtype])
    features = encoder.features
    mean = np.array([feature.mean for feature in features])
    scale = np.array([feature.scale for feature in features])
    values = np.asarray(X, np.float64)
    if np.isnan(values.sum()):  # NaN, or infinities of both signs, which were refused
        fill = [np.nan if feature.fill is None else feature.fill for feature in features]
        values = np.where(np.isnan(values), np.array(fill, np.float64), values)
        if (gaps := np.isnan(values).any(axis=0)).any():
            name = names[int(gaps.argmax())]
            message = f"column '{name}' has a missing value; remove the row, or fit with "
            raise InvalidInput(f"{message}missing='impute'")
    constant = scale == 0
    x = values - mean
    x /= np.where(constant, 1, scale)
    if constant.any():
        x[:, constant] = 0
    encoded: Array = x.astype(dtype, copy=False)
    return encoded
