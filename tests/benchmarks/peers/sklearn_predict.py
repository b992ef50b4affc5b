"""Predict a CSV with a written model, and write classes and probabilities as CSV."""

from common import arguments, say

given = arguments()
import joblib  # noqa: E402
import numpy as np  # noqa: E402

model, mean, deviation = joblib.load(given["model"])
if given["reader"] == "pandas":
    import pandas as pd

    x = pd.read_csv(given["data"], dtype=np.float32).drop(columns="y").to_numpy()
else:
    import polars as pl

    x = pl.read_csv(given["data"]).drop("y").cast(pl.Float32).to_numpy()
p = model.predict_proba((x - mean) / deviation)
columns = {"y": model.classes_[p.argmax(1)].astype(int), "p0": p[:, 0], "p1": p[:, 1]}
if given["reader"] == "pandas":
    pd.DataFrame(columns).to_csv(given["out"], index=False)
else:
    pl.DataFrame(columns).write_csv(given["out"])
say(rows=len(p))
