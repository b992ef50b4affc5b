"""A run of each optimizer, one after the other, in torch; seconds scaled to all runs."""

import time

began = time.perf_counter()
import torch  # noqa: E402
from common import arguments, say  # noqa: E402
from spirals import BATCH, ROWS, SIZES, table  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch_layers import dense  # noqa: E402

imports = time.perf_counter() - began
given = arguments()
torch.set_num_threads(1)
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.3),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.03, fused=True),
}


def train(make):
    x, y = (torch.tensor(part) for part in table(0))
    model = dense(SIZES)
    optimizer, held = make(model.parameters()), []
    for _ in range(given["epochs"]):
        order = torch.randperm(ROWS)
        xs, ys, total = x[order], y[order], torch.zeros(())
        for i in range(0, ROWS, BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xs[i : i + BATCH]), ys[i : i + BATCH])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        with torch.no_grad():
            scores = model(x[ROWS:])
            held.append(F.cross_entropy(scores, y[ROWS:]).item())
            (scores.argmax(1) == y[ROWS:]).float().mean().item()
        total.item()
    return min(held)


train(OPTIMIZERS["sgd"])  # warm
began = time.perf_counter()
best = {name: train(make) for name, make in OPTIMIZERS.items()}
seconds = time.perf_counter() - began
say(seconds=imports + seconds * given["rates"] * given["seeds"], best=best)
