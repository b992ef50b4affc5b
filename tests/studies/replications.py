"""Whether a replication confirms what `compare` claims.

30 comparisons of sgd, momentum and adam on each of four problems, with a seed of their own each.
A claim is reversed where the final runs of all 30, pooled, say the opposite at a level of 5 %, and
confirmed where they say the same.

    python -m tests.studies.replications [COMPARISONS]
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import optcli
from optcli.comparison.signed_rank import pair
from tests.studies.aliases import ROOT, problems

ENTRIES = ("sgd", "momentum", "adam")


def penguins():
    dataset = {"name": "csv", "path": str(ROOT / "configs/data/penguins.csv"), "target": "species"}
    return {
        "dataset": dataset | {"missing": "impute"},
        "model": {"name": "mlp", "hidden": [16]},
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": 30, "batch_size": 32},
    }


def counted(config, comparisons, folder):
    """How many claims there were, and what the pooled runs say of them."""
    claims, values = [], {label: [] for label in ENTRIES}
    for seed in range(comparisons):
        found = optcli.compare(
            ENTRIES, config, [f"seed={seed}"], out=folder / str(seed), plots=False
        )
        for row in found.summary["optimizers"]:
            values[row["label"]] += row["values"]
        claims += [
            (p["a"], p["b"]) if p["verdict"] == "a" else (p["b"], p["a"])
            for p in found.summary["pairs"]
            if p["verdict"] != "tied"
        ]
    counts = Counter()
    for winner, loser in claims:
        pooled = pair(values[winner], values[loser]).verdict
        counts[{"a": "confirmed", "b": "reversed", "tied": "no difference"}[pooled]] += 1
    return len(claims), counts


def main(comparisons=30):
    total, reversed_ = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        cases = {**problems(Path(folder)), "penguins": penguins()}
        for title, config in cases.items():
            number, counts = counted(config, comparisons, Path(folder, title))
            total, reversed_ = total + number, reversed_ + counts["reversed"]
            pairs = comparisons * len(ENTRIES) * (len(ENTRIES) - 1) // 2
            said = ", ".join(
                f"{counts[name]} {name}" for name in ("confirmed", "no difference", "reversed")
            )
            print(f"{title:10} {number} claims of {pairs} pairs: {said}", flush=True)
    print(f"reversed: {reversed_} of {total}")
    return int(reversed_ > 0.01 * total)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
