"""Seconds of the shortest Adam step of optcli, by the number of models and of parameters."""

from __future__ import annotations

import json
import math
import time

import numpy as np

from optcli.optimizers.adam import Adam
from optcli.optimizers.stepper import Stepper

CASES = {
    "1 x 10,000": (1, 10_000, 2000),
    "1 x 1,000,000": (1, 1_000_000, 100),
    "1 x 10,000,000": (1, 10_000_000, 20),
    "100 x 1,251": (100, 1251, 1000),
}


def shortest(replicas: int, size: int, repeats: int) -> float:
    x, g = np.random.default_rng(0).standard_normal((2, replicas, size), np.float32)
    stepper = Stepper([Adam()] * replicas, x, g)
    stepper.plan(1, 1)
    least = math.inf
    for _ in range(repeats):
        began = time.perf_counter()
        stepper.step(0)
        least = min(least, time.perf_counter() - began)
    return least


if __name__ == "__main__":
    print(json.dumps({name: shortest(*case) for name, case in CASES.items()}))
