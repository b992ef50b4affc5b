"""`tune` against optuna's TPE, which drives the same training through the Python API.

    pip install optuna scikit-learn
    python -m tests.studies.against_optuna [SEEDS [BUDGET [TABLE ...]]]

Both search the same four keys of the same config. `tune` runs as it is, in one process, to the
trained and tested model. TPE, at its defaults, then gets the processor seconds that this took: each
of its trials is a call of `optcli.train`, which tells it the lowest validation loss, or infinity
where the run diverged. `TPE` is the model of its best trial, at its best epoch. `refit` trains that
setting like that of `tune`, on all but the test rows, for as many epochs; TPE is not charged for
it. Seconds are those of the processor, which on an idle machine are those of the clock, as one
thread trains. Each seed draws other test rows, a fifth, the same for all. Differences are means
over the seeds, with 95 % intervals by Student's t; `better` is how often that of `tune` was.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import optcli
from optcli.tuning.folds import students_t

DATA = Path(__file__).parents[2] / "configs" / "data"
SPACE = {
    "optimizer.lr": {"from": 1e-4, "to": 1.0, "log": True},
    "model.hidden": {"values": [[8], [32], [128], [32, 32]]},
    "regularization.l2": {"from": 1e-6, "to": 0.1, "log": True},
    "training.batch_size": {"values": [16, 64]},
}
OWN = {
    "penguins": {"path": str(DATA / "penguins.csv"), "target": "species", "missing": "impute"},
    "mpg": {
        "path": str(DATA / "mpg.csv"),
        "target": "mpg",
        "exclude": ["name"],
        "categorical": ["origin"],
        "missing": "drop",
    },
}
TABLES = ["wine", "breast_cancer", "penguins", "digits", "diabetes", "mpg"]


def told(name, folder, seed):
    """The config of a table, without its space."""
    if name in OWN:
        dataset = {"name": "csv", **OWN[name]}
    else:
        from sklearn import datasets

        path = folder / f"{name}.csv"
        if not path.exists():
            loaded = getattr(datasets, f"load_{name}")(as_frame=True)
            loaded.frame.to_csv(path, index=False)
        dataset = {"name": "csv", "path": str(path), "target": "target"}
    regression = name in ("diabetes", "mpg")
    return {
        "dataset": dataset,
        "split": {"validation": 0.2, "test": 0.2},
        "model": {"name": "mlp", "hidden": [32]},
        "loss": "mse" if regression else "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.01},
        "training": {"epochs": 60, "batch_size": 64},
        "seed": seed,
    }


def by_tune(config, folder, budget):
    """Test scores, settings that were tried, and processor seconds."""
    began = time.process_time()
    settings = optcli.TuneSettings(budget=budget)
    found = optcli.tune({**config, "tune": SPACE}, settings=settings, out=folder, plots=False)
    took = time.process_time() - began
    return found.summary["test"], found.summary["settings"], took


def by_optuna(config, folder, seed, seconds):
    """Test scores of the best trial and of its setting trained anew, and the number of trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def words(trial):
        found = []
        for key, way in SPACE.items():
            if "values" in way:
                value = trial.suggest_categorical(key, [str(each) for each in way["values"]])
            else:
                value = trial.suggest_float(key, way["from"], way["to"], log=True)
            found.append(f"{key}={value}")
        return found

    def objective(trial):
        place = folder / str(trial.number)
        try:
            run = optcli.train(config, words(trial), out=place, plots=False)
        except optcli.OptcliError:
            return math.inf
        if run.summary["outcome"] != "completed":
            return math.inf
        trial.set_user_attr("epoch", run.summary["best"]["epoch"])
        trial.set_user_attr("test", run.summary["test"])
        return run.summary["best"]["validation_loss"]

    began = time.process_time()
    while time.process_time() - began < seconds:
        study.optimize(objective, n_trials=1)
    best = study.best_trial
    last = [*words(optuna.trial.FixedTrial(best.params)), "split.refit=true"]
    last.append(f"training.stop_after={max(1, best.user_attrs['epoch'])}")
    model = optcli.train(config, last, out=folder / "model", plots=False)
    return best.user_attrs["test"], model.summary["test"], len(study.trials)


def against(ours, theirs, higher):
    """The mean difference with its interval, and how often ours is better."""
    each = [a - b for a, b in zip(ours, theirs, strict=True)]
    mean = statistics.fmean(each)
    margin = students_t(len(each) - 1) * statistics.stdev(each) / math.sqrt(len(each))
    better = sum((value > 0) == higher and value != 0 for value in each)
    return f"{mean:+9.4f} {f'{mean - margin:+.4f} to {mean + margin:+.4f}':>20} {better:3}"


def main(seeds=8, budget=40, *tables):
    """Print lines for each table as it is done."""
    import optuna

    print(f"optuna {optuna.__version__}, budget {budget}, {seeds} seeds", flush=True)
    print(f"{'':42}{'tune - TPE':>30} better {'tune - refit':>26} better")
    for name in tables or TABLES:
        found, counts = [], []
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                config = told(name, folder, seed)
                ours, settings, took = by_tune(config, folder / "tune", budget)
                own, again, trials = by_optuna(config, folder, seed, took)
            found.append((ours, own, again))
            counts.append((settings, trials, took))
        settings, trials, took = (statistics.fmean(each) for each in zip(*counts, strict=True))
        print(f"{name}: {settings:.0f} settings, {trials:.0f} trials, {took:.1f} s", flush=True)
        for measure in found[0][0]:
            ours, own, again = ([each[who][measure] for each in found] for who in range(3))
            higher = measure in ("accuracy", "r2")
            means = " ".join(f"{statistics.fmean(each):9.4f}" for each in (ours, own, again))
            print(
                f"  {measure:8} {means}  {against(ours, own, higher)}"
                f"   {against(ours, again, higher)}",
                flush=True,
            )


if __name__ == "__main__":
    asked = sys.argv[1:]
    main(*map(int, asked[:2]), *asked[2:])
