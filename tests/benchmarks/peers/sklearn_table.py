"""From a CSV to a written logistic regression, by scikit-learn's SGDClassifier."""

import time

from common import arguments, say

given = arguments()
import joblib  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.linear_model import SGDClassifier  # noqa: E402
from sklearn.metrics import log_loss  # noqa: E402

if given["reader"] == "pandas":
    import pandas as pd

    table = pd.read_csv(given["data"], dtype=np.float32)
    y = table.pop("y").to_numpy()
    x = table.to_numpy()
else:
    import polars as pl

    table = pl.read_csv(given["data"])
    y = table["y"].to_numpy()
    x = table.drop("y").cast(pl.Float32).to_numpy()
mean, deviation = x.mean(0), x.std(0)
x = (x - mean) / deviation
# It fits as well as optcli does: a small penalty, and rates that fall.
rates = {"learning_rate": "invscaling", "eta0": 0.05, "power_t": 0.25}
model = SGDClassifier(
    loss="log_loss", alpha=1e-6, max_iter=given["passes"], tol=None, random_state=0, **rates
)
model.fit(x, y)
joblib.dump((model, mean, deviation), given["model"])
began = time.perf_counter()
loss = log_loss(y[:100_000], model.predict_proba(x[:100_000]))
say(loss=loss, aside=time.perf_counter() - began)
