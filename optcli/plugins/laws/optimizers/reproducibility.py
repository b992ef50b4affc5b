"""Laws of the same bits: repeated, resumed, beside others, and in tiles and plans of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from optcli.optimizers.base import Optimizer, Shaped
from optcli.plugins.laws.base import allowed, rounding, same
from optcli.plugins.laws.optimizers.walk import STATE, STEPS_OF_TILES, Walk, fit, values, walk


def repeats(rule: Optimizer) -> str:
    """Whether the same steps give the same numbers twice."""
    given = fit(rule, 2)
    if same(walk([rule] * 2, given), walk([rule] * 2, given)):
        return ""
    return (
        "the same steps give other numbers the second time: keep state in arrays, as in "
        f"{STATE}, not in globals; count steps by the t of coefficients; random numbers come as "
        "a parameter `noise`"
    )


def keeps_nothing_in_scratch(rule: Optimizer) -> str:
    """Whether scratch arrays may hold anything when a step begins."""
    given = fit(rule, 2)
    at = Walk([replace(rule)] * 2, given)
    at.plan(0, given.steps)
    for t in range(given.steps):
        at.spoil(np.nan)
        at.step(t, t)
    if same(at.found(), walk([rule] * 2, given)):
        return ""
    return (
        "reads a scratch array before it has written it: scratch holds nothing from step to "
        f"step; what must last belongs in the state, as in {STATE}"
    )


def keeps_its_state_in_arrays(rule: Optimizer) -> str:
    """Whether two runs side by side do not meet, and one that is resumed has the same bits."""
    given = fit(rule, 2)
    one, other = given.of(0), given.of(1)
    expected = walk([rule], one)
    own = replace(rule)
    first, second = Walk([own], one), Walk([own], other)
    first.plan(0, given.steps)
    second.plan(0, given.steps)
    for t in range(given.steps):
        second.step(t, t)
        first.step(t, t)
    if not same(first.found(), expected):
        return (
            "two runs side by side disturb each other: it keeps state on self, on the class or "
            f"in globals; keep it in state arrays, as in {STATE}"
        )
    # after every step, since a rule may compute anew now and then what it has kept elsewhere
    after = Walk([replace(rule)], one).go(0, 1)
    for t in range(1, given.steps):
        before, after = after, Walk([replace(rule)], one)
        after.restore(before.x, before.saved())
        after.go(t, t + 1)
    if same(after.found(), expected):
        return ""
    return (
        "a resumed run differs from one that never stopped: not all of its state is in arrays; "
        f"keep it there, as in {STATE}, and count steps by the t of coefficients"
    )


def is_alone_in_company(rule: Optimizer) -> str:
    """Whether each run of a cohort has the bits of that run alone, whatever the others are."""
    company = [rule, *_varied(rule), rule]
    given = fit(rule, len(company))
    gradients = given.gradients.copy()
    gradients[[0, 1, 4], 0] = 0  # of a run that has none: no `if` may stand for all rows
    given = replace(given, gradients=gradients)
    together = walk(company, given)
    differing = []
    for r, each in enumerate(company):
        if not same(walk([each], given.of(r))[0], together[r]):
            differing.append(r)
    if not differing:
        return ""
    a, b = walk([rule] * 2, given.of(0, 1)), walk([rule], given.of(0))
    if same(a[0], b[0]):
        read = [name for name in values(rule) if _shared(rule, name)]
        what = f"self.{read[0]}" if read else "hyperparameters on self"
        return (
            "a run trained alongside others differs from the same run trained alone"
            f": update reads {what}, which is that of "
            "one run; return it from coefficients, which have one number for each"
        )
    if rounding(a[0], b[0]):
        return (
            "a run trained alongside others differs from the same run trained alone"
            " in the last digits: take sums row by "
            "row (optcli.optimizers.base.dot, norm) and powers with optcli.optimizers.base.power"
        )
    return (
        "a run trained alongside others differs from the same run trained alone"
        ": update looks at all rows together; x has "
        "one row for each run, so that sums and norms go over axis 1, and arrays as a whole are "
        "for Shaped (norm, dot in optcli.optimizers.base)"
    )


def _varied(rule: Optimizer, names: Sequence[str] | None = None) -> list[Optimizer]:
    """Rules of the same kind with other numbers: the learning rate, then all."""
    found = []
    numbers = {
        name: other
        for name, value in values(rule).items()
        if (other := _other(rule, name, value)) is not None
    }
    for changes in [{"lr": rule.lr * 0.7}, {"lr": rule.lr * 1.4, **numbers}]:
        chosen = {n: v for n, v in changes.items() if names is None or n in names}
        try:
            found.append(replace(rule, **chosen))
        except Exception:  # together they do not go
            continue
    return found


def _other(rule: Optimizer, name: str, value: Any) -> float | None:
    """Another value of a number that may differ within a cohort; None where there is none."""
    if name == "lr" or name in rule.structure or not isinstance(value, float):
        return None
    for other in (value * 0.9, value * 1.1):
        if other != value and allowed(type(rule), name, other):
            return other
    return None


def _shared(rule: Optimizer, name: str) -> bool:
    """Whether a neighbour with another value of this hyperparameter changes a run."""
    given = fit(rule, 2)
    others = _varied(rule, [name])
    return any(
        not same(walk([rule, other], given)[1], walk([other], given.of(1))[0])
        for other in others
        if other != rule
    )


def minds_no_diverged_neighbour(rule: Optimizer) -> str:
    """Whether a run beside one that has diverged goes on as ever."""
    given = fit(rule, 3)
    gradients, losses = given.gradients.copy(), given.losses.copy()
    gradients[3:, 1], losses[3:, 1] = np.nan, np.nan
    spoiled = replace(given, gradients=gradients, losses=losses)
    expected = walk([rule] * 3, given)
    if same(walk([rule] * 3, spoiled)[[0, 2]], expected[[0, 2]]):
        return ""
    return (
        "a run changes when its neighbour's gradient is no longer finite: update looks at all "
        "rows together; decide row by row, with np.where"
    )


def minds_no_tile(rule: Optimizer) -> str:
    """Whether the size of the tiles in which parameters are moved makes no difference."""
    if isinstance(rule, Shaped):
        return ""
    two = fit(rule, 2).first(STEPS_OF_TILES)
    for given, tile in ((two, 7), (two, 99), (two.of(0), 3)):
        rules = [rule] * len(given.x)
        if not same(walk(rules, given, tile=tile), walk(rules, given)):
            return (
                "update looks at several parameters together, but gets them tile by tile: "
                "derive from Shaped, whose update gets whole arrays (whole = True: all "
                "parameters in one)"
            )
    return ""


def minds_no_plan(rule: Optimizer) -> str:
    """Whether coefficients follow from t alone, however many steps are asked for at once."""
    given = fit(rule, 2)
    expected = walk([rule] * 2, given)
    for plan in (1, 5):
        found = walk([rule] * 2, given, plan=plan)
        if same(found, expected):
            continue
        if rounding(found, expected):
            return (
                "coefficients have other last digits when fewer steps are asked for: take powers "
                "with optcli.optimizers.base.power"
            )
        return (
            "coefficients depend on how many steps are asked for at once: t has shape (K, 1, 1), "
            "and each result must follow from its own t alone"
        )
    return ""
