"""From a table to a written model, as one would write it in scikit-learn: iris or penguins."""

import os
import warnings

import joblib
import numpy as np
from common import arguments, say
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables import TARGETS, lines_of

given = arguments()
warnings.simplefilter("ignore")
header, lines = lines_of(given["data"])
at = header.index(TARGETS[given["name"]])
y = np.array([line.pop(at) for line in lines])
x = np.array([[np.nan if cell in ("", "NA") else cell for cell in line] for line in lines], object)


def is_numeric(column):
    try:
        column.astype(float)
    except ValueError:
        return False
    return True


numbers = [j for j in range(x.shape[1]) if is_numeric(x[:, j])]
texts = [j for j in range(x.shape[1]) if j not in numbers]
x[:, numbers] = x[:, numbers].astype(float)
steps = [(make_pipeline(SimpleImputer(), StandardScaler()), numbers)]
if texts:
    mode = SimpleImputer(strategy="most_frequent")
    steps.append((make_pipeline(mode, OneHotEncoder(handle_unknown="ignore")), texts))
iris = given["name"] == "iris"
net = MLPClassifier(
    (32, 32) if iris else (16,),
    alpha=1e-4 if iris else 0,
    batch_size=32 if iris else 16,
    learning_rate_init=0.01 if iris else 0.005,
    max_iter=given["epochs"],
    n_iter_no_change=given["epochs"],
    early_stopping=True,
    validation_fraction=0.2,
    random_state=0,
)
model = make_pipeline(make_column_transformer(*steps), net)
if iris:
    x, test, y, test_y = train_test_split(x, y, test_size=0.2, random_state=0)
model.fit(x, y)
score = model.score(test, test_y) if iris else net.validation_scores_[-1]
os.makedirs(given["out"], exist_ok=True)  # noqa: PTH103
joblib.dump(model, f"{given['out']}/model.joblib")
np.savetxt(f"{given['out']}/history.csv", net.loss_curve_)
say(score=float(score))
