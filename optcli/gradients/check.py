"""Check an analytic gradient by finite differences and, where possible, the complex step.

The verdict is right, wrong or not checked: differences prove nothing about a function
computed to seven digits, or one whose slopes are smaller than its rounding error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.core.randomness import generator
from optcli.gradients import taylor
from optcli.gradients.differences import (
    COMPLEX_REFUSALS,
    EPS,
    KINK,
    OK,
    RTOL,
    STEP,
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
from optcli.gradients.functions import Function, PlainFunction
from optcli.gradients.result import Result

SIGNS = 8  # random directions over the entries at a kink
OTHER_DIRECTIONS = 3  # tries to replace directions along which the slope is hidden
# Tolerance of the complex step, relative to the largest entry.
COMPLEX_RTOL = 1e-12
# The largest noise, relative to f and its gradient, with which differences prove anything.
NOISIEST = 1e-8
# The same along directions, whose longer steps show slopes even of float32: relative to f, and
# to the effect of the rounding of x.
NOISIEST_ALONG, ROUNDED_ALONG = 1e-11, 1e3
# Where slopes are seen at kinks only, one above this part of the largest must be seen itself.
HIDDEN = 1e-2
# From this |x| on the rounding of x may explain the noise of f, up to this factor.
LARGE, ROUNDED = 1e5, 4.0
# Digits of f: the range of float32 results; fewer than any arithmetic leaves; and enough for
# differences.
FLOAT32, FEWEST, ENOUGH = (5.0, 10.0), 5.0, 12.5


@dataclass(frozen=True)
class How:
    """Options of a check.

    fast: random projections instead of entries. analytic: f accepts complex numbers and is
    analytic between its kinks, so that the complex step is used, too. convex: f is convex at
    its kinks, where the gradient must be a subgradient. projections: the number of random
    directions, if fast.
    """

    fast: bool = False
    analytic: bool = False
    convex: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)
    seed: int = 0
    projections: int = taylor.PROJECTIONS


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

    f: takes an array of x's shape and returns one float64, deterministically. gradient: an
    array of x's shape, or a function of x that returns one. x: numbers, not at the edge of
    f's domain. vectorized: f takes (K, *x.shape) and returns (K,), which is much faster.
    complex_step: f accepts complex numbers and is analytic (no abs, no norm, no real parts);
    the gradient must then agree to 1e-12 of its largest entry, unless the differences
    contradict the complex step. convex: f is convex at its kinks. fast: check 8 random
    directions instead of every entry. rtol, atol: relative tolerance, and absolute tolerance
    beside the one set by the noise of f, about 4e-10·max(1, |f|).

    The result is true, as in `assert optcli.gradcheck(…)`, if every entry is right or, at a
    kink, lies between the slopes of both sides. Its `outcome` is `right`, `wrong` or
    `not checked`; `reason` says why it could not be checked.

    Raises InvalidInput for an x, f or gradient of another kind.

        >>> import optcli
        >>> import numpy as np
        >>> x = np.array([1.0, -2.0])
        >>> optcli.gradcheck(lambda x: (x**3).sum(), lambda x: 3 * x**2, x).outcome
        'right'
    """
    try:
        x = np.array(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"x is not an array of numbers: {error}") from error
    if not np.isfinite(x).all():
        raise InvalidInput("x holds values that are not finite; f must be defined around x")
    if x.size == 0:
        raise InvalidInput("x is empty; there is nothing to check")
    found = gradient(x.copy()) if callable(gradient) else gradient
    g = np.asarray(found, dtype=np.float64)
    if g.shape != x.shape:
        raise InvalidInput(f"the gradient has shape {g.shape}, x has {x.shape}; must be the same")
    how = How(fast, complex_step, convex, Tolerance(rtol, atol), seed)
    return check(PlainFunction(f, x, vectorized=vectorized), g.ravel(), how, name)


