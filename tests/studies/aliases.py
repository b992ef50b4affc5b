"""How often `compare` tells an optimizer from itself.

Four aliases of one optimizer, each with tuning seeds and final seeds of its own, are compared
1,000 times as `compare` does it: any claim is false, and the luck of tuning is included. All runs
come from a bank of 15 learning rates by 160 seeds on each table. On the U-curve they are drawn:
half a decade beside the best rate costs one standard deviation of a run.

    python -m tests.studies.aliases [FAMILIES [SEEDS]]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from optcli.comparison.problem import optimizers, with_held_out
from optcli.comparison.ranking import rank
from optcli.comparison.study import HALVING_SEEDS
from optcli.comparison.trials import Measure, Trial, jobs, train
from optcli.comparison.tuning import best_of, extension, ranked
from optcli.optimizers.base import OPTIMIZERS

ROOT = Path(__file__).parent.parent.parent
BEYOND = 3  # rates to each side of the nine that are tried first
ENTRIES, FIRST, FINAL, FINALISTS = 4, 3, 15, 3


def problems(folder):
    """Configs by name."""
    from sklearn.datasets import load_wine

    load_wine(as_frame=True).frame.to_csv(folder / "wine.csv", index=False)
    short = {"epochs": 30, "batch_size": 32}
    table = {"name": "csv", "path": str(folder / "wine.csv"), "target": "target"}
    iris = {"name": "csv", "path": str(ROOT / "configs/data/iris.csv"), "target": "species"}
    moons = {"name": "moons", "samples": 300, "noise": 0.2}
    model = {"name": "mlp", "hidden": [16]}
    common = {"model": model, "optimizer": "sgd", "training": short}
    return {
        "wine": {"dataset": table, "loss": "cross_entropy", **common},
        "iris": {"dataset": iris, "loss": "cross_entropy", **common},
        "moons": {"dataset": moons, "loss": "binary_cross_entropy", **common},
    }


def bank(config, name, seeds):
    """Tuning and final values (rates, seeds) of an optimizer, and the rates."""
    problem, rows = with_held_out(optimizers([name, f"{name}:lr=1"], config, ()))
    task, measure = problem.entries[0].task, Measure(rows=rows)
    kind = OPTIMIZERS.find(name)
    steps = np.arange(-4 - BEYOND, 5 + BEYOND) / 2
    rates = [float(f"{kind().lr * 10**step:.3g}") for step in steps]
    own = [Trial("", kind(lr=rate), seed) for rate in rates for seed in range(seeds)]
    values = {}
    for job in jobs({"": task}, own, measure, fixed_split=False, final=True):
        for result in train(job):
            values[result.trial] = measure.tuning(result), measure.of(result)
    table = np.array([values[trial] for trial in own]).reshape(len(rates), seeds, 2)
    return rates, table[..., 0], table[..., 1]


def curve(seeds, random):
    """A U-curve: what the rates cost, and a noise of which seven tenths are common to all rates."""
    rates = [10.0 ** (step / 2) for step in range(-4 - BEYOND, 5 + BEYOND)]
    cost = 0.08 * np.log10(rates)[:, None] ** 2

    def noisy():
        common, own = random.normal(size=(1, seeds)), random.normal(size=(len(rates), seeds))
        return cost + 0.02 * (np.sqrt(0.7) * common + np.sqrt(0.3) * own)

    return rates, noisy(), noisy()


def family(rates, tuning, final, random):
    """The final values (F, n) of each alias's finalists, tuned as `Study` does it."""
    found = {}
    optimizer = OPTIMIZERS.find("sgd")
    rows = {optimizer(lr=rate): row for row, rate in enumerate(rates)}
    drawn = random.permutation(tuning.shape[1])[: ENTRIES * (HALVING_SEEDS + FINAL)]
    for alias, seeds in enumerate(drawn.reshape(ENTRIES, -1)):
        first, every, last = seeds[:FIRST], seeds[:HALVING_SEEDS], seeds[HALVING_SEEDS:]
        tried = {o: tuning[row, first] for o, row in rows.items()}
        nine = dict(list(tried.items())[BEYOND:-BEYOND])
        (best,) = best_of(nine, 1)
        beyond = extension([o.lr for o in nine], best.lr)
        near = {rate for more in beyond for rate in rates if np.isclose(rate, more, rtol=0.02)}
        nine |= {o: values for o, values in tried.items() if o.lr in near}
        finalists = best_of(nine, FINALISTS)
        finalists = ranked({o: tuning[rows[o], every] for o in finalists})
        found[str(alias)] = [final[rows[o], last] for o in finalists]
    return found


def main(families=1000, seeds=160):
    random = np.random.default_rng(0)
    limit = 0.05 + 2 * np.sqrt(0.05 * 0.95 / families)
    print(f"{families} families of {ENTRIES} aliases, {FINAL} seeds; at most {limit:.3f} may claim")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        cases = {
            f"{table}, {name}": (lambda config=config, name=name: bank(config, name, seeds))
            for table, config in problems(Path(folder)).items()
            for name in ("sgd", "adam")
        }
        cases["U-curve"] = None
        for title, made in cases.items():
            claims = 0
            of_bank = made() if made else None
            for _ in range(families):
                own = of_bank or curve(seeds, random)
                pairs = rank(family(*own, random)).pairs.values()
                claims += any(pair.verdict != "tied" for pair in pairs)
            worst = max(worst, claims / families)
            print(f"{title:12} {claims / families:.3f}", flush=True)
    return int(worst > limit)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
