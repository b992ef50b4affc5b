"""Several problems: what is claimed of them, and what summary.json says of all together."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from optcli.comparison.across import ALL, FEWEST_CONFIGS, SINGLE, across, fewest_configs
from optcli.comparison.power import default_seeds
from optcli.comparison.profile import CAP, profile
from optcli.comparison.ranking import Family
from optcli.comparison.signed_rank import fewest_seeds
from optcli.comparison.verdict import groups
from optcli.core.arrays import Array
from optcli.core.durations import counted

VERSION = 2  # of benchmarks: 1 had scores and average ranks


@dataclass(frozen=True)
class Claims:
    """Which pairs are tested on which configs, and with how many seeds.

    entered: the labels that take part, by config. reference: the label against which alone the
    others are tested, or None. notes: what is to be said before anything runs.
    """

    entered: Mapping[str, Sequence[str]]
    seeds: int
    reference: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def single(self) -> Family:
        """The claims about single configs: all of them together."""
        pairs = Family(self.reference).pairs
        return Family(
            self.reference, SINGLE * sum(len(pairs(own)) for own in self.entered.values())
        )

    @property
    def pairs(self) -> dict[tuple[str, str], list[str]]:
        """The pairs of entries, each with the configs in which both take part."""
        found: dict[tuple[str, str], list[str]] = {}
        for title, labels in self.entered.items():
            for pair in Family(self.reference).pairs(labels):
                found.setdefault(pair, []).append(title)
        return found

    @property
    def correction(self) -> float:
        """What the p-values of claims over all configs are multiplied by."""
        return ALL * len(self.pairs)


def claims(entered: Mapping[str, Sequence[str]], seeds: int | None) -> Claims:
    """What can be claimed with so many seeds, by default with 10 to 20.

    All pairs, as far as the seeds allow any claim about single configs; else each entry against
    the first one.
    """
    everyone = Claims(entered, seeds or 0)
    m = everyone.single.correction or 0.0
    own = seeds or default_seeds(m)
    count = len(everyone.pairs)
    if own >= fewest_seeds(m):
        return Claims(entered, own)
    number = f"{counted(count, 'pair')} on {counted(len(entered), 'config')}"
    short = f"{counted(own, 'seed')} cannot show a difference for {number}"
    fewest = fewest_seeds(m)
    first = next(iter(entered.values()))[0]
    less = Claims(entered, own, first)
    if count == len(less.pairs):  # of two entries there is no less to claim
        note = f"{short} in any config; {fewest} are the fewest"
        return Claims(entered, own, None, (note,))
    note = f"{short} ({fewest} are the fewest); each entry is tested against {first} only"
    few = fewest_seeds(less.single.correction or 0.0)
    more = [f"even so {few} seeds are the fewest"] if own < few else []
    return Claims(entered, own, first, (note, *more))


def summary(claimed: Claims, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What summary.json says over configs. found: what it says of each, by title."""
    labels = list(dict.fromkeys(itertools.chain(*claimed.entered.values())))
    verdicts = {title: _verdicts(own) for title, own in found.items()}
    pairs = []
    for (a, b), titles in claimed.pairs.items():
        ours, theirs = ([_values(found[title], label) for title in titles] for label in (a, b))
        together = across(ours, theirs, claimed.correction)
        by_config = {title: verdicts[title][a, b] for title in titles}
        counts = Counter(by_config.values())
        pairs.append(
            {
                "a": a,
                "b": b,
                "configs": len(titles),
                "wins": counts["a"],
                "ties": counts["tied"],
                "losses": counts["b"],
                **asdict(together),
                "by_config": by_config,
            }
        )
    pairs = [pair if pair["better_in"] >= 0.5 else turned(pair) for pair in pairs]
    rows = sorted((_entry(label, pairs) for label in labels), key=_order)
    return {
        "version": VERSION,
        "configs": {title: own["verdict"] for title, own in found.items()},
        "seeds": claimed.seeds,
        "reference": claimed.reference,
        "correction": {"single": claimed.single.correction, "all": claimed.correction},
        "optimizers": rows,
        "pairs": pairs,
        "verdict": sentence(rows, pairs, claimed),
        "profile": _profile(claimed, found),
    }


def turned(pair: Mapping[str, Any]) -> dict[str, Any]:
    """The same pair with b as a."""
    other = {"a": "b", "b": "a", "tied": "tied"}

    def opposite(own: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **own,
            "better_in": 1 - own["better_in"],
            "ci_low": 1 - own["ci_high"],
            "ci_high": 1 - own["ci_low"],
            "verdict": other[own["verdict"]],
        }

    return opposite(pair) | {
        "a": pair["b"],
        "b": pair["a"],
        "wins": pair["losses"],
        "losses": pair["wins"],
        "new": None if pair["new"] is None else opposite(pair["new"]),
        "by_config": {title: other[own] for title, own in pair["by_config"].items()},
    }


def _values(summary: Mapping[str, Any], label: str) -> Array:
    """The values of an entry's finalists on a config, (F, n), turned so that less is better."""
    (row,) = (row for row in summary["optimizers"] if row["label"] == label)
    values = np.array([own["values"] for own in row["finalists"]])
    return -values if summary["higher_is_better"] else values


