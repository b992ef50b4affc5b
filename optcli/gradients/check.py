"""The check: an analytic gradient against all that differences can tell of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optcli.arrays import Array
from optcli.errors import InvalidInput
from optcli.gradients import taylor
from optcli.gradients.differences import (
    EPS,
    KINK,
    OK,
    RTOL,
    UNRESOLVED,
    WRONG,
    Tolerance,
    Verdicts,
    complex_slopes,
    noise_of,
    scale_of,
    slopes_of_directions,
    slopes_of_entries,
)
from optcli.gradients.functions import Function, Plain
from optcli.gradients.result import Result
from optcli.randomness import generator

SIGNS = 8  # random directions over the entries at a kink
# The complex step must agree to this part of the largest entry.
COMPLEX_RTOL = 1e-12
# The noise, as a part of f and its gradient, beyond which differences tell nothing: any
# gradient would pass.
NOISIEST = 1e-8


@dataclass(frozen=True)
class How:
    """How to check.

    fast: random projections instead of entries. analytic: f takes complex numbers and is
    analytic between its kinks, so that the complex step is asked too. convex: f is convex
    where it has kinks, so that the gradient must be a subgradient of all entries together.
    """

    fast: bool = False
    analytic: bool = False
    convex: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)
    seed: int = 0


def gradcheck(
    f: Callable[[Any], Any],
    gradient: Any,
    x: Any,
    *,
    vectorized: bool = False,
    complex_step: bool = False,
    convex: bool = False,
    fast: bool = False,
    rtol: float = RTOL,
    atol: float = 0.0,
    seed: int = 0,
    name: str = "gradcheck",
) -> Result:
    """Check the gradient of a function of an array by finite differences, in float64.

        optcli.gradcheck(lambda x: (x**2).sum(), lambda x: 2 * x, x).raise_if_wrong()

    f: takes an array of x's shape, returns one number, the same one each time. gradient:
    of x's shape, or a function of x that returns it. x: numbers, not at the edge of f's
    domain.
    vectorized: f takes (K, *x.shape) and returns (K,), which is much faster.
    complex_step: f takes complex numbers and is analytic (no abs, no norm, no real parts):
    then the gradient must agree to 1e-12 of its largest entry. convex: f is convex where it
    has kinks. fast: try 8 random directions instead of every entry. rtol, atol: the
    relative error that passes, and what is added to the floor set by the noise of f, about
    4e-10·max(1, |f|). The result is true in a test, `assert optcli.gradcheck(…)`, when every
    entry is right or, at a kink, lies between the slopes of both sides.

    Raises InvalidInput where x, f or gradient are not of the kind described.
    """
    try:
        x = np.array(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"x is no array of numbers: {error}") from error
    if not np.isfinite(x).all():
        raise InvalidInput("x holds values that are not finite; f must be defined around x")
    if x.size == 0:
        raise InvalidInput("x is empty; there is nothing to check")
    found = gradient(x.copy()) if callable(gradient) else gradient
    g = np.asarray(found, dtype=np.float64)
    if g.shape != x.shape:
        raise InvalidInput(f"the gradient has shape {g.shape}, x has {x.shape}; must be the same")
    how = How(fast, complex_step, convex, Tolerance(rtol, atol), seed)
    return check(Plain(f, x, vectorized=vectorized), g.ravel(), how, name)


def check(function: Function, gradient: Array, how: How, name: str = "gradcheck") -> Result:
    """The verdict on each entry of the gradient (P,) of a function at its x."""
    random = generator(how.seed, "gradcheck")
    with np.errstate(all="ignore"):
        f0 = float(function.moved(np.array([0]), function.x[:1])[0])
        noise = noise_of(function, f0, random)
        result = Result(
            name=name,
            analytic=gradient,
            numeric=np.full(gradient.shape, np.nan),
            ratio=np.full(gradient.shape, np.inf),
            verdict=np.full(gradient.shape, UNRESOLVED),
            labels=Labels(function),
            value=f0,
            noise=noise,
        )
        if not np.isfinite(f0):
            return replace(result, problems=(f"f(x) is {f0}",))
        steepest = np.abs(gradient[np.isfinite(gradient)]).max(initial=0)
        if noise > NOISIEST * max(1, abs(f0), steepest):
            text = (
                f"f scatters by about {noise:.1g} around x, too much for differences; "
                "is it random without a seed, or does it jump there?"
            )
            return replace(result, problems=(text,))
        if how.fast:
            return _projected(result, function, how, random)
        entries = np.arange(gradient.size)
        found = slopes_of_entries(function, gradient, f0, noise, how.tolerance, entries)
        if how.convex and (found.verdict == KINK).any():
            _ask_directions(found, result, function, how, random)
        problems = _ask_complex_step(found, result, function) if how.analytic else ()
    return replace(
        result,
        numeric=found.numeric,
        ratio=np.where(np.isnan(found.ratio), np.inf, found.ratio),
        verdict=found.verdict,
        problems=problems,
    )


class Labels(Sequence[str]):
    """The names of a function's entries, made when they are asked for."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __len__(self) -> int:
        return int(self.function.x.size)

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.function.label(index)


