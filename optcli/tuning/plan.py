"""Plan: how many settings train how long, round by round.

Successive halving: K. Jamieson and A. Talwalkar, Non-stochastic best arm identification and
hyperparameter optimization, 2016. Each round keeps the best third and trains it three times as
long, so that all rounds cost about the same; the last one trains the whole length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optcli.core.randomness import generator
from optcli.data.split import Draw, Split

KEPT = 3  # one in so many
FEWEST = 3  # settings of the last round, about
LAST_REPEATS = 5  # of the last round, at least


@dataclass(frozen=True)
class Round:
    """One round. settings: at most. part: of the length, one in so many. repeats: of each."""

    number: int
    settings: int
    part: int
    repeats: int

    def epochs(self, whole: int) -> int:
        """After which epoch its runs stop, of so many."""
        return -(-whole // self.part)


def rounds(budget: int, epochs: int, repeats: int, folds: int) -> list[Round]:
    """The rounds of a search. epochs: of the shortest training. folds: in the place of repeats."""
    count = 0
    while budget >= FEWEST * KEPT ** (count + 1) and epochs >= KEPT ** (count + 1):
        count += 1
    found = []
    for number in range(count + 1):
        last = number == count
        often = folds or (max(repeats, LAST_REPEATS) if last and count else repeats)
        settings = -(-budget // KEPT**number)
        found.append(Round(number + 1, settings, KEPT ** (count - number), often))
    return found


def draws(split: Split, seed: int, count: int) -> tuple[tuple[int, Draw], ...]:
    """Seeds of the runs of a setting, each with the rows that validate then.

    The seeds are hashes of the config's seed and an index. Validation rows that the config names
    are the same for all.
    """
    seeds = [int(generator(seed, "tune runs", index).integers(2**31)) for index in range(count)]
    if split.folds:
        return tuple((own, Draw(fold=index)) for index, own in enumerate(seeds))
    return tuple((own, Draw(seed=own)) for own in seeds)


def runs(plan: Sequence[Round]) -> int:
    """How many runs a search has, at most."""
    return sum(each.settings * each.repeats for each in plan)