def _verdicts(summary: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The verdict of each pair on one config, by both orders of the pair."""
    other = {"a": "b", "b": "a", "tied": "tied"}
    found = {(pair["a"], pair["b"]): pair["verdict"] for pair in summary["pairs"]}
    return found | {(b, a): other[verdict] for (a, b), verdict in found.items()}


def _entry(label: str, pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One entry against all that it was tested against."""
    own = [pair if pair["a"] == label else turned(pair) for pair in pairs if label in _both(pair)]
    weights = [pair["configs"] for pair in own]
    return {
        "label": label,
        "rank": 1 + sum(pair["verdict"] == "b" for pair in own),
        "tied_with": [pair["b"] for pair in own if pair["verdict"] == "tied"],
        "wins": sum(pair["wins"] for pair in own),
        "ties": sum(pair["ties"] for pair in own),
        "losses": sum(pair["losses"] for pair in own),
        "better_in": float(np.average([pair["better_in"] for pair in own], weights=weights)),
        "configs": max(weights),
    }


def _order(row: Mapping[str, Any]) -> tuple[float, float]:
    return -row["better_in"], row["rank"]


def _both(pair: Mapping[str, Any]) -> tuple[str, str]:
    return pair["a"], pair["b"]


def sentence(
    rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]], claimed: Claims
) -> str:
    """What may be said over all configs, in one or two sentences."""
    count = len(claimed.entered)
    if claimed.reference is not None:
        return _against(claimed.reference, pairs, count)
    if len(rows) > 2:
        beaten = [row["label"] for row in rows if row["rank"] > 1]
        first = [row["label"] for row in rows if row["rank"] == 1]
        if not beaten:
            return f"over these {count} configs no difference is shown between {_listed(first)}."
        words = f"over these {count} configs {_listed(first)} {_is(first)} beaten by no other"
        return f"{words}; {_listed(beaten)} {_is(beaten)}."
    (pair,) = pairs
    said = f"over these {count} configs {over(pair)}."
    return f"{said} {_outlook(pair, claimed)}."


def over(pair: Mapping[str, Any]) -> str:
    """`adam beats sgd: better in 78 % of seeds [70, 84], p 1e-09`."""
    winner, loser = (pair["b"], pair["a"]) if pair["verdict"] == "b" else (pair["a"], pair["b"])
    shown = turned(pair) if pair["verdict"] == "b" else pair
    if pair["verdict"] == "tied":
        claim = f"no difference shown between {pair['a']} and {pair['b']}: {pair['a']} better"
    else:
        claim = f"{winner} beats {loser}: better"
    return f"{claim} in {share(shown)}, p {pair['p_value']:.2g}"


def share(own: Mapping[str, Any]) -> str:
    """`78 % of seeds [70, 84]`."""
    low, high = own["ci_low"], own["ci_high"]
    return f"{own['better_in']:.0%} of seeds [{100 * low:.0f}, {100 * high:.0f}]".replace("%", " %")


def _outlook(pair: Mapping[str, Any], claimed: Claims) -> str:
    """What the configs say of others."""
    new = pair["new"]
    if new is None:
        return f"Fewer than {FEWEST_CONFIGS} configs say nothing of other configs"
    if new["verdict"] == "tied":
        fewest = fewest_configs(claimed.correction)
        if pair["configs"] < fewest:
            return f"Fewer than {fewest} configs say nothing of other configs"
        return f"No difference is shown for other configs like these (p {new['p_value']:.2g})"
    shown = turned(pair)["new"] if new["verdict"] == "b" else new
    return f"On other configs like these it is better in {share(shown)}, p {new['p_value']:.2g}"


def _against(reference: str, pairs: Sequence[Mapping[str, Any]], count: int) -> str:
    """Who beats the reference over all, whom it beats."""
    found: dict[str, list[str]] = {"beat": [], "lost to": [], "not distinguished from": []}
    for pair in pairs:
        other = pair["b"] if pair["a"] == reference else pair["a"]
        winner = {"a": pair["a"], "b": pair["b"], "tied": None}[pair["verdict"]]
        words = "beat" if winner == other else "lost to" if winner else "not distinguished from"
        found[words].append(other)
    return f"over {count} configs {groups(reference, found)}."


def _listed(labels: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(labels[:-1]), *labels[-1:]]))


def _is(labels: Sequence[str]) -> str:
    return "is" if len(labels) == 1 else "are"


def _profile(claimed: Claims, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The medians of the steps to target, over the fewest; of those who took part in all."""
    everyone = set.intersection(*map(set, claimed.entered.values()))
    steps: dict[str, list[float]] = {}
    for own in found.values():
        for row in own["optimizers"]:
            if row["label"] in everyone:
                reached = row["steps_to_target"]
                steps.setdefault(row["label"], []).append(
                    reached["median"] if reached else math.inf
                )
    drawn = profile(steps, list(found))
    return {
        "configs": list(drawn.configs),
        "unsolved": list(drawn.unsolved),
        "cap": CAP,
        "ratios": {label: list(own) for label, own in drawn.ratios.items()},
    }
