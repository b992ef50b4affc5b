"""Performance profiles over several configs (Dolan and Moré 2002)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optcli.comparison.diverged_values import checked
from optcli.core.arrays import Array

CAP = 4.0  # a ratio of steps beyond this counts as this


@dataclass(frozen=True)
class Performance:
    """One optimizer across configs.

    ratios: its steps over the fewest of any, for each config that somebody solved; inf
    where it did not. score: the mean height of its profile between 1 and 4. average_rank:
    1 is best, ties share. speed_up: over the reference, the geometric mean, where a ratio
    beyond 4 or below 1/4 counts as that.
    """

    label: str
    ratios: tuple[float, ...]
    score: float
    average_rank: float
    speed_up: float

    def height(self, tau: ArrayLike) -> Array:
        """The share of configs solved within tau (T,) times the fewest steps, (T,)."""
        return np.asarray(np.mean(np.less_equal.outer(self.ratios, tau), axis=0))


@dataclass(frozen=True)
class Profile:
    """A performance profile (Dolan and Moré 2002): no verdict, a summary of several.

    With more than two optimizers it compares each with the best, not with each other.
    configs: those that count. unsolved: those left out, where none reached the target.
    reference: what the speed-up is over.
    """

    configs: tuple[str, ...]
    unsolved: tuple[str, ...]
    reference: str
    performances: tuple[Performance, ...]


def profile(
    steps: Mapping[str, ArrayLike], configs: Sequence[str], reference: str | None = None
) -> Profile:
    """Summarize steps to target (K,), the median in each of K configs, by label.

    inf where the target was not reached. reference: a label, by default the first. Where
    no config is solved there are no performances.
    """
    labels = list(steps)
    over = labels[0] if reference is None else reference
    times = np.stack([_steps(steps[label]) for label in labels])
    solved = np.isfinite(times).any(axis=0)
    times = times[:, solved]
    ratios = times / times.min(axis=0)
    less = (times[None] < times[:, None]).sum(axis=1)
    equal = (times[None] == times[:, None]).sum(axis=1)
    ranks = less + (equal + 1) / 2
    with np.errstate(invalid="ignore"):
        speed = times[labels.index(over)] / times
    speed = np.where(np.isnan(speed), 1.0, np.clip(speed, 1 / CAP, CAP))  # NaN: neither solved
    performances = [
        Performance(
            label=label,
            ratios=tuple(ratios[row].tolist()),
            score=float(np.mean(CAP - np.minimum(ratios[row], CAP)) / (CAP - 1)),
            average_rank=float(np.mean(ranks[row])),
            speed_up=float(np.exp(np.mean(np.log(speed[row])))),
        )
        for row, label in enumerate(labels)
        if solved.any()
    ]
    return Profile(
        configs=tuple(c for c, is_solved in zip(configs, solved, strict=True) if is_solved),
        unsolved=tuple(c for c, is_solved in zip(configs, solved, strict=True) if not is_solved),
        reference=over,
        performances=tuple(performances),
    )


def _steps(values: ArrayLike) -> Array:
    """Steps to the target as float64: at least 1, or inf."""
    x = checked(values)
    if np.any(x < 1):
        raise ValueError("a target is reached after 1 step at the earliest")
    return x
