"""Small cohorts on synthetic data, for tests that need no config."""

import numpy as np

from optcli.data.encoding import Encoder
from optcli.data.features import Feature
from optcli.data.preparation import Part, Prepared
from optcli.data.targets import Target
from optcli.losses.base import LOSSES
from optcli.models import MLP, Linear
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules.constant import Constant
from optcli.training import Cohort, Replica, train_cohort
from optcli.training.settings import Regularization, Training


def part(rows, features, outputs, kind, *, seed=0, dtype=np.float64, weighted=False):
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, features)).astype(dtype)
    scores = x @ random.standard_normal((features, outputs))
    y = scores.argmax(axis=1) if kind == "classes" else scores.astype(dtype)
    if kind == "labels":
        y = (scores > 0).astype(dtype)
    weight = random.uniform(0.5, 2, rows).astype(dtype) if weighted else None
    return Part(x, y, weight)


def data(rows=50, features=4, outputs=3, kind="classes", *, validation=20, **settings):
    held_out = part(validation, features, outputs, kind, **settings) if validation else None
    names = tuple(f"y{i}" for i in range(1 if kind == "classes" else outputs))
    unit = {"mean": (0.0,) * outputs, "scale": (1.0,) * outputs} if kind == "values" else {}
    target = Target(kind, names, **unit)
    train = part(rows, features, outputs, kind, **settings)
    columns = tuple(Feature(f"x{i}") for i in range(features))
    return Prepared(train, held_out, None, Encoder(columns, target), outputs)


def cohort(
    optimizers,
    *,
    prepared=None,
    seeds=None,
    hidden=(8,),
    loss="cross_entropy",
    regularization=None,
    metrics=(),
    dtype=np.float64,
    schedule=None,
    **training,
):
    """A cohort with one replica for each optimizer (or name)."""
    optimizers = [OPTIMIZERS.find(o)() if isinstance(o, str) else o for o in optimizers]
    loss = LOSSES.find(loss)()
    prepared = prepared or data(kind=loss.target, dtype=dtype)
    seeds = seeds or [0] * len(optimizers)
    everyone = prepared if isinstance(prepared, list) else [prepared] * len(optimizers)
    return Cohort(
        [Replica(o, d, s) for o, d, s in zip(optimizers, everyone, seeds, strict=True)],
        MLP(hidden=hidden) if hidden else Linear(),
        loss,
        schedule or Constant(),
        regularization or Regularization(),
        Training(**({"epochs": 3, "batch_size": 16} | training)),
        list(metrics),
        np.dtype(dtype),
    )


def final(cohort):
    """All events of a training, the last of them Ended."""
    return list(train_cohort(cohort))
