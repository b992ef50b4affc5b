"""Epochs of a dense network in torch, by each of the settings asked for."""

import numpy as np
import torch
from common import arguments, say, timed
from torch.nn import functional as F
from torch_layers import dense, epoch

given = arguments()
torch.set_num_threads(1)
arrays = np.load(given["data"])
X, Y = torch.tensor(arrays["x"]), torch.tensor(arrays["y"]).long()
SETTINGS = {
    "for": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "compiled": {"fused": True},
}


def measure(kind):
    torch.manual_seed(0)
    model = dense([X.shape[1], *given["hidden"], given["classes"]])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **SETTINGS[kind])

    def loss(x, y):
        return F.cross_entropy(model(x), y)

    if kind == "compiled":
        loss = torch.compile(loss)

    def step(x, y):
        optimizer.zero_grad()
        loss(x, y).backward()
        optimizer.step()

    def reached():
        with torch.no_grad():
            return F.cross_entropy(model(X), Y).item()

    seconds, found = timed(lambda: epoch(X, Y, given["batch"], step), given["epochs"], reached)
    return {"seconds": seconds, "loss": found}


say(**{kind: measure(kind) for kind in given["kinds"]})
