"""The verdict: what the two optimizers that stand first allow to say, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping

from optcli.comparison.power import seeds_needed, smallest_difference
from optcli.comparison.ranking import Ranking
from optcli.comparison.signed_rank import Pair, fewest_seeds


def sentence(
    ranking: Ranking,
    settings: Mapping[str, str] | None = None,
    *,
    quantity: str = "validation loss",
    higher: bool = False,
) -> str:
    """What the two optimizers that stand first allow to say, in one sentence.

    settings: what to name a label with, as `lr 0.01`. higher: the values are those of
    `quantity` with their sign turned, since more of it is better.
    """
    first, second = (standing.label for standing in ranking.standings[:2])
    found = ranking.pairs[first, second]
    if math.isinf(found.difference):
        return f"{_diverged(first, second, found)}."
    if found.verdict == "tied":
        between = "" if len(ranking.standings) == 2 else _between(first, second, settings)
        return f"no significant difference{between}{_outlook(ranking)}."
    winner, loser = (first, second) if found.verdict == "a" else (second, first)
    share = found.better_in if found.verdict == "a" else 1 - found.better_in
    low, high = sorted((abs(found.ci_low), abs(found.ci_high)))
    seeds = share * found.seeds
    ties = "" if seeds == round(seeds) else ", counting each tie as half"
    return (
        f"{_named(winner, settings)} beats {_named(loser, settings)}: "
        f"{quantity} {'higher' if higher else 'lower'} by {_digits(abs(found.difference))} "
        f"[{_digits(low)}, {_digits(high)}], better in {seeds:g} of {found.seeds} seeds{ties}."
    )


def _outlook(ranking: Ranking) -> str:
    """What a tie of the first two leaves open: the end of its sentence."""
    first, second = (standing.label for standing in ranking.standings[:2])
    found, m = ranking.pairs[first, second], len(ranking.pairs)
    if found.seeds < fewest_seeds(m):
        given = "1 seed is" if found.seeds == 1 else f"{found.seeds} seeds are"
        return f"; {given} too few to show one, {fewest_seeds(m)} are the fewest"
    if any(found.diverged):
        return f"; {_diverged(first, second, found)}"
    size = smallest_difference(found.sd, found.seeds, m)
    if not size:  # all differences are the same
        return ""
    size = float(_digits(size))
    return (
        f"; minimum detectable difference with {found.seeds} seeds: {_digits(size)} (80 % power)"
        f"; about {seeds_needed(found.sd, size / 2, m)} seeds for {size / 2:.3g}"
    )


def _diverged(first: str, second: str, found: Pair) -> str:
    """`sgd diverged in 6 of 10 seeds, adam in 1`: the more often first."""
    counts = sorted(zip(found.diverged, (first, second), strict=True), reverse=True)
    (most, worse), (few, other) = counts
    return f"{worse} diverged in {most} of {found.seeds} seeds" + (
        f", {other} in {few}" * (few > 0)
    )


def _between(first: str, second: str, settings: Mapping[str, str] | None) -> str:
    return f" between {_named(first, settings)} and {_named(second, settings)}"


def _named(label: str, settings: Mapping[str, str] | None) -> str:
    setting = (settings or {}).get(label)
    return f"{label} ({setting})" if setting else label


def _digits(size: float) -> str:
    """A size in two significant digits, or to the unit: `0.050`, `12`, `345`, `inf`."""
    return f"{size:.0f}" if 99.5 <= size < 1e6 else f"{size:#.2g}".rstrip(".")
