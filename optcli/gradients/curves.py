"""Curves: the error of finite differences as a function of the step size."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.gradients.differences import COMPLEX_REFUSALS, KINK, STEP, complex_slopes, scale_of
from optcli.gradients.functions import Differentiable

STEPS = 10.0 ** np.arange(-14, -0.9, 0.25)
MOST_ENTRIES = 32


@dataclass(frozen=True)
class Curve:
    """The largest error of some entries, relative to the gradient's largest entry.

    steps, central, one_sided: (S,). complex_step: one number, None if it was not used.
    step: the first step of the check.
    """

    title: str
    outcome: str
    steps: Array
    central: Array
    one_sided: Array
    complex_step: float | None
    step: float = STEP


def curve(
    function: Differentiable, verdict: Array, title: str, *, outcome: str, analytic: bool
) -> Curve:
    """The curve of the entries with the largest slopes, without those at a kink.

    verdict: of each entry, if entries were checked.
    """
    with np.errstate(all="ignore"):
        x, g = function.x, function.gradients(function.x[None])[0]
        smooth = verdict != KINK if verdict.shape == g.shape else np.ones(g.shape, bool)
        entries = np.flatnonzero(smooth & np.isfinite(g))
        entries = entries[np.argsort(-np.abs(g[entries]), kind="stable")][:MOST_ENTRIES]
        if entries.size == 0:
            entries = np.arange(1)
        h = STEPS[:, None] * scale_of(x[entries])
        to = np.concatenate([x[entries] + h, x[entries] - h])
        f0 = float(function.moved(entries[:1], x[entries[:1]])[0])
        values = function.moved(np.tile(entries, len(to)), to.ravel()).reshape(to.shape)
        up, down = values[: len(h)], values[len(h) :]
        right_of, left_of = to[: len(h)] - x[entries], x[entries] - to[len(h) :]
        largest = float(np.abs(g[entries]).max()) or 1.0
        central = np.abs((up - down) / (right_of + left_of) - g[entries]).max(axis=1) / largest
        one_sided = np.abs((up - f0) / right_of - g[entries]).max(axis=1) / largest
        by_complex = None
        if analytic:
            with contextlib.suppress(*COMPLEX_REFUSALS):
                slopes = complex_slopes(function, entries, f0, np.inf)
                by_complex = float(np.abs(slopes - g[entries]).max()) / largest
    return Curve(title, outcome, STEPS, central, one_sided, by_complex)
