"""`check_estimator` of the installed scikit-learn, or of others, on the estimators as they are.

python -m tests.studies.estimators
for v in 1.5.2 1.6.1 1.7.2 1.8.0; do
    pip install --no-deps --target sklearn-$v scikit-learn==$v
    PYTHONPATH=sklearn-$v:. python -m tests.studies.estimators
done
"""

from __future__ import annotations

import traceback
import warnings

from optcli.sklearn import OptcliClassifier, OptcliRegressor


def main():
    """Print how many checks there are, and each that fails."""
    from unittest import SkipTest

    import sklearn
    from sklearn import exceptions
    from sklearn.utils.estimator_checks import parametrize_with_checks

    found = {}
    for estimator in (OptcliClassifier(), OptcliRegressor()):
        name = type(estimator).__name__
        counts = found[name] = {"passed": 0, "skipped": 0, "failed": 0}
        for own, check in parametrize_with_checks([estimator]).args[1]:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    warnings.simplefilter("error", exceptions.SkipTestWarning)
                    check(own)
            except (SkipTest, exceptions.SkipTestWarning) as skip:
                counts["skipped"] += 1
                print(f"  skipped: {check.func.__name__}: {skip}")
            except Exception:
                counts["failed"] += 1
                print(f"  failed: {check.func.__name__}\n{traceback.format_exc()}")
            else:
                counts["passed"] += 1
    said = "; ".join(
        f"{name} {', '.join(f'{count} {word}' for word, count in counts.items())}"
        for name, counts in found.items()
    )
    print(f"scikit-learn {sklearn.__version__}: {said}", flush=True)


if __name__ == "__main__":
    main()
