"""Train on one CSV and validate on another after each epoch, with the defaults of torch's Adam."""

import numpy as np
import pandas as pd
import torch
from common import arguments, say
from torch import nn
from torch.nn import functional as F

given = arguments()
torch.set_num_threads(1)
torch.manual_seed(0)
train, held = (pd.read_csv(given[part]) for part in ("train", "validation"))
Y, new_y = (torch.tensor(table.pop("y").to_numpy()) for table in (train, held))
mean, deviation = train.mean(), train.std(ddof=0)
X, new_x = (
    torch.tensor(((table - mean) / deviation).to_numpy(np.float32)) for table in (train, held)
)
model = nn.Sequential(
    *(nn.Linear(X.shape[1], 64), nn.ReLU()),
    *(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, int(Y.max()) + 1)),
)
optimizer = torch.optim.Adam(model.parameters())
losses = []
for _ in range(given["epochs"]):
    order = torch.randperm(len(X))
    xs, ys = X[order], Y[order]
    for i in range(0, len(X), given["batch"]):
        optimizer.zero_grad()
        F.cross_entropy(model(xs[i : i + given["batch"]]), ys[i : i + given["batch"]]).backward()
        optimizer.step()
    with torch.no_grad():
        losses.append(F.cross_entropy(model(new_x), new_y).item())
say(losses=losses)
