"""Seconds of the shortest Adam step of torch, by the number of models and of parameters."""

import math
import time

import torch
from common import say

torch.set_num_threads(1)
SHAPES = [(2, 32), (32,), (32, 32), (32,), (32, 3), (3,)]


def shortest(shapes, repeats, **kind):
    parameters = [torch.randn(*shape).requires_grad_() for shape in shapes]
    for each in parameters:
        each.grad = torch.randn_like(each)
    step, least = torch.optim.Adam(parameters, **kind).step, math.inf
    for _ in range(repeats):
        began = time.perf_counter()
        step()
        least = min(least, time.perf_counter() - began)
    return least


found = {}
for kind in ("foreach", "fused"):
    for size, repeats in ((10_000, 2000), (1_000_000, 100), (10_000_000, 20)):
        found[f"1 x {size:,} {kind}"] = shortest([(size,)], repeats, **{kind: True})
    stacked = [(100, *shape) for shape in SHAPES]
    found[f"100 x 1,251 {kind}, stacked"] = shortest(stacked, 1000, **{kind: True})
found["100 x 1,251 foreach, 100 models"] = shortest(SHAPES * 100, 300, foreach=True)
say(**found)
