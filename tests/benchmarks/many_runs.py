"""360 runs: 4 optimizers, 9 learning rates, 10 seeds, a 2-32-32-3 network, 30 epochs of 300 rows.

Whole processes, one job. optcli's comparison makes about as many runs and ranks, tests and writes
them as well; its time is scaled to 360. The torch loop trains one run of each optimizer, and its
time but for imports is multiplied by 90. torch.func.vmap and JAX train all at once, as a cohort
does; what JAX takes to compile is in it. Then 2,000 runs in two jobs, beside one.

Equal work is checked by the lowest validation losses of runs: the best of each optimizer, in the
geometric mean of the four. The loop's are beside those of optcli's runs at its rates.
"""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.processes import Bench
from tests.benchmarks.results import Row, agree

RUNS = 360
# The loop's rates.
RATES = {"sgd": 0.3, "momentum": 0.1, "rmsprop": 0.01, "adam": 0.03}
NAMES = tuple(RATES)
# Runs differ by their seeds, and the sides in their initializations.
FACTOR = 2.5
CONFIG = """\
dataset: {name: spirals, samples: 375, arms: 3, noise: 0.02}
split: {validation: 0.2, test: 0}
model: {name: mlp, hidden: [32, 32]}
loss: cross_entropy
optimizer: adam
training: {epochs: 30, batch_size: 32}
"""


def rows(bench: Bench) -> Iterator[Row]:
    path, out = bench.config("many", CONFIG), bench.folder / "many"
    done: list[tuple[int, float, float]] = []
    losses: dict[str, float] = {}

    def ours(jobs: int, tune: int, tune_seeds: int, seeds: int) -> float:
        budget = ("--tune", tune, "--tune-seeds", tune_seeds, "--seeds", seeds)
        how = ("--config", path, *budget, "--jobs", jobs, "--no-plots", "--quiet")
        ran = bench.optcli("compare", *NAMES, *how, out=out)
        done.append(reached(out / "runs.csv"))
        return ran.seconds / done[-1][0]

    def theirs(script: str, core: bool = False) -> float:
        ran = bench.peer(script, core=core, epochs=30, rates=9, seeds=10)
        losses[script] = statistics.geometric_mean(ran.said["best"].values())
        return ran.said.get("seconds", ran.seconds) / RUNS

    found = bench.turns(
        {
            "ours": lambda: ours(1, 9, 7, 10),
            "torch_loop": lambda: theirs("torch_loop"),
            "torch_vmap": lambda: theirs("torch_vmap"),
            "jax_vmap": lambda: theirs("jax_vmap", core=True),
        }
    )
    count, losses["optcli"], usual = done[-1]
    loop = agree({"optcli": usual, "loop": losses.pop("torch_loop")}, FACTOR)
    note = f"{count} runs; {loop}"
    peers = {
        "torch_loop": ("a torch loop", 22),
        "torch_vmap": ("torch.func.vmap", 3.3),
        "jax_vmap": ("JAX, vmap and jit", 3.5),
    }
    scaled = {name: [each * RUNS for each in found[name]] for name in found}
    for script, (peer, wanted) in peers.items():
        yield Row("360 runs", scaled["ours"], peer, scaled[script], "s", wanted, note)
        note = agree(losses, FACTOR) if script == "torch_loop" else ""
    done.clear()
    jobs = bench.turns(
        {"two": lambda: ours(2, 27, 15, 40), "one": lambda: ours(1, 27, 15, 40)},
        min(bench.rounds, 3),
    )
    if len(set(done)) > 1:
        raise SystemExit(f"one job and two did not do equal work: {set(done)}")
    each = {side: [1e3 * seconds for seconds in jobs[side]] for side in jobs}
    note = f"{done[0][0]:,} runs; time a run"
    yield Row("2,000 runs, two jobs", each["two"], "one job", each["one"], "ms", 1.7, note)


def reached(path: Path) -> tuple[int, float, float]:
    """How many runs; their lowest losses, and the usual ones at the loop's rates."""
    with path.open() as file:
        every = list(csv.DictReader(file))
    runs = [row for row in every if row["validation_loss"]]  # a diverged one may have none
    best, usual = [], []
    for name, rate in RATES.items():
        own = [(float(row["validation_loss"]), row["lr"]) for row in runs if row["label"] == name]
        best.append(min(own)[0])
        near = [loss for loss, lr in own if abs(math.log10(float(lr) / rate)) < 0.08]
        usual.append(statistics.median(near))
    return len(every), statistics.geometric_mean(best), statistics.geometric_mean(usual)
