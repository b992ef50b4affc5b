"""The table and the rates of the scripts that train many runs: three noisy spirals."""

import numpy as np

NAMES = ("sgd", "momentum", "rmsprop", "adam")
DEFAULT = {"sgd": 0.01, "momentum": 0.01, "rmsprop": 0.01, "adam": 0.001}
ROWS, HELD, BATCH = 300, 75, 32
SIZES = (2, 32, 32, 3)


def table(seed):
    """Inputs (375, 2) and classes (375,); the last 75 rows are held out."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(ROWS + HELD) % 3)
    radius = rng.uniform(0, 1, len(y))
    angle = 2 * np.pi * (radius + y / 3)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    x += 0.02 * rng.standard_normal(x.shape)
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), y


def runs(rates, seeds):
    """Inputs, classes and rates of all runs, optimizer by optimizer."""
    tables = [table(seed) for seed in range(seeds)]
    x, y = (np.stack(part) for part in zip(*tables, strict=True))
    chosen = np.tile(np.repeat(np.arange(seeds), rates), len(NAMES))
    steps = 10 ** (np.arange(rates) / 2 - rates // 2 / 2)
    alpha = np.concatenate([DEFAULT[name] * np.tile(steps, seeds) for name in NAMES])
    return x[chosen], y[chosen], alpha.astype(np.float32)