def check(function: Function, gradient: Array, how: How, name: str = "gradcheck") -> Result:
    """Check each entry of the gradient (P,) of a function at its x."""
    random = generator(how.seed, "gradcheck")
    with np.errstate(all="ignore"):
        f0 = float(function.moved(np.array([0]), function.x[:1])[0])
        result = Result(
            name=name,
            analytic=gradient,
            numeric=np.full(gradient.shape, np.nan),
            ratio=np.full(gradient.shape, np.inf),
            verdict=np.full(gradient.shape, UNRESOLVED),
            labels=Labels(function),
            value=f0,
            noise=np.nan,
            seen=np.zeros(gradient.shape, bool),
        )
        if not np.isfinite(f0):
            return replace(result, reason=f"f(x) is {f0}; check at a point where f is finite")
        noise = noise_of(function, f0, random)
        result = replace(
            result, noise=noise, verdict=np.where(np.isfinite(gradient), UNRESOLVED, WRONG)
        )
        steepest = np.abs(gradient[np.isfinite(gradient)]).max(initial=0)
        if noise > NOISIEST * max(1, abs(f0), steepest):
            return replace(result, reason=_noisy(result, function.x))
        if how.fast and np.isfinite(gradient).all():
            rounding = EPS * float(np.linalg.norm(function.x * gradient))
            least = max(NOISIEST_ALONG * max(1.0, abs(f0)), ROUNDED_ALONG * rounding)
            if noise > least:
                return replace(result, reason=_noisy(result, function.x))
        if how.fast:
            return _projected(result, function, how, random)
        entries = np.arange(gradient.size)
        found = slopes_of_entries(function, gradient, f0, noise, how.tolerance, entries)
        if how.convex and (found.verdict == KINK).any():
            _ask_directions(found, result, function, how, random)
        notes = _ask_complex_step(found, result, function) if how.analytic else ()
    return _judged(replace(result, notes=notes), found, function.x)


def _judged(result: Result, found: Verdicts, x: Array) -> Result:
    """The result with its verdicts, and the reason if they prove nothing."""
    verdict, reason = found.verdict, ""
    not_finite = ~np.isfinite(result.analytic)
    if found.seen.any() and not (found.seen & (verdict == OK)).any():
        # steps that skip whole periods look like a kink, which proves nothing of the others
        slopes = np.maximum(np.abs(result.analytic), np.abs(np.nan_to_num(found.numeric)))
        largest = float(slopes[found.seen].max(initial=0))
        hidden = (verdict == OK) & (slopes > HIDDEN * largest)
        verdict = np.where(hidden, UNRESOLVED, verdict)
    if not found.seen.any() and not not_finite.any():
        reason = _unseen(result, found, x)
        # where no slope exceeds the noise, nothing is proved wrong
        verdict = np.where(verdict == WRONG, UNRESOLVED, verdict)
    elif (verdict == UNRESOLVED).any() and not (verdict == WRONG).any():
        reason = _unresolved(result, replace(found, verdict=verdict), x)
    return replace(
        result,
        numeric=found.numeric,
        ratio=np.where(np.isnan(found.ratio), np.inf, found.ratio),
        verdict=verdict,
        seen=found.seen,
        reason=reason,
    )


def _noisy(result: Result, x: Array) -> str:
    """Why a noisy function cannot be checked."""
    f0, noise = result.value, result.noise
    if len(result.analytic) == x.size:
        # the effect on f of half a unit in the last place of x
        products = np.abs(x * np.nan_to_num(result.analytic))
        if noise <= ROUNDED * EPS * float(products.max(initial=0)) and np.abs(x).max() > LARGE:
            largest = float(np.abs(x).max())
            return (
                f"steps of x = {largest:.3g} are lost in rounding: f changes faster than x has "
                "digits; check nearer to 0, or shift x"
            )
    digits = float(-np.log10(noise / max(1.0, abs(f0))))
    if FLOAT32[0] <= digits <= FLOAT32[1]:
        return "f has about 7 digits (float32?); compute in float64"
    if digits < FEWEST:
        return (
            f"f has noise of about {noise:.1g} around x, too much for differences; "
            "is it random without a seed, rounded, or discontinuous?"
        )
    return f"f has about {digits:.0f} digits, too few for differences; compute in float64"


def _unseen(result: Result, found: Verdicts, x: Array) -> str:
    """Why no slope exceeds the noise."""
    f0, noise = abs(result.value), result.noise
    if not np.isfinite(found.numeric).any():
        return _unresolved(result, found, x)
    if noise > 10**-ENOUGH * max(1.0, f0):
        return _noisy(result, x)
    slopes = np.maximum(np.abs(result.analytic), np.abs(np.nan_to_num(found.numeric)))
    largest = float(slopes.max(initial=0))
    if not largest:
        return (
            "f does not change around x by more than its rounding error; there is nothing to check"
        )
    lost = 10 * noise / STEP / max(1.0, float(np.abs(x).max(initial=0)))
    text = (
        f"the slopes (at most {largest:.1g}) are below the rounding error of f (about {lost:.1g})"
    )
    if f0 > 1:
        return f"{text}; remove large constants from f, or check at another point"
    return f"{text}; multiply f and its gradient by a large number, or check at another point"