def _projected(result: Result, function: Function, how: How, random: np.random.Generator) -> Result:
    """The result of the Taylor test."""
    v = taylor.directions(function.x.size, random)
    g = result.analytic
    found = taylor.projections(function, g, result.value, result.noise, how.tolerance, v)
    return replace(
        result,
        analytic=v @ g,
        numeric=found.numeric,
        ratio=np.where(np.isnan(found.ratio), np.inf, found.ratio),
        verdict=found.verdict,
        labels=[f"direction {i + 1}" for i in range(len(v))],
        unit="projections",
        problems=tuple(
            f"{function.label(int(i))} is {g[i]}" for i in np.flatnonzero(~np.isfinite(g))[:3]
        ),
    )


def _ask_directions(
    found: Verdicts, result: Result, function: Function, how: How, random: np.random.Generator
) -> None:
    """Ask, at kinks of a convex function, whether the gradient fits all of them together.

    Entry by entry, a maximum of two equal numbers lets a gradient of 1 for both pass.
    """
    kinked = np.flatnonzero(found.verdict == KINK)
    signs = np.concatenate(
        [np.ones((1, kinked.size)), random.choice([-1.0, 1.0], (SIGNS, kinked.size))]
    )
    directions = np.zeros((len(signs), function.x.size))
    directions[:, kinked] = signs * scale_of(function.x[kinked])
    slopes = directions @ np.where(np.isfinite(result.analytic), result.analytic, 0)
    f0, noise = result.value, result.noise
    along = slopes_of_directions(function, slopes, f0, noise, how.tolerance, directions)
    wrong = along.verdict == WRONG
    if wrong.any():
        found.verdict[kinked] = WRONG
        found.ratio[kinked] = along.ratio[wrong].max()


def _ask_complex_step(found: Verdicts, result: Result, function: Function) -> tuple[str, ...]:
    """A second opinion on all entries but those at a kink, where it would be one-sided."""
    entries = np.flatnonzero(found.verdict == OK)
    if entries.size == 0:
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            slopes = complex_slopes(function, entries, result.value, result.noise)
    except (TypeError, ValueError, np.exceptions.ComplexWarning) as error:
        text = str(error).partition("\n")[0]
        return (f"is declared analytic, but does not take complex numbers: {text}",)
    entries, slopes = entries[~np.isnan(slopes)], slopes[~np.isnan(slopes)]
    g = result.analytic[entries]
    largest = max(np.abs(g).max(initial=0), np.abs(slopes).max(initial=0))
    bound = COMPLEX_RTOL * largest + EPS * max(1.0, abs(result.value))
    ratio = np.abs(g - slopes) / bound
    wrong = ~(ratio <= 1)
    found.ratio[entries] = np.maximum(found.ratio[entries], ratio)
    found.verdict[entries[wrong]] = WRONG
    found.numeric[entries[wrong]] = slopes[wrong]
    return ()
