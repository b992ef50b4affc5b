"""Tuning: the same number of settings for each entry, and the choice of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optcli.core.specs import fields
from optcli.optimizers.base import Optimizer
from optcli.training.task import Task

DECADES = 2.0  # of learning rate to each side of the optimizer's own default
EXTENSION = 3  # rates added, once, where the best lies on the edge

# Ranges of further hyperparameters, in powers of ten: of the value, or of 1 − value.
SPACE = {"eps": (-10.0, -3.0), "weight_decay": (-5.0, -1.0)}
SPACE_FROM_ONE = {
    "momentum": (-2.0, 0.0),
    "beta1": (-2.0, 0.0),
    "beta2": (-4.0, -1.0),
    "rho": (-3.0, -0.3),
}


@dataclass(frozen=True)
class Competitor:
    """One that takes part.

    label: what it is called. task: what it trains. optimizer: its rule, with what the user
    fixed; `fixed` are the names of that. rates: the learning rates to try, where the user
    gave them.
    """

    label: str
    task: Task
    optimizer: Optimizer
    fixed: frozenset[str] = frozenset()
    rates: tuple[float, ...] = ()

    def candidates(self, rates: int, budget: int | None = None) -> list[Optimizer]:
        """The settings to try first, each once.

        The user's learning rates; else `rates` of them around the default, and that itself;
        with a budget, so many settings of all hyperparameters that are not fixed.
        """
        if self.rates:
            return [replace(self.optimizer, lr=rate) for rate in self.rates]
        if budget is not None:
            return draw(self.optimizer, self.fixed, budget)
        return [replace(self.optimizer, lr=rate) for rate in grid(self.optimizer.lr, rates)]

    @property
    def tunable(self) -> bool:
        """Whether its learning rate is to be found, beyond the edge if need be."""
        return not self.rates


def grid(default: float, count: int) -> list[float]:
    """`count` rates, evenly spaced in logarithm, two decades to each side, and the default."""
    if count == 1:
        return [default]
    powers = np.linspace(-DECADES, DECADES, count)
    # the one in the middle is the default itself, whatever its digits: as many for everyone
    return sorted({float(f"{default * 10**power:.3g}") for power in powers if power} | {default})


def extension(rates: Sequence[float], chosen: float) -> list[float]:
    """Three more rates beyond the edge of the range that `chosen` lies on, or none."""
    ordered = sorted(set(rates))
    if len(ordered) < 3 or chosen not in (ordered[0], ordered[-1]):
        return []
    step = (ordered[-1] / ordered[0]) ** (1 / (len(ordered) - 1))
    step = 1 / step if chosen == ordered[0] else step
    return [float(f"{chosen * step**k:.3g}") for k in range(1, EXTENSION + 1)]


def draw(optimizer: Optimizer, fixed: frozenset[str], count: int) -> list[Optimizer]:
    """The settings as they are, and count − 1 drawn from the declared space.

    Quasi-random: Halton's sequence, which fills the space more evenly than chance.
    """
    space = {"lr": (optimizer.lr, -DECADES, DECADES)} if "lr" not in fixed else {}
    for field in fields(type(optimizer)):
        if field.name in fixed or not isinstance(getattr(optimizer, field.name), float):
            continue
        if field.name in SPACE:
            space[field.name] = (1.0, *SPACE[field.name])
        elif field.name in SPACE_FROM_ONE:
            space[field.name] = (-1.0, *SPACE_FROM_ONE[field.name])
    found = {optimizer: None}
    for number in range(1, 2 * count) if space else ():
        if len(found) == count:
            break
        values = {}
        for (name, (unit, low, high)), base in zip(space.items(), PRIMES, strict=False):
            power = 10 ** (low + (high - low) * halton(number, base))
            value = unit * power if unit > 0 else 1 - power
            values[name] = float(f"{value:.4g}")
        found[replace(optimizer, **values)] = None  # the first point is the default, of lr alone
    return list(found)


PRIMES = (2, 3, 5, 7, 11, 13)


def halton(number: int, base: int) -> float:
    """The digits of `number` mirrored at the point: the number-th of Halton's sequence (1960)."""
    value, weight = 0.0, 1 / base
    while number:
        number, digit = divmod(number, base)
        value, weight = value + digit * weight, weight / base
    return value


def mean(values: Sequence[float]) -> float:
    """The mean, infinite as soon as one value is."""
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.inf


def ranked(values: Mapping[Optimizer, Sequence[float]]) -> list[Optimizer]:
    """The settings by their mean over the tuning seeds; of equals the smaller rate first.

    A diverged seed is infinite.
    """
    return sorted(values, key=lambda optimizer: (mean(values[optimizer]), optimizer.lr))


def best_of(values: Mapping[Optimizer, Sequence[float]], count: int) -> list[Optimizer]:
    """The first `count` of them, of those that did not diverge; one at least."""
    first, *others = ranked(values)[:count]
    return [first, *(own for own in others if math.isfinite(mean(values[own])))]