def _unresolved(result: Result, found: Verdicts, x: Array) -> str:
    """Why some entries are neither right nor wrong."""
    open_ = np.flatnonzero(found.verdict == UNRESOLVED)
    nowhere = open_[~np.isfinite(found.numeric[open_])]
    at = nowhere if nowhere.size else open_
    where = result.labels[int(at[0])] if at.size else "x"
    others = f" and {at.size - 1} more" if at.size > 1 else ""
    if nowhere.size or not at.size:
        return f"f is not finite around {where}{others}; check inside its domain"
    if x.size == len(found.verdict) and abs(x[at[0]]) > 1e3:
        size = f"{where}{others}, where x is {x[at[0]]:.3g}"
        return f"steps are lost in rounding at {size}; f changes faster than x has digits"
    return f"the differences do not converge at {where}{others}; f changes too fast, or is noisy"


class Labels(Sequence[str]):
    """The names of a function's entries, made on demand."""

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
    v = taylor.directions(function.x, random, how.projections)
    g = result.analytic
    found = taylor.projections(function, g, result.value, result.noise, how.tolerance, v)
    for _ in range(OTHER_DIRECTIONS):  # a kink or a sharp bend nearby hides the slope of some
        hidden = np.flatnonzero(found.verdict == UNRESOLVED)
        if not 0 < hidden.size < len(v) or (found.verdict == WRONG).any():
            break
        v[hidden] = taylor.directions(function.x, random, hidden.size)
        others = taylor.projections(
            function, g, result.value, result.noise, how.tolerance, v[hidden]
        )
        found.put(hidden, others)
    result = replace(
        result,
        analytic=v @ g,
        labels=[f"direction {i + 1}" for i in range(len(v))],
        unit="projections",
        problems=tuple(
            f"{function.label(int(i))} is {g[i]}" for i in np.flatnonzero(~np.isfinite(g))[:3]
        ),
    )
    return _judged(result, found, function.x)


def _ask_directions(
    found: Verdicts, result: Result, function: Function, how: How, random: np.random.Generator
) -> None:
    """Check, at kinks of a convex function, that the gradient is a subgradient.

    A check by entry would accept a gradient of 1 for both of two equal largest numbers.
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
    """Check all entries that are not at a kink by the complex step, too.

    Where differences confirm the complex step, its higher accuracy decides; where they
    contradict it, the function is not analytic, and it is ignored. Returns notes.
    """
    entries = np.flatnonzero(found.verdict == OK)
    if entries.size == 0:
        return ()
    try:
        slopes = complex_slopes(function, entries, result.value, result.noise)
    except COMPLEX_REFUSALS as error:
        text = str(error).partition("\n")[0]
        return (f"is declared analytic, but does not accept complex numbers: {text}",)
    known = ~np.isnan(slopes)
    entries, slopes = entries[known], slopes[known]
    g, numeric = result.analytic[entries], found.numeric[entries]
    # the largest difference between a right slope and the central difference
    allowed = 10 * result.noise / STEP * 2 + 1e-5 * np.maximum(np.abs(g), np.abs(numeric))
    contradicted = np.abs(slopes - numeric) > np.maximum(allowed, 2 * np.abs(g - numeric))
    if contradicted.any():
        return (
            "is declared analytic, but the complex step contradicts the differences; "
            "does it use abs, a norm or real parts?",
        )
    largest = max(np.abs(g).max(initial=0), np.abs(slopes).max(initial=0))
    bound = COMPLEX_RTOL * largest + EPS * max(1.0, abs(result.value))
    ratio = np.abs(g - slopes) / bound
    wrong = ~(ratio <= 1)
    found.ratio[entries] = np.maximum(found.ratio[entries], ratio)
    found.verdict[entries[wrong]] = WRONG
    found.numeric[entries[wrong]] = slopes[wrong]
    found.seen[entries[np.abs(slopes) > 0]] = True
    return ()
