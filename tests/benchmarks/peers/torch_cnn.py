"""Epochs of the digits' convolutional network in torch, by each of the settings asked for."""

import numpy as np
import torch
from common import arguments, say, timed
from torch.nn import functional as F
from torch_layers import convolutions, epoch

given = arguments()
torch.set_num_threads(1)
table = np.loadtxt(given["data"], delimiter=",", skiprows=1, dtype=np.float32)
rows = np.random.default_rng(0).permutation(len(table))[: given["rows"]]
x, Y = table[rows, :-1], torch.tensor(table[rows, -1]).long()
deviation = x.std(0)
X = torch.tensor((x - x.mean(0)) / np.where(deviation > 0, deviation, 1)).reshape(-1, 1, 8, 8)


def measure(kind):
    torch.manual_seed(0)
    model, inputs = convolutions(), X
    if kind == "channels_last":
        layout = torch.channels_last
        model, inputs = model.to(memory_format=layout), inputs.to(memory_format=layout)
    how = {"foreach": True} if kind == "foreach" else {"fused": True}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, **how)
    total = torch.zeros(())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total.add_(loss.detach() * len(x))

    def one():
        total.zero_()
        epoch(inputs, Y, 32, step)

    seconds, found = timed(one, given["epochs"], lambda: float(total) / len(X))
    return {"seconds": seconds, "loss": found}


say(**{kind: measure(kind) for kind in given["kinds"]})
