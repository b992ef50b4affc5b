"""Cases of models with a loss, at generic points; and those of a config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.core.inputs import Inputs
from optcli.core.randomness import generator
from optcli.gradients.case import CLASSES, MANY, Case, CaseSet, large
from optcli.gradients.components import LossFunction
from optcli.gradients.layer_cases import declared
from optcli.gradients.loss_cases import without_error
from optcli.gradients.networks import FixedBatch, NetworkFunction
from optcli.gradients.variants import variants
from optcli.losses.base import LOSSES, Loss
from optcli.models import Architecture, Model
from optcli.training import Cohort
from optcli.training.settings import Regularization

REGULARIZATION = Regularization(l2=0.02, l1=0.01)
# Hyperparameters that keep a model's variants small.
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (6, 4, 4)},
    "cnn": {"channels": (2, 2), "hidden": (5,)},
}
IMAGE = (3, 14, 15)


def model_cases(cls: type[Model]) -> CaseSet:
    """The cases of a model, with cross-entropy and regularization, at a generic point."""

    def cases(seed: int) -> Iterator[Case]:
        refused: list[str] = []
        found = list(variants(cls, refused=refused, **SMALL.get(cls.name, {})))
        for number, (words, model) in enumerate(found):
            random = generator(seed, "gradcheck model", number)
            try:
                pair = words.count(", ") == 1
                case = model_case(model, random, seed, rows=4 if pair else 8)
            except InvalidInput:
                if not words:
                    raise
                continue  # a combination that the model rejects
            yield replace(
                case,
                what=words or "defaults",
                projections=1 if pair else 0,
                notes=() if words else tuple(refused),
            )
            if not words:
                for what, columns in (("two classes", 2), ("one output", 1)):
                    case = model_case(model, random, seed, columns=columns)
                    yield large(replace(case, what=what))
                rows = MANY // 20 if model.takes_images else MANY
                many = model_case(model, random, seed, rows=rows)
                yield large(replace(many, what=f"{rows} rows"))

    return CaseSet("model", cls.name, cases)


def model_case(
    model: Model, random: np.random.Generator, seed: int, *, columns: int = CLASSES, rows: int = 8
) -> Case:
    """A model with cross-entropy, or with squared error for one output."""
    inputs = Inputs.pixels(*IMAGE) if model.takes_images else Inputs(5)
    architecture = Architecture(model, inputs, columns)
    x = random.standard_normal((rows, inputs.size))
    name = "cross_entropy" if columns > 1 else "mse"
    y: Array = random.permutation(rows) % columns
    if columns == 1:
        y = random.standard_normal((rows, 1))
    batch = FixedBatch(x, y, random.uniform(0.3, 2, rows))
    loss = LOSSES.find(name)()
    start = point(architecture, random)
    function = NetworkFunction(architecture, start, loss, batch, REGULARIZATION, seed)
    return Case("defaults", function, analytic(architecture, loss))


def point(architecture: Architecture, random: np.random.Generator) -> Array:
    """Initial parameters plus noise, so that nothing lies exactly at a kink."""
    x = np.zeros(architecture.layout.size)
    architecture.initialize(x, int(random.integers(2**32)))
    return np.asarray(x + 0.2 * random.standard_normal(x.shape))


def analytic(architecture: Architecture, loss: Loss) -> bool:
    """Whether the complex step can be used."""
    return loss.analytic and all(declared(step.layer) for step in architecture.steps)


def cohort_cases(cohort: Cohort, name: str) -> CaseSet:
    """The cases of a config: its model, loss, regularization and data, for one batch in float64."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck config")
        part = cohort.replicas[0].data.train
        rows = random.permutation(len(part.x))[: min(cohort.batch, 32)]
        y = part.y[rows]
        weight = None if part.weight is None else part.weight[rows].astype(float)
        batch = FixedBatch(
            part.x[rows].astype(float), y if y.dtype.kind in "iu" else y.astype(float), weight
        )
        architecture, loss = cohort.architecture(), cohort.loss
        x = point(architecture, random)
        function = NetworkFunction(architecture, x, loss, batch, cohort.regularization, seed)
        scores = function.scores(x[None])[0]
        at_scores = LossFunction(loss, scores, batch.y, batch.weight)
        of = f"{len(rows)} rows"
        convex = loss.convex_at_kinks
        yield Case(f"{loss.name}, {of}", at_scores, loss.analytic, convex)
        equal = without_error(loss, scores, batch.y)
        if equal is not None:
            at_targets = LossFunction(loss, equal, batch.y, batch.weight)
            what = f"{loss.name}, scores equal to targets"
            yield Case(what, at_targets, convex=convex, pinned=True)
        yield Case(f"{cohort.model.name}, {of}", function, analytic(architecture, loss))

    return CaseSet("config", name, cases)
