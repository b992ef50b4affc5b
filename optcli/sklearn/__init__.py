"""Estimators of scikit-learn: `OptcliClassifier` and `OptcliRegressor`.

base: fit and predict, for both. classifier, regressor: what their targets are. settings: from
parameters to a config. rows: arrays and data frames as tables. compatibility: versions of
scikit-learn. scikit-learn is imported here alone; install it with `pip install optcli[sklearn]`.
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "optcli.sklearn needs scikit-learn; install it with: pip install optcli[sklearn]"
    ) from error

from optcli.sklearn.classifier import OptcliClassifier
from optcli.sklearn.regressor import OptcliRegressor
from optcli.sklearn.settings import InvalidParameters

__all__ = ["InvalidParameters", "OptcliClassifier", "OptcliRegressor"]
