"""Train on one CSV and validate on another after each epoch, with MLPClassifier's defaults."""

import numpy as np
import pandas as pd
from common import arguments, say
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

given = arguments()
train, held = (pd.read_csv(given[part]) for part in ("train", "validation"))
y, held_y = (table.pop("y").to_numpy() for table in (train, held))
scaler = StandardScaler()
x = scaler.fit_transform(train.to_numpy(np.float32))
held_x = scaler.transform(held.to_numpy(np.float32))
model = MLPClassifier((64, 32), random_state=0)
losses = []
for _ in range(given["epochs"]):
    model.partial_fit(x, y, classes=np.arange(y.max() + 1))
    losses.append(log_loss(held_y, model.predict_proba(held_x).astype(float)))
say(losses=losses)
