"""The Python API on functions scaled from 1e-12 to 1e12 and at points from 1e-9 to 1e9.

A right gradient must be found right or not checked, a wrong one wrong or not checked.

    python -m tests.studies.scales [SEEDS]
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter

import numpy as np

import optcli

SCALES = 10.0 ** np.arange(-12, 13, 3)
POINTS = 10.0 ** np.arange(-9, 10, 3)
RIGHT, WRONG, NOT_CHECKED = "right", "wrong", "not checked"


def sigmoid(x):
    return 0.5 + 0.5 * np.tanh(x / 2)


# Name: f of points (K, P) as (K,), its gradient at x (P,), and whether x must be positive.
FUNCTIONS = {
    "squares": (lambda x: (x**2).sum(1), lambda x: 2 * x, False),
    "squares + 1": (lambda x: 1 + (x**2).sum(1), lambda x: 2 * x, False),
    "fourth powers": (lambda x: (x**4).sum(1), lambda x: 4 * x**3, False),
    "linear": (
        lambda x: (x * np.arange(1, x.shape[1] + 1)).sum(1),
        lambda x: np.arange(1.0, len(x) + 1),
        False,
    ),
    "sine": (lambda x: np.sin(x).sum(1), np.cos, False),
    "fast sine": (lambda x: np.sin(1e3 * x).sum(1), lambda x: 1e3 * np.cos(1e3 * x), False),
    "softplus": (lambda x: np.logaddexp(0, x).sum(1), sigmoid, False),
    "log": (lambda x: np.log(x).sum(1), lambda x: 1 / x, True),
    "x log x": (lambda x: (x * np.log(x)).sum(1), lambda x: np.log(x) + 1, True),
    "root": (lambda x: np.sqrt(x).sum(1), lambda x: 0.5 / np.sqrt(x), True),
    "inverse": (lambda x: (1 / x).sum(1), lambda x: -1 / x**2, True),
    "length": (lambda x: np.linalg.norm(x, axis=1), lambda x: x / np.linalg.norm(x), False),
    "absolute": (lambda x: np.abs(x).sum(1), np.sign, False),
    "relu": (lambda x: np.maximum(x, 0).sum(1), lambda x: 1.0 * (x > 0), False),
    "exponential": (lambda x: np.exp(x).sum(1), np.exp, False),
    "product": (lambda x: np.prod(x, axis=1), lambda x: np.prod(x) / x, True),
    "float32": (
        lambda x: (x.astype("f4") ** 2).sum(1).astype(float),
        lambda x: 2 * x,
        False,
    ),
}
MISTAKES = {
    "twice": lambda g: 2 * g,
    "sign": lambda g: -g,
    "zero": lambda g: 0 * g,
    "x 1.001": lambda g: 1.001 * g,
    "x 0.9": lambda g: 0.9 * g,
}


def outcomes(seeds, scales=SCALES, points=POINTS, fast=(False, True)):
    """(function, point, scale, mistake, fast, seed) and what was found, one after the other."""
    for (name, (f, slope, positive)), point, seed in itertools.product(
        FUNCTIONS.items(), points, seeds
    ):
        random = np.random.default_rng(seed)
        x = point * random.standard_normal(4)
        x = np.abs(x) if positive else x
        for scale, along in itertools.product(scales, fast):
            with np.errstate(all="ignore"):
                g = scale * slope(x)
            given = {"none": g} | {k: change(g) for k, change in MISTAKES.items()}
            for mistake, gradient in given.items():
                if mistake != "none" and np.array_equal(gradient, g, equal_nan=True):
                    continue
                with np.errstate(all="ignore"):
                    found = optcli.gradcheck(
                        lambda x, f=f, scale=scale: scale * f(x),
                        gradient,
                        x,
                        vectorized=True,
                        fast=along,
                        seed=seed,
                    )
                yield (name, point, scale, mistake, along, seed), found


def false(key, found):
    """Whether a right gradient was accused, or a wrong one passed."""
    return found.outcome == (WRONG if key[3] == "none" else RIGHT)


def main(seeds):
    counts, faults = Counter(), []
    for key, found in outcomes(range(seeds)):
        counts["right" if key[3] == "none" else "wrong", found.outcome] += 1
        if false(key, found):
            faults.append((key, found))
    for kind in ("right", "wrong"):
        print(
            f"{kind} gradients:",
            ", ".join(f"{counts[kind, o]:,} {o}" for o in (RIGHT, WRONG, NOT_CHECKED)),
        )
    print(f"false: {len(faults)}")
    for key, found in faults[:40]:
        print(key, str(found)[:300])
    return len(faults)


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 20) else 0)
