"""Compare against a torch loop, and against single runs: 4 optimizers, 9 rates, 10 seeds.

    python -m tests.benchmarks.compare

A 2-32-32-3 network, 1,000 training rows, batches of 32, 30 epochs, float32. Torch trains
one run after another on one thread, as one would write it; a run of each optimizer is timed
and counted 90 times.
"""

from __future__ import annotations

import time
from dataclasses import replace

from optcli import config
from optcli.comparison import trials
from optcli.comparison.trials import Job, Trial
from optcli.comparison.tuning import grid
from optcli.optimizers.base import OPTIMIZERS
from optcli.storage import dispatch
from optcli.storage.dispatch import Pool

NAMES = ("sgd", "momentum", "adam", "rmsprop")
ROUNDS = 4
EPOCHS = 30
CONFIG = {
    "dataset": {"name": "spirals", "samples": 1250, "arms": 3, "noise": 0.02},
    "model": {"name": "mlp", "hidden": [32, 32]},
    "loss": "cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": EPOCHS},
}


def everything(task, workers):
    """Seconds of all 360 runs, in so many processes."""
    trials.forget()
    began = time.perf_counter()
    wanted = [
        Trial(name, replace(OPTIMIZERS.find(name)(), lr=rate), seed)
        for name in NAMES
        for rate in grid(OPTIMIZERS.find(name)().lr, 9)
        for seed in range(10)
    ]
    jobs = trials.jobs(dict.fromkeys(NAMES, task), wanted, fixed_split=False, test=False)
    done = [r for _, own in dispatch.run(trials.train, jobs, Pool(workers)) for r in own]
    assert len(done) == 360
    return time.perf_counter() - began


def one_by_one(task):
    """Seconds of as many runs, each a cohort of its own."""
    began = time.perf_counter()
    for name in NAMES:
        trials.train(Job(task, (Trial(name, OPTIMIZERS.find(name)(), 0),)))
    return (time.perf_counter() - began) * 90


def by_torch(task):
    """Seconds of as many runs as a torch loop."""
    return sum(torch_run(task, name) for name in NAMES) * 90


def torch_run(task, name):
    """Seconds of one of them."""
    import torch

    torch.set_num_threads(1)
    data = trials.prepared(task, 0)
    x, y = torch.tensor(data.train.x), torch.tensor(data.train.y)
    held_x, held_y = torch.tensor(data.validation.x), torch.tensor(data.validation.y)
    layers = [torch.nn.Linear(2, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(32, 3))
    optimizer = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    }[name](model.parameters())
    loss = torch.nn.CrossEntropyLoss()
    began = time.perf_counter()
    for _ in range(EPOCHS):
        order, total, right = torch.randperm(len(x)), 0.0, 0
        for start in range(0, len(x), 32):
            rows = order[start : start + 32]
            optimizer.zero_grad()
            scores = model(x[rows])
            value = loss(scores, y[rows])
            value.backward()
            optimizer.step()
            total += value.item() * len(rows)
            right += (scores.argmax(1) == y[rows]).sum().item()
        with torch.no_grad():
            scores = model(held_x)
            loss(scores, held_y).item()
            (scores.argmax(1) == held_y).float().mean().item()
    return time.perf_counter() - began


def main():
    """Print seconds and ratios, round by round."""
    task = config.load(CONFIG).task()
    by_torch(task)  # warm
    for _ in range(ROUNDS):
        one, two = everything(task, 1), everything(task, 2)
        torch, alone = by_torch(task), one_by_one(task)
        print(
            f"optcli {one:.2f} s, in two processes {two:.2f} s, run by run {alone:.1f} s, "
            f"torch {torch:.1f} s: torch/optcli {torch / one:.1f} and {torch / two:.1f}, "
            f"run by run/together {alone / one:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
