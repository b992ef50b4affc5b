"""Performance profiles over several configs (Dolan and Moré 2002): a picture, no verdict.

With more than two optimizers a profile compares each with the best, not with each other; its
order changes with who takes part. What may be claimed of several configs is in `across`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optcli.comparison.diverged_values import checked
from optcli.core.arrays import Array

CAP = 4.0  # the largest ratio of steps that is drawn


@dataclass(frozen=True)
class Profile:
    """Steps of each optimizer over the fewest of any, config by config.

    configs: those that count. unsolved: those left out, where none reached the target. ratios: by
    label, for each config that counts; inf where the target was not reached.
    """

    configs: tuple[str, ...]
    unsolved: tuple[str, ...]
    ratios: dict[str, tuple[float, ...]]

    def height(self, label: str, tau: ArrayLike) -> Array:
        """The share of configs solved within tau (T,) times the fewest steps, (T,)."""
        return np.asarray(np.mean(np.less_equal.outer(self.ratios[label], tau), axis=0))


def profile(steps: Mapping[str, ArrayLike], configs: Sequence[str]) -> Profile:
    """Compare steps to target (K,), the median in each of K configs, by label.

    inf where the target was not reached. Where no config is solved there are no ratios.
    """
    times = np.stack([_steps(own) for own in steps.values()])
    solved = np.isfinite(times).any(axis=0)
    times = times[:, solved]
    ratios = times / times.min(axis=0)
    return Profile(
        configs=tuple(c for c, is_solved in zip(configs, solved, strict=True) if is_solved),
        unsolved=tuple(c for c, is_solved in zip(configs, solved, strict=True) if not is_solved),
        ratios={
            label: tuple(own.tolist())
            for label, own in zip(steps, ratios, strict=True)
            if solved.any()
        },
    )


def _steps(values: ArrayLike) -> Array:
    """Steps to the target as float64: at least 1, or inf."""
    x = checked(values)
    if np.any(x < 1):
        raise ValueError("a target is reached after 1 step at the earliest")
    return x
