"""Laws of a step: it writes x alone, acts by lr, goes downhill, decays once, stays finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.optimizers.base import Optimizer
from optcli.plugins.laws.base import same
from optcli.plugins.laws.optimizers.walk import Walk, defaults, fit, values, walk


def moves(rule: Optimizer) -> str:
    """Whether x has moved, and stays finite."""
    usual = defaults(rule)
    given = fit(rule, 2)
    at = Walk([replace(usual)] * 2, given)
    returned = _returned(at)
    at.go()
    moved = (at.found() != given.x[:, None]).any(axis=(1, 2))
    if moved.all():
        return ""
    if returned:
        return (
            "x has not moved: update must write into x, as in np.subtract(x, step, x); "
            "its return value is ignored"
        )
    return (
        f"x has not moved in {given.steps} steps: update must write into x, as in "
        "np.subtract(x, step, x); `x = x - step` only makes a new array"
    )


def _returned(at: Walk) -> list[Any]:
    """What `update` returns, filled in as the walk goes on."""
    found: list[Any] = []

    def noting(update: Callable[..., Any]) -> Callable[..., None]:
        def noted(*arguments: Any) -> None:
            answer = update(*arguments)
            if answer is not None:
                found.append(answer)

        return noted

    for group in at.stepper.groups:
        group.calls = [call._replace(update=noting(call.update)) for call in group.calls]
    return found


def leaves_what_it_is_given(rule: Optimizer) -> str:
    """Whether the gradient and the coefficients are as they were after each step."""
    given = fit(rule, 2)
    at = Walk([replace(rule)] * 2, given)
    changed: list[str] = []

    def watching(update: Callable[..., Any], held: dict[str, Array]) -> Callable[..., None]:
        def watched(*arguments: Any) -> None:
            before = {name: array.copy() for name, array in held.items()}
            update(*arguments)
            changed.extend(name for name, kept in before.items() if not same(held[name], kept))

        return watched

    for group in at.stepper.groups:
        g = [c.decayed if group.decays and group.coupled else c.g for c in group.calls]
        held = [{"g": g, **b.numbers} for g, b in zip(g, group.blocks, strict=True)]
        group.calls = [
            call._replace(update=watching(call.update, each))
            for call, each in zip(group.calls, held, strict=True)
        ]
    at.go(0, 3)
    if not changed:
        return ""
    if "g" in changed:
        return (
            "update changes the gradient g, which others still read; write into a scratch array "
            "instead (scratch = ('s', 'w') gives two)"
        )
    return f"update changes its coefficients ('{changed[0]}'); write into a scratch array instead"


def follows_the_rate(rule: Optimizer) -> str:
    """Whether a schedule of lr is the hyperparameter step by step, and lr has an effect."""
    given = fit(rule, 1)
    # twice the rate from the start: by a schedule, and by the hyperparameter
    by_schedule = Walk([replace(rule)], given, factors=np.full(given.steps, 2.0))
    by_number = Walk([replace(rule, lr=2 * rule.lr)], given)
    by_schedule.plan(0, given.steps)
    by_number.plan(0, given.steps)
    by_number.restore(by_schedule.x, by_schedule.saved())  # `start` may look at the rate
    for t in range(given.steps):
        by_schedule.step(t, t)
        by_number.step(t, t)
    if not same(by_schedule.found(), by_number.found()):
        return (
            "a schedule of lr does not reach all of it: return what it needs of lr from "
            "coefficients, where self.lr is the scheduled rate; in update it is the initial rate"
        )
    usual = defaults(rule)
    if all(
        same(walk([usual], given), walk([replace(usual, lr=factor * usual.lr)], given))
        for factor in (3, 0.02)  # powers of 2 leave the bits of many rules
    ):
        return (
            "lr has no effect on where it goes, so that schedules and tuning have none: return "
            "self.lr from coefficients and multiply the step by it"
        )
    return ""


def goes_downhill(rule: Optimizer) -> str:
    """Whether a rule moves against a gradient that stays the same, with its defaults."""
    usual = defaults(rule)
    given = fit(usual, 1)
    steady = replace(given, gradients=np.broadcast_to(given.gradients[:1], given.gradients.shape))
    at = Walk([replace(usual)], steady)
    if rule.needs_oracle or at.stepper.groups[0].streams:  # it looks elsewhere, or at random
        return ""
    model = at.go().found()[:, 1]
    if not float(np.vdot(model - given.x, given.gradients[0])) > 0:
        return ""
    return (
        "it climbs: it moves along the gradient, not against it; subtract the step, as in "
        "np.subtract(x, step, x)"
    )


def decays_once(rule: Optimizer) -> str:
    """Whether `weight_decay` is applied once: from outside, or by a rule that says so."""
    if "weight_decay" not in values(rule):
        return ""
    cls = type(rule)
    # the same rule, with nobody to apply the decay but itself
    own = defaults(rule)
    if cls.decay != "own":
        place = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
        own = type(cls.__name__, (cls,), {"decay": "own", **place})(**values(rule))
    given = fit(rule, 1)
    decays: list[dict[str, Any]] = [{"weight_decay": 0.1}, {"weight_decay": 0.2}]
    try:
        one, other = (replace(own, **changed) for changed in decays)
    except Exception:  # such a decay is not allowed
        return ""
    acts = not same(walk([one], given), walk([other], given))
    if acts and cls.decay != "own":
        return (
            "weight_decay is applied twice: optcli applies it from outside, and so does the rule; "
            'set decay = "own" on the class, or leave it out of coefficients and update'
        )
    if not acts and cls.decay == "own":
        return (
            'weight_decay has no effect: decay = "own" says that the rule applies it; leave that '
            "out, and optcli does"
        )
    return ""


def stays_finite(rule: Optimizer) -> str:
    """Whether numbers stay finite, with parameters that have no gradient, in both dtypes."""
    usual = defaults(rule)
    for dtype in (np.float64, np.float32):
        given = fit(rule, 1, dtype)
        words = f"in {np.dtype(dtype).name}, with default hyperparameters,"
        if not np.isfinite(walk([usual], given)).all():
            return (
                f"{words} x is not finite after {given.steps} steps; divide by √v + eps, not by √v"
            )
        x, gradients = given.x.copy(), given.gradients.copy()
        gradients[..., ::2] = 0
        gradients[..., -5:] = 0
        x[:, -5:] = 0
        still = replace(given, x=x, gradients=gradients)
        if not np.isfinite(walk([usual], still)).all():
            return (
                f"{words} a parameter whose gradient is 0 becomes nan or inf: add a small "
                "eps to what is divided by"
            )
    return ""
