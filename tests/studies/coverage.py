"""How often the bootstrap intervals of `evaluate` contain the true value.

Rows are drawn from a model whose errors are known: logits are normal, classes follow from them by
softmax of 1.5 times the logits, so that probabilities are somewhat too timid; values are the
predictions plus noise, normal or heavy-tailed (Student's t with 3 degrees of freedom). The true
value of each measure is that of two million rows. Weights are drawn between 0.2 and 3.

    python -m tests.studies.coverage [TABLES [RESAMPLES]]
"""

from __future__ import annotations

import sys

import numpy as np

from optcli.evaluation.measures import Key, Measures
from optcli.evaluation.measuring import Settings, measured
from optcli.evaluation.rows import Rows

SIZES = (50, 200, 1000)
TRUE_ROWS = 2_000_000
SHOWN = {
    "two classes": ("accuracy", "log_loss", "brier", "roc_auc", "average_precision", "macro_f1"),
    "rare class": ("accuracy", "log_loss", "brier", "roc_auc", "average_precision", "macro_f1"),
    "weighted": ("accuracy", "log_loss", "brier", "roc_auc", "average_precision", "macro_f1"),
    "five classes": ("accuracy", "log_loss", "brier", "roc_auc", "average_precision", "macro_f1"),
    "normal noise": ("rmse", "mae", "r2"),
    "heavy tails": ("rmse", "mae", "r2"),
}


def drawn(name, rows, rng):
    """Rows of a kind."""
    weight = rng.uniform(0.2, 3, rows) if name == "weighted" else np.ones(rows)
    losses = np.ones(rows)
    if name in ("normal noise", "heavy tails"):
        scores = rng.normal(size=(rows, 1))
        normal = name == "normal noise"
        noise = rng.normal(size=scores.shape) if normal else rng.standard_t(3, scores.shape)
        y = scores + 0.7 * noise
        return Rows("values", ("y",), scores, y, weight, False, losses, losses)
    count = 5 if name == "five classes" else 2
    scores = rng.normal(size=(rows, count))
    if name == "rare class":
        scores[:, 0] += 3
    y = (1.5 * scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    names = tuple("abcde"[:count])
    return Rows("classes", names, scores, y, weight, name == "weighted", losses, losses)


def value(found, name):
    """A measure of a report, or an average."""
    if name.startswith("macro_"):
        return found["averages"]["macro"][name.removeprefix("macro_")]
    return found["measures"][name]


def main(tables, resamples):
    print(f"{tables} tables, {resamples} resamples; share of 95 % intervals with the true value")
    for kind, names in SHOWN.items():
        rng = np.random.default_rng(0)
        whole = drawn(kind, TRUE_ROWS, rng)
        of_all = Measures(whole)(whole.weight[None])
        true = {name: float(of_all[Key(name)][0]) for name in names}
        print(f"\n{kind:14s}" + "".join(f"{name:>19s}" for name in names))
        for size in SIZES:
            covered = dict.fromkeys(names, 0)
            for table in range(tables):
                rows = drawn(kind, size, rng)
                found = measured(rows, {}, [], Settings(resamples=resamples, seed=table))
                for name in names:
                    each = value(found, name)
                    inside = each.low is not None and each.low <= true[name] <= each.high
                    covered[name] += inside
            shares = "".join(f"{covered[name] / tables:19.3f}" for name in names)
            print(f"{size:7d} rows  {shares}", flush=True)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*given, *(1000, 1000)[len(given) :])
