"""The verdict: what the two optimizers that stand first allow to say, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from optcli.comparison.ranking import Ranking
from optcli.comparison.signed_rank import Pair, fewest_seeds

MOST_NAMED = 8  # labels in a sentence


def sentence(
    ranking: Ranking,
    settings: Mapping[str, str] | None = None,
    *,
    quantity: str = "test loss",
    higher: bool = False,
    rivals: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """What the two optimizers that stand first allow to say, in one sentence.

    settings: what to name a label with, as `lr 0.01`. higher: the values are those of
    `quantity` with their sign turned, since more of it is better. rivals: the finalists of each
    label in words, where they were tuned.
    """
    if ranking.reference is not None and len(ranking.standings) > 2:
        return _of_each(ranking, ranking.reference)
    first, second = (standing.label for standing in ranking.standings[:2])
    found = ranking.pairs[first, second]
    if found.verdict == "tied":
        if math.isinf(found.difference):
            return f"{_diverged(first, second, found)}; no difference is shown."
        return f"no difference shown between {_named(first, settings)} and " + (
            f"{_named(second, settings)}{_outlook(first, second, ranking, quantity, higher)}."
        )
    a_wins = found.verdict == "a"
    winner, loser = (first, second) if a_wins else (second, first)
    others = (rivals or {}).get(loser, ())
    claim = f"{_named(winner, settings)} beats {_against(loser, settings, others)}"
    if math.isinf(found.difference):
        return f"{claim}: {_diverged(first, second, found)}."
    share = found.better_in if a_wins else 1 - found.better_in
    low, high = sorted((abs(found.ci_low), abs(found.ci_high)))
    seeds = share * found.seeds
    ties = "" if seeds == round(seeds) else ", counting each tie as half"
    return (
        f"{claim}: {quantity} {'higher' if higher else 'lower'} by "
        f"{_digits(abs(found.difference))} [{_digits(low)}, {_digits(high)}], "
        f"better in {seeds:g} of {found.seeds} seeds{ties}{_skew(first, second, ranking)}."
    )


def _of_each(ranking: Ranking, reference: str) -> str:
    """Who beats the reference, and whom it beats: no others were tested."""
    won: dict[str, list[str]] = {"beat": [], "lost to": [], "not distinguished from": []}
    for (a, b), pair in ranking.pairs.items():
        ours = "b" if a == reference else "a"
        words = "beat" if pair.verdict == ours else "lost to"
        won["not distinguished from" if pair.verdict == "tied" else words].append(
            a if b == reference else b
        )
    return f"{groups(reference, won)}."


def groups(reference: str, found: Mapping[str, Sequence[str]]) -> str:
    """`beat sgd: adam, lion; lost to sgd: 12 entries`. found: labels, by what became of them."""
    parts = [
        f"{words} {reference}: "
        + (", ".join(own) if len(own) <= MOST_NAMED else f"{len(own)} entries")
        for words, own in found.items()
        if own
    ]
    return "; ".join(parts)


def _against(loser: str, settings: Mapping[str, str] | None, others: Sequence[str]) -> str:
    """`sgd at each of its three best learning rates (0.316, 1, 3.16)`."""
    if len(others) < 2:
        return _named(loser, settings)
    if not all(other.startswith("lr ") and "," not in other for other in others):
        return f"{loser} at each of its {_count(len(others))} best settings"
    rates = ", ".join(other.removeprefix("lr ") for other in others)
    return f"{loser} at each of its {_count(len(others))} best learning rates ({rates})"


def _count(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five")
    return words[number] if number < len(words) else str(number)


def _outlook(first: str, second: str, ranking: Ranking, quantity: str, higher: bool) -> str:
    """What a tie of the first two leaves open: the end of its sentence."""
    found, m = ranking.pairs[first, second], ranking.correction
    if found.seeds < fewest_seeds(m):
        given = "1 seed is" if found.seeds == 1 else f"{found.seeds} seeds are"
        return f"; {given} too few to show one, {fewest_seeds(m)} are the fewest"
    if any(found.diverged):
        return f"; {_diverged(first, second, found)}"
    low, high = found.ci_low, found.ci_high
    if math.isinf(low) or math.isinf(high):
        return ""
    if higher:
        low, high = -high, -low
    ends = f"[{_signed(low)}, {_signed(high)}]"
    return f"; any difference in {quantity} lies within {ends}{_skew(first, second, ranking)}"


def _skew(first: str, second: str, ranking: Ranking) -> str:
    """That the medians order the two the other way round than their differences, if so."""
    median = {standing.label: standing.median for standing in ranking.standings}
    apart, found = median[first] - median[second], ranking.pairs[first, second].difference
    return "; the medians differ in the opposite direction" if apart * found < 0 else ""


def _signed(size: float) -> str:
    return f"{'-' if size < 0 else ''}{_digits(abs(size))}"


def _diverged(first: str, second: str, found: Pair) -> str:
    """`sgd diverged in 6 of 10 seeds, adam in 1`: the more often first."""
    counts = sorted(zip(found.diverged, (first, second), strict=True), reverse=True)
    (most, worse), (few, other) = counts
    return f"{worse} diverged in {most} of {found.seeds} seeds" + (
        f", {other} in {few}" * (few > 0)
    )


def _named(label: str, settings: Mapping[str, str] | None) -> str:
    setting = (settings or {}).get(label)
    return f"{label} ({setting})" if setting else label


def _digits(size: float) -> str:
    """A size in two significant digits, or to the unit: `0.050`, `12`, `345`, `inf`."""
    return f"{size:.0f}" if 99.5 <= size < 1e6 else f"{size:#.2g}".rstrip(".")
