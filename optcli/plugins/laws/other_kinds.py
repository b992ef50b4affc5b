"""Laws of the small kinds: initializers, and averages of the points on the way."""

from __future__ import annotations

import numpy as np

from optcli.layers.initializers import Initializer
from optcli.plugins.laws.base import FIELDS, Law, same
from optcli.training.wrappers import Average


def draws_weights(initializer: Initializer) -> str:
    """Whether weights have their shape, are finite, and follow from the generator."""
    first, second = (initializer.draw(np.random.default_rng(0), (20, 30), 20, 30) for _ in range(2))
    if np.shape(first) != (20, 30):
        return f"draw gives shape {np.shape(first)}; must be that it is given, (20, 30)"
    if not np.isfinite(first).all():
        return "draw gives numbers that are not finite"
    if not same(np.asarray(first), np.asarray(second)):
        return "the same generator gives other weights: draw from `random` alone"
    return ""


def goes_a_share(average: Average) -> str:
    """Whether shares are in [0, 1] and follow from n alone."""
    counts = [2, 3, 10, 1000]
    shares = [average.share(n) for n in counts]
    for n, share in zip(counts, shares, strict=True):
        if not 0 <= share <= 1:
            return f"share({n}) is {share:g}; must be in [0, 1], a part of the way from m to x"
    if shares != [average.share(n) for n in counts]:
        return "share gives another number the second time: it must follow from n alone"
    return ""


INITIALIZERS: tuple[Law[Initializer], ...] = (
    Law(FIELDS.says, lambda each: FIELDS.fault(type(each))),
    Law("weights have their shape and follow from the generator", draws_weights),
)
AVERAGES: tuple[Law[Average], ...] = (
    Law(FIELDS.says, lambda each: FIELDS.fault(type(each))),
    Law("each share is a part of the way, and follows from n", goes_a_share),
)
