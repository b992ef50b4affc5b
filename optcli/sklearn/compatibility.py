"""Compatibility: what scikit-learn renamed in 1.6, by its present name."""

from __future__ import annotations

from typing import Any

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn 1.5

    def validate_data(
        estimator: Any,
        /,
        X: Any,
        y: Any = "no_validation",
        *,
        reset: bool = True,
        skip_check_array: bool = False,
        ensure_all_finite: bool | str = True,
        **checks: Any,
    ) -> Any:
        """Check input data, and note or compare the names and the number of its features."""
        if skip_check_array:
            estimator._check_feature_names(X, reset=reset)
            estimator._check_n_features(X, reset=reset)
            return X
        return estimator._validate_data(
            X, y, reset=reset, force_all_finite=ensure_all_finite, **checks
        )


__all__ = ["validate_data"]
