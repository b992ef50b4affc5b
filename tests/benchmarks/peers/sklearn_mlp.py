"""Epochs of a dense network in scikit-learn."""

import numpy as np
from common import arguments, say, timed
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

given = arguments()
arrays = np.load(given["data"])
X, Y = arrays["x"], arrays["y"]
model = MLPClassifier(given["hidden"], alpha=0, batch_size=given["batch"], random_state=0)
kinds = np.arange(given["classes"])


def reached():
    return log_loss(Y, model.predict_proba(X).astype(float))


seconds, found = timed(lambda: model.partial_fit(X, Y, classes=kinds), given["epochs"], reached)
say(seconds=seconds, loss=found)
