"""`init`'s config, untouched, against configs by hand on tables of house prices.

    python -m tests.studies.house_prices [SPLITS]

The tables are made here: `plain` is that of the tests, `district` has prices that are products of
area, age and place, `steps` has gardens and conditions that count in some places only. By hand are
a linear model, and two networks that are stopped by a validation part, with the same columns. A
fifth of the rows is kept aside as another file, which `split.test` names in all; the rest is
what `init` sees. Test R², means of the splits.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import optcli
from tests import user_tables

HAND = {
    "linear": {"model": "linear", "regularization": {"l2": 0.001}},
    "mlp 32": {"model": {"name": "mlp", "hidden": [32]}, "regularization": {"l2": 0.01}},
    "mlp 64, 64": {"model": {"name": "mlp", "hidden": [64, 64]}, "regularization": {"l2": 0.003}},
}
TRAINING = {"epochs": 200, "batch_size": 32, "early_stopping": {"patience": 30}}


def _table(path, price, rows, seed):
    rng = np.random.default_rng(seed)
    area, built = rng.gamma(6, 20, rows) + 30, rng.integers(1900, 2021, rows)
    place, garden = rng.integers(0, 12, rows), rng.random(rows) < 0.4
    state = rng.choice(["poor", "fair", "good", "new"], rows, p=[0.1, 0.4, 0.4, 0.1])
    sold = np.datetime64("2015-01-01") + rng.integers(0, 3000, rows)
    found = price(rng, area, built, place, garden, state) * np.exp(rng.normal(0, 0.1, rows))
    lines = ["id,area,rooms,built,sold,zip,garden,condition,heating,price"]
    for i in range(rows):
        year = "" if rng.random() < 0.08 else str(built[i])
        lines.append(
            f"{i + 1},{area[i]:.1f} m²,{max(1, round(area[i] / 25))},{year},{sold[i]}"
            f",{10001 + 7 * place[i]},{'yes' if garden[i] else 'no'},{state[i]}"
            f',{rng.choice(["gas", "oil", "wood"])},"$ {found[i]:,.2f}"'
        )
    path.write_text("\n".join(lines) + "\n")


def district(rng, area, built, place, garden, state):
    """Products of all."""
    worth = {"poor": 0.7, "fair": 1.0, "good": 1.15, "new": 1.4}
    per_metre = 1500 * np.exp(np.random.default_rng(5).normal(0, 0.4, 12))[place]
    age = 1 + 0.3 * np.cos((built - 1900) / 120 * 2 * np.pi)
    return area * per_metre * age * np.vectorize(worth.get)(state) * (1 + 0.1 * garden)


def steps(rng, area, built, place, garden, state):
    """What counts in some places only."""
    near = place < 4
    found = 80_000 + 1500 * area + 1200 * area * near + 60_000 * garden * ~near
    found += 90_000 * ((built < 1918) & near) + 50_000 * (built > 2000)
    return found + 40_000 * (state == "new") - 30_000 * (state == "poor")


TABLES = {
    "plain": user_tables.houses,
    "district, 400": lambda path: _table(path, district, 400, 3),
    "steps, 400": lambda path: _table(path, steps, 400, 4),
    "district, 2000": lambda path: _table(path, district, 2000, 3),
    "steps, 2000": lambda path: _table(path, steps, 2000, 4),
}


def scores(lines, seed, folder):
    """The test R² of each config by hand and of init's, and the model that init chose."""
    table, test, file = folder / "houses.csv", folder / "test.csv", folder / "c.yaml"
    head, *rows = lines
    order = np.random.default_rng(seed).permutation(len(rows))
    for path, own in ((test, order[: len(rows) // 5]), (table, order[len(rows) // 5 :])):
        path.write_text("\n".join([head, *(rows[row] for row in own)]) + "\n")
    starter = optcli.init(file, data=table, target="price", seed=seed, overwrite=True)
    out = {"out": folder / "run", "plots": False, "overwrite": True}
    found = []
    for sections in HAND.values():
        split = {"validation": 0.15, "test": str(test)}
        config = {"dataset": starter.config["dataset"], "split": split, "loss": "mse", "seed": seed}
        config |= {"optimizer": {"name": "adam", "lr": 0.003}, "schedule": "cosine", **sections}
        config |= {"metrics": ["r2"], "training": TRAINING}
        found.append(optcli.train(config, **out).summary["test"]["r2"])
    own = optcli.train(file, [f"split.test={test}"], **out).summary["test"]["r2"]
    return (*found, own), starter.config["model"]["name"]


def main(splits=6):
    print(f"{'table':15s} " + " ".join(f"{name:>10s}" for name in (*HAND, "init")) + "  chosen")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, make in TABLES.items():
            make(folder / "made.csv")
            lines = (folder / "made.csv").read_text().splitlines()
            done = [scores(lines, seed, folder) for seed in range(splits)]
            means = np.mean([each[0] for each in done], axis=0)
            chosen = sum(each[1] == "linear" for each in done)
            shown = " ".join(f"{mean:10.4f}" for mean in means)
            print(f"{title:15s} {shown}  {chosen} linear, {splits - chosen} mlp", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
