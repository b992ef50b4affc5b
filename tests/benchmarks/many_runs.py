"""360 runs: 4 optimizers, 9 learning rates, 10 seeds, a 2-32-32-3 network, 30 epochs of 300 rows.

Whole processes, one job. optcli's comparison makes about as many runs and ranks, tests and writes
them as well; its time is scaled to 360. The torch loop trains one run of each optimizer, and its
time but for imports is multiplied by 90. torch.func.vmap and JAX train all at once, as a cohort
does; what JAX takes to compile is in it. Then 2,000 runs in two jobs, beside one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from tests.benchmarks.processes import Bench
from tests.benchmarks.results import Row

RUNS = 360
NAMES = ("sgd", "momentum", "rmsprop", "adam")
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
    counts: list[int] = []

    def ours(jobs: int, tune: int, tune_seeds: int, seeds: int) -> float:
        budget = ("--tune", tune, "--tune-seeds", tune_seeds, "--seeds", seeds)
        how = ("--config", path, *budget, "--jobs", jobs, "--no-plots", "--quiet")
        ran = bench.optcli("compare", *NAMES, *how, out=out)
        with (out / "runs.csv").open() as file:
            counts.append(sum(1 for _ in csv.DictReader(file)))
        return ran.seconds / counts[-1]

    def theirs(script: str, core: bool = False) -> float:
        ran = bench.peer(script, core=core, epochs=30, rates=9, seeds=10)
        return ran.said.get("seconds", ran.seconds) / RUNS

    found = bench.turns(
        {
            "ours": lambda: ours(1, 9, 7, 10),
            "torch_loop": lambda: theirs("torch_loop"),
            "torch_vmap": lambda: theirs("torch_vmap"),
            "jax_vmap": lambda: theirs("jax_vmap", core=True),
        }
    )
    note = f"{counts[-1]} runs"
    peers = {
        "torch_loop": ("a torch loop", 22),
        "torch_vmap": ("torch.func.vmap", 3.3),
        "jax_vmap": ("JAX, vmap and jit", 3.5),
    }
    scaled = {name: [each * RUNS for each in found[name]] for name in found}
    for script, (peer, wanted) in peers.items():
        yield Row("360 runs", scaled["ours"], peer, scaled[script], "s", wanted, note)
        note = ""
    jobs = bench.turns(
        {"two": lambda: ours(2, 27, 15, 40), "one": lambda: ours(1, 27, 15, 40)},
        min(bench.rounds, 3),
    )
    each = {side: [1e3 * seconds for seconds in jobs[side]] for side in jobs}
    note = f"{counts[-1]:,} runs; time a run"
    yield Row("2,000 runs, two jobs", each["two"], "one job", each["one"], "ms", 1.7, note)
