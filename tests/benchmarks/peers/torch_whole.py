"""From a table to a written run, as one would write it in torch: iris, penguins or digits."""

import csv
import json
import math
import os

import numpy as np
import torch
from common import arguments, say
from tables import read
from torch.nn import functional as F
from torch_layers import convolutions, dense

given = arguments()
name, out, epochs = given["name"], given["out"], given["epochs"]
os.makedirs(out, exist_ok=True)  # noqa: PTH103
torch.set_num_threads(1)
torch.manual_seed(0)
x, y, names = read(given["data"], name)
validation, test = (0.2, 0.2) if name == "iris" else (0.2, 0)
order = np.random.default_rng(0).permutation(len(x))
held, count = int(validation * len(x)), len(x) - int((validation + test) * len(x))
mean, deviation = x[order[:count]].mean(0), x[order[:count]].std(0)
X = torch.tensor(((x - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32))
Y = torch.tensor(y)
batch, lr, decay = {
    "iris": (32, 0.01, 1e-4),
    "penguins": (16, 0.005, 0),
    "digits": (32, 0.003, 0),
}[name]
if name == "digits":
    X, model = X.reshape(-1, 1, 8, 8), convolutions()
else:
    model = dense([X.shape[1], *((32, 32) if name == "iris" else (16,)), len(names)])
optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=decay, fused=True)
planned = -(-count // batch) * (100 if name == "iris" else epochs)
warmup = int(0.05 * planned)


def factor(t):
    """Cosine after a linear warm-up."""
    if t < warmup:
        return (t + 1) / warmup
    return (1 + math.cos(math.pi * (t - warmup) / (planned - warmup))) / 2


schedule = None
if name != "penguins":
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
rows, held_rows = torch.tensor(order[:count]), torch.tensor(order[count : count + held])
history, best, kept = [], math.inf, None
for _ in range(epochs):
    model.train()
    shuffled = rows[torch.randperm(count)]
    xs, ys = X[shuffled], Y[shuffled]
    total = right = 0
    for i in range(0, count, batch):
        optimizer.zero_grad()
        scores = model(xs[i : i + batch])
        loss = F.cross_entropy(scores, ys[i : i + batch])
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        total += loss.detach() * len(scores)
        right += (scores.argmax(1) == ys[i : i + batch]).sum()
    model.eval()
    with torch.no_grad():
        scores = model(X[held_rows])
        value = F.cross_entropy(scores, Y[held_rows]).item()
        accuracy = (scores.argmax(1) == Y[held_rows]).float().mean().item()
    history.append((float(total) / count, int(right) / count, value, accuracy))
    if value < best:
        best, kept = value, {key: each.clone() for key, each in model.state_dict().items()}
model.load_state_dict(kept)
torch.save(kept, f"{out}/model.pt")
with open(f"{out}/history.csv", "w", newline="") as file:  # noqa: PTH123
    csv.writer(file).writerows(history)
with open(f"{out}/summary.json", "w") as file:  # noqa: PTH123
    json.dump({"best": best, "epochs": epochs}, file)
if given["plots"]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    losses = np.array(history)
    figure, axes = plt.subplots()
    axes.semilogy(losses[:, 0], label="training")
    axes.semilogy(losses[:, 2], label="validation")
    axes.legend()
    figure.savefig(f"{out}/loss.png")
    with torch.no_grad():
        found = model(X[held_rows]).argmax(1).numpy()
    matrix = np.zeros((len(names), len(names)), int)
    np.add.at(matrix, (y[held_rows.numpy()], found), 1)
    figure, axes = plt.subplots()
    axes.imshow(matrix)
    for i, j in np.ndindex(matrix.shape):
        axes.text(j, i, matrix[i, j])
    figure.savefig(f"{out}/confusion.png")
say(best=best)
