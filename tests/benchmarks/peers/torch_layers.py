"""The networks of the torch scripts."""

import torch
from common import deviations
from torch import nn


def dense(sizes):
    """Dense layers with ReLU, which start as optcli's do."""
    layers = []
    for d, h, deviation in zip(sizes, sizes[1:], deviations(sizes), strict=False):
        layer = nn.Linear(d, h)
        nn.init.normal_(layer.weight, std=deviation)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutions():
    """That of configs/digits.yaml."""
    blocks = []
    for c, d in ((1, 16), (16, 32)):
        blocks += [nn.Conv2d(c, d, 3, padding=1), nn.BatchNorm2d(d), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10)]
    return nn.Sequential(*blocks, *head)


def epoch(x, y, batch, step):
    """One pass in random order, gathered at once, which is the fastest way."""
    order = torch.randperm(len(x))
    xs, ys = x[order], y[order]
    for i in range(0, len(x), batch):
        step(xs[i : i + batch], ys[i : i + batch])
