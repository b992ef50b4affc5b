"""Training in steady state: rows a second of the fastest epoch of each process, Adam.

Networks of dense layers with ReLU on a table of normal inputs, and the convolutional network of
configs/digits.yaml. torch is the fastest of its settings (for, foreach and fused Adam; for the
convolutions fused in the memory format channels_last, too); torch.compile is measured once. JAX
compiles one epoch, its shuffling included; what that takes is left out here. Each side, and each
setting of torch, has two seconds to show its fastest epoch, or the epochs after which the losses
are compared, if they take longer. Only steps count: no validation, and nothing is written.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.data import classes
from tests.benchmarks.processes import CONFIGS, Bench
from tests.benchmarks.results import Row, agree


@dataclass(frozen=True)
class Case:
    """A network and its table. torch, jax: the ratios that are wanted."""

    name: str
    rows: int
    columns: int
    hidden: tuple[int, ...]
    kinds: int
    batch: int
    epochs: int
    torch: float | None = None
    jax: float | None = None


CASES = (
    Case("small: 2-32-32-3, batch 32", 6400, 2, (32, 32), 3, 32, 20, 8, 0.65),
    Case("middle: 64-128-128-10, batch 64", 12800, 64, (128, 128), 10, 64, 8, 2.7, 0.9),
    Case("784-256-10, batch 128", 8192, 784, (256,), 10, 128, 6, 1.2, 0.92),
)
LARGE = Case("large: 784-1024-1024-10, batch 512", 8192, 784, (1024, 1024), 10, 512, 3)
SECONDS = 2.0  # as in peers/common.py
EAGER = ("for", "foreach", "fused")


def rows(bench: Bench) -> Iterator[Row]:
    for case in (*CASES, LARGE):
        yield from dense(bench, case)
    yield from convolutions(bench)


def config(bench: Bench, case: Case, table: Path) -> Path:
    return bench.config(
        f"train-{case.columns}-{len(case.hidden)}-{case.hidden[0]}",
        f"""\
dataset: {{name: csv, path: {table}, target: y, standardize: false}}
split: {{validation: 0, test: 0}}
model: {{name: mlp, hidden: {list(case.hidden)}}}
loss: cross_entropy
optimizer: {{name: adam, lr: 0.001}}
training: {{epochs: {case.epochs + 1}, batch_size: {case.batch}}}
metrics: []
""",
    )


def epochs(out: Path) -> tuple[list[float], float]:
    """Seconds of every epoch but the first, and the training loss of the last one."""
    with (out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    ends = [float(row["seconds"]) for row in history]
    return [b - a for a, b in itertools.pairwise(ends)], float(history[-1]["train_loss"])


def lasting(out: Path) -> int:
    """So many epochs that they take the seconds that each side has, and not fewer than before."""
    found = epochs(out)[0]
    return max(len(found), math.ceil(SECONDS / min(found))) + 1


def timed(bench: Bench, path: Path, out: Path, count: int) -> tuple[list[float], float]:
    """`epochs` of a run of so many."""
    more = ("--set", f"training.epochs={count}")
    bench.optcli("train", path, *more, "--quiet", "--no-plots", out=out)
    return epochs(out)


def fastest(found: dict[str, Any]) -> tuple[float, str]:
    """The shortest epoch of all settings of a peer, and that setting."""
    name = min(found, key=lambda each: min(found[each]["seconds"]))
    return min(found[name]["seconds"]), name


def dense(bench: Bench, case: Case) -> Iterator[Row]:
    table, arrays = classes(bench.folder, case.rows, case.columns, case.kinds)
    path, out = config(bench, case, table), bench.folder / "training"
    given = {
        "data": arrays,
        "hidden": case.hidden,
        "classes": case.kinds,
        "batch": case.batch,
        "epochs": case.epochs,
    }
    losses: dict[str, float] = {}
    settings: list[str] = []
    count: list[int] = []

    def ours() -> float:
        if "optcli" not in losses:  # after the last epoch, as the peers measure it
            bench.optcli("train", path, "--quiet", "--no-plots", out=out)
            losses["optcli"] = bench.optcli("evaluate", out, table, "--json").said["loss"]
            count.append(lasting(out))
        return case.rows / min(timed(bench, path, out, count[0])[0])

    def torch(*kinds: str) -> float:
        found = bench.peer("torch_mlp", kinds=kinds, **given).said
        seconds, kind = fastest(found)
        settings.append(kind)
        losses["torch"] = found[kind]["loss"]
        return case.rows / seconds

    def simple(name: str, script: str) -> float:
        found = bench.peer(script, core=script == "jax_mlp", **given).said
        losses[name] = found["loss"]
        return case.rows / min(found["seconds"])

    found = bench.turns(
        {
            "optcli": ours,
            "torch": lambda: torch(*EAGER),
            "jax": lambda: simple("JAX", "jax_mlp"),
            "sklearn": lambda: simple("scikit-learn", "sklearn_mlp"),
        }
    )
    note, kind = agree(losses, 1.5), max(settings, key=settings.count)
    compiled = torch("compiled")

    def row(peer: str, theirs: list[float], wanted: float | None = None, note: str = "") -> Row:
        return Row(case.name, found["optcli"], peer, theirs, "rows/s", wanted, note, more=True)

    yield row(f"torch, {kind}", found["torch"], case.torch, note)
    yield row("torch.compile", [compiled] * bench.rounds, note="one round")
    yield row("JAX, jit", found["jax"], case.jax)
    yield row("scikit-learn, MLPClassifier", found["sklearn"])


def convolutions(bench: Bench) -> Iterator[Row]:
    rows_, out = 1438, bench.folder / "convolutions"  # four fifths of 1,797
    text = (CONFIGS / "digits.yaml").read_text().replace("data/digits", f"{CONFIGS}/data/digits")
    text = text.replace("schedule: {name: cosine, warmup: 0.05}\n", "")
    path = bench.config("digits", text.replace("epochs: 30", "epochs: 11"))
    losses: dict[str, float] = {}
    settings: list[str] = []
    count: list[int] = []

    def ours() -> float:
        if "optcli" not in losses:
            losses["optcli"] = timed(bench, path, out, 11)[1]
            count.append(lasting(out))
        return rows_ / min(timed(bench, path, out, count[0])[0])

    def torch() -> float:
        kinds = ("foreach", "fused", "channels_last")
        data = f"{CONFIGS}/data/digits.csv.gz"
        found = bench.peer("torch_cnn", kinds=kinds, data=data, rows=rows_, epochs=10).said
        seconds, kind = fastest(found)
        settings.append(kind)
        losses["torch"] = found[kind]["loss"]
        return rows_ / seconds

    found = bench.turns({"optcli": ours, "torch": torch})
    yield Row(
        "digits, convolutions, batch 32",
        found["optcli"],
        f"torch, {max(settings, key=settings.count)}",
        found["torch"],
        "rows/s",
        2.1,
        agree(losses, 2),
        more=True,
    )
