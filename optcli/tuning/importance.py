"""Importance: how much of the score each key explains by itself.

For each key, the settings of the first round are put into groups by their value (each choice is
one; numbers are cut into groups of equal size), and ω² is the share of the variance of the
score's ranks that lies between groups, less what chance would put there: the main effect of a
one-way analysis of variance. W. L. Hays, Statistics for psychologists, 1963.

Ranks are of use as scores are skewed and a diverged run has none. What keys do together does not
count for any of them, so that the shares sum to less than 1 where they interact; with few
settings they are rough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optcli.core.arrays import Array

METHOD = "main effect: omega squared of the ranks of the first round's scores, by groups of values"
LEAST = 6  # settings
A_GROUP = 10  # settings of one group of numbers, about


def shares(
    values: Mapping[str, Sequence[Any]], choices: Mapping[str, bool], scores: Sequence[float]
) -> dict[str, float | None]:
    """ω² of each key, in [0, 1]; None where there are too few settings.

    values: of each key, one a setting; choices: whether they are a choice, not numbers. scores:
    one a setting, infinite where it diverged.
    """
    ranks = _ranks(np.array(scores, np.float64))
    return {key: _share(_groups(own, choices[key]), ranks) for key, own in values.items()}


def _ranks(scores: Array) -> Array:
    """Ranks from 0; equals share their mean."""
    order = np.unique(scores, return_inverse=True)[1].ravel()
    counts = np.bincount(order)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    found: Array = (starts + (counts - 1) / 2)[order]
    return found


def _groups(values: Sequence[Any], choice: bool) -> Array:
    """The group of each setting, (N,)."""
    if choice:
        texts = list(map(repr, values))
        places = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        return np.array([places[text] for text in texts])
    count = int(np.clip(len(values) // A_GROUP, 3, 6))
    ranks = _ranks(np.array(values, np.float64))
    found: Array = np.minimum((ranks * count / len(values)).astype(int), count - 1)
    return found


def _share(groups: Array, ranks: Array) -> float | None:
    kinds = np.unique(groups)
    count = len(ranks)
    whole = float(((ranks - ranks.mean()) ** 2).sum())
    if count < LEAST or len(kinds) >= count:
        return None
    if len(kinds) < 2 or whole == 0:
        return 0.0
    members = [ranks[groups == kind] for kind in kinds]
    within = float(sum(((own - own.mean()) ** 2).sum() for own in members))
    noise = within / (count - len(kinds))
    omega = (whole - within - (len(kinds) - 1) * noise) / (whole + noise)
    return float(np.clip(omega, 0.0, 1.0))
