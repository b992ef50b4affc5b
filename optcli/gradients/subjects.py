"""Subjects: all that is registered, and the cases in which its gradient is checked.

What is registered is checked by itself: a loss in its domain, at its edges, with extreme
scores and weights; a layer by its inputs and parameters; a model with a loss; each with
every hyperparameter changed once, and single components exactly at their kinks. The data
has at least two rows, no two dimensions alike, and every class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.arrays import Array
from optcli.errors import Fault, InvalidInput, suggestion
from optcli.gradients.check import How, check
from optcli.gradients.components import (
    LayerFunction,
    LossFunction,
    ObjectiveFunction,
    parameters_of,
    projection,
)
from optcli.gradients.functions import Differentiable
from optcli.gradients.networks import Batch, NetworkFunction
from optcli.gradients.result import Result
from optcli.gradients.variants import limit, variants
from optcli.layers.activations import ACTIVATIONS, Activation, Tanh
from optcli.layers.base import LAYERS, Layer
from optcli.layers.batch_norm import BatchNorm
from optcli.layers.convolution import Convolution
from optcli.layers.dense import Dense
from optcli.layers.dropout import Dropout
from optcli.layers.pooling import AveragePool, MaxPool
from optcli.layers.residual import Residual
from optcli.losses.base import LOSSES, Kink, Loss
from optcli.models import MODELS, Architecture, Model
from optcli.objectives import OBJECTIVES, Objective
from optcli.randomness import generator
from optcli.registry import Registry
from optcli.specs import Ge, Gt, Lt, Regularization
from optcli.training import Cohort

REGULARIZATION = Regularization(l2=0.02, l1=0.01)
CLASSES = 3
# More parameters than these are checked along random directions alone.
MOST_PARAMETERS = 20_000
# A replica's gradient in company may differ from that alone by rounding.
COMPANY = 1e-12


@dataclass(frozen=True)
class Case:
    """A function with its gradient, ready to be checked.

    what: in a few words. analytic, convex: see How. pinned: exactly at kinks, of which
    several at once tell nothing about a random direction.
    """

    what: str
    function: Differentiable
    analytic: bool = False
    convex: bool = False
    pinned: bool = False

    def check(self, how: How, name: str) -> Result:
        """The verdict, for a replica alone and in company."""
        fast = how.fast and not self.pinned
        analytic = self.analytic and not self.pinned
        how = replace(how, fast=fast, analytic=analytic, convex=self.convex)
        x = self.function.x
        with np.errstate(all="ignore"):
            alone = self.function.gradients(x[None])[0]
            company = self.function.gradients(np.stack([0.9 * x, x, 0.8 * x]))[1]
        result = check(self.function, alone, how, f"{name}, {self.what}")
        largest = np.abs(alone[np.isfinite(alone)]).max(initial=0)
        differs = np.flatnonzero(
            ~np.isclose(alone, company, rtol=0, atol=COMPANY * largest, equal_nan=True)
        )
        if differs.size == 0:
            return result
        at = int(differs[0])
        text = (
            f"{self.function.label(at)} is {alone[at]:.9g} for a replica alone, and "
            f"{company[at]:.9g} for the same replica in company"
        )
        return replace(result, problems=(*result.problems, text))


@dataclass(frozen=True)
class Subject:
    """What is checked under one name.

    kind: `loss`, `activation`, `layer`, `model`, `objective` or `config`.
    """

    kind: str
    name: str
    cases: Callable[[int], Iterator[Case]]

    def check(self, how: How) -> Iterator[tuple[Case, Result]]:
        """Each case, and what was found; raises InvalidInput where there is none."""
        cases = list(self.cases(how.seed))
        if not cases:
            raise InvalidInput(f"{self.kind} '{self.name}' takes none of the shapes tried")
        for case in cases:
            many = case.function.x.size > MOST_PARAMETERS
            yield case, case.check(replace(how, fast=how.fast or many), self.name)


def subjects(names: Sequence[str] = ()) -> list[Subject]:
    """All that is registered, or what is called by these names or aliases.

    Raises InvalidInput for a name that nothing has.
    """
    makers: list[tuple[Registry[Any], Callable[[type[Any]], Subject]]] = [
        (LOSSES, loss_subject),
        (ACTIVATIONS, activation_subject),
        (LAYERS, layer_subject),
        (MODELS, model_subject),
        (OBJECTIVES, objective_subject),
    ]
    if not names:
        return [make(cls) for registry, make in makers for cls in registry]
    found = []
    known: list[str] = []
    for registry, _ in makers:
        known += [word for cls in registry for word in (cls.name, *cls.aliases)]
    faults = []
    for name in names:
        own = [
            make(cls)
            for registry, make in makers
            for cls in registry
            if name in (cls.name, *cls.aliases)
        ]
        if not own:
            hint = suggestion(name, known)
            message = f"no loss, activation, layer, model or objective is called '{name}'{hint}"
            faults.append(Fault(f"{message} (optcli list)"))
        found += own
    if faults:
        raise InvalidInput(*faults)
    return list({(subject.kind, subject.name): subject for subject in found}.values())


# ---- losses --------------------------------------------------------------------------


def loss_subject(cls: type[Loss]) -> Subject:
    """A loss in its domain, at its edges, at extreme scores, and at each kink."""

    def cases(seed: int) -> Iterator[Case]:
        for number, (words, loss) in enumerate(variants(cls)):
            random = generator(seed, "gradcheck loss", number)
            convex = loss.convex_at_kinks
            for what, function in loss_functions(loss, random, brief=bool(words)):
                # at 0 branches meet, and a complex number may take one of each
                meets = what == "scores of 0"
                yield Case(words or what, function, loss.analytic, convex, pinned=meets)
            if not words:
                for kink in loss.kinks:
                    function = at_kink(loss, kink)
                    yield Case(f"at {kink.where}", function, convex=convex, pinned=True)

    return Subject("loss", cls.name, cases)


def loss_functions(
    loss: Loss, random: np.random.Generator, *, brief: bool
) -> Iterator[tuple[str, LossFunction]]:
    """The loss of a batch of 7 rows; brief: a single time, with weights."""
    target = targets(loss, random)
    weight = random.uniform(0.2, 3, len(target))
    loss = loss.fitted(target, weight, [str(i) for i in range(CLASSES)])
    shape = (len(target), loss.outputs(CLASSES))
    scores = within(loss.scores, random.standard_normal(shape))
    if brief:
        yield "weighted", LossFunction(loss, scores, target, weight)
        return
    yield "ordinary scores", LossFunction(loss, scores, target)
    yield "weighted", LossFunction(loss, scores, target, weight)
    for size in (30, 1e3, 1e4):
        extreme = within(loss.scores, size * random.standard_normal(shape))
        yield f"scores of {size:g}", LossFunction(loss, extreme, target, weight)
    if loss.targets:
        yield "targets at their edge", LossFunction(loss, scores, edges(loss, target), weight)
    yield "scores of 0", LossFunction(loss, within(loss.scores, 0 * scores), target, weight)


def targets(loss: Loss, random: np.random.Generator) -> Array:
    """Targets of 7 rows; each class occurs."""
    rows = 7
    if loss.target == "classes":
        return np.asarray(random.permutation(np.arange(rows) % CLASSES))
    if loss.target == "labels":
        columns = [random.permutation(np.arange(rows) % 2) for _ in range(CLASSES)]
        return np.stack(columns, axis=1).astype(float)
    if loss.target == "probabilities":
        return np.asarray(random.dirichlet(np.ones(CLASSES), rows))
    return within(loss.targets, random.standard_normal((rows, CLASSES)))


def edges(loss: Loss, target: Array) -> Array:
    """Targets, some of them at the end of their range, or just inside of it."""
    target = target.copy()
    for row, bound in enumerate(loss.targets):
        inside = {Gt: 1e-3, Lt: -1e-3}.get(type(bound), 0.0)
        target[row] = limit(bound) + inside
    return target


def within(bounds: Sequence[Any], values: Array) -> Array:
    """The values; those beyond a bound are put inside of it, each at a distance of its own."""
    for bound in bounds:
        end = limit(bound)
        inwards = 1 if isinstance(bound, Ge | Gt) else -1
        beyond = inwards * (values - end) <= 0
        distance = (0.02 * abs(end) or 1) * np.minimum(np.abs(values), 1) + 1e-3
        values = np.where(beyond, end + inwards * distance, values)
    return values


def at_kink(loss: Loss, kink: Kink) -> LossFunction:
    """A batch of two rows, the first exactly at a kink."""
    scores = np.array(kink.scores, dtype=float)
    other = scores * 0.6 + 0.17 + 0.05 * np.arange(scores.size)
    target = np.array([kink.target, kink.target])
    loss = loss.fitted(target, None, [str(i) for i in range(scores.size)])
    return LossFunction(loss, np.stack([scores, other]), target, np.array([1.0, 2.0]))


# ---- layers --------------------------------------------------------------------------


def activation_subject(cls: type[Activation]) -> Subject:
    """An activation at common and at extreme inputs, and at its kinks."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck activation")
        far = np.array([30, -30, 100, -100, 800, -800.0])
        near = np.array([0, *cls.kinks, 1e-3])
        for words, layer in variants(cls):
            common = 2 * random.standard_normal((4, 5))
            yield layer_case(words or "common inputs", layer, common, random)
            yield layer_case(f"{words or 'defaults'}, extreme inputs", layer, outer(far), random)
            what = f"{words or 'defaults'}, at its kinks"
            case = layer_case(what, layer, outer(near), random, positive=True)
            yield replace(case, convex=layer.convex_at_kinks, pinned=True)

    return Subject("activation", cls.name, cases)


def outer(row: Array) -> Array:
    """Two rows of inputs, the second common ones."""
    return np.stack([row, np.linspace(-1.3, 1.4, row.size)])


# Layers that a few numbers say more about than their defaults, with the shape of a row.
EXAMPLES: dict[str, list[tuple[Callable[[], Layer], tuple[int, ...]]]] = {
    "dense": [(lambda: Dense(4), (3,))],
    "convolution": [
        (lambda: Convolution(3, 3, 1, 1), (2, 5, 4)),
        (lambda: Convolution(3, (3, 2), (2, 1), (1, 2)), (2, 6, 5)),
    ],
    "max_pool": [(lambda: MaxPool(2), (2, 4, 6)), (lambda: MaxPool((3, 2), (1, 2)), (2, 5, 7))],
    "average_pool": [
        (lambda: AveragePool(2), (2, 4, 6)),
        (lambda: AveragePool((3, 2), (1, 2)), (2, 5, 7)),
    ],
    "residual": [
        (lambda: Residual((Dense(4), BatchNorm(), Tanh(), Dropout(0.3))), (4,)),
        (lambda: Residual((Convolution(2, 3, 1, 1), Tanh())), (2, 5, 4)),
    ],
}
SHAPES = ((4,), (2, 5, 4))


def layer_subject(cls: type[Layer]) -> Subject:
    """A layer by its inputs and parameters, for rows of numbers and images, as it takes them."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck layer")
        for words, layer, shape in layers_of(cls):
            x = 1.5 * random.standard_normal((6, *shape))
            yield layer_case(words, layer, x, random)
            if isinstance(layer, MaxPool):
                x = np.round(x)  # many pixels are equal
                case = layer_case(f"{words}, at ties", layer, x, random, positive=True)
                yield replace(case, convex=True, pinned=True)

    return Subject("layer", cls.name, cases)


def layers_of(cls: type[Layer]) -> Iterator[tuple[str, Layer, tuple[int, ...]]]:
    """Layers of a class, each with words for it and the shape of an input row."""
    examples = EXAMPLES.get(cls.name, ())
    for make, shape in examples:
        layer = make()
        yield f"{sizes(shape)} to {sizes(layer.output(shape))}", layer, shape
    if examples:
        return
    for words, layer in variants(cls):
        for shape in SHAPES:
            try:
                layer.output(shape)
                layer.parameters(shape)
            except (InvalidInput, ValueError, IndexError):
                continue
            yield f"{words + ', ' if words else ''}{sizes(shape)}", layer, shape


def sizes(shape: tuple[int, ...]) -> str:
    """`2×5×4`."""
    return "×".join(map(str, shape))


def layer_case(
    what: str, layer: Layer, x: Array, random: np.random.Generator, *, positive: bool = False
) -> Case:
    """A layer at the inputs x (B, …); positive: its outputs all count for more than 0."""
    shape = x.shape[1:]
    c = projection(layer, len(x), shape, random)
    c = np.abs(c) if positive else c
    parameters = parameters_of(layer, shape, random)
    return Case(what, LayerFunction(layer, x, parameters, c), layer.analytic)


# ---- objectives ----------------------------------------------------------------------


def objective_subject(cls: type[Objective]) -> Subject:
    """An objective at its start, within its domain, and at its minima."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck objective")
        low, high = np.array(cls.domain).T
        for words, objective in variants(cls):
            after = f"{words}, " if words else ""
            start = np.array(objective.start)
            inside = random.uniform(low.max(), high.min(), objective.size)
            for what, x in (("at its start", start), ("in its domain", inside)):
                yield Case(f"{after}{what}", ObjectiveFunction(objective, x), analytic=True)
            minimum = ObjectiveFunction(objective, objective.minima[0].astype(float))
            yield Case(f"{after}at a minimum", minimum, convex=True, pinned=True)

    return Subject("objective", cls.name, cases)


# ---- models --------------------------------------------------------------------------

# What a model's variants have in common, so that they are small.
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (6, 4, 4)},
    "cnn": {"channels": (2, 2), "hidden": (5,)},
}
IMAGE = (3, 14, 15)


def model_subject(cls: type[Model]) -> Subject:
    """A model with cross-entropy and penalties, at a generic point."""

    def cases(seed: int) -> Iterator[Case]:
        for number, (words, model) in enumerate(variants(cls, **SMALL.get(cls.name, {}))):
            random = generator(seed, "gradcheck model", number)
            image = IMAGE if model.takes_images else None
            features = int(np.prod(IMAGE)) if image else 5
            try:
                architecture = Architecture(model, features, CLASSES, image)
            except InvalidInput:
                if not words:
                    raise
                continue  # a combination that the model does not take
            x = random.standard_normal((8, features))
            batch = Batch(x, random.permutation(8) % CLASSES, random.uniform(0.3, 2, 8))
            loss = LOSSES.find("cross_entropy")()
            function = NetworkFunction(
                architecture, point(architecture, random), loss, batch, REGULARIZATION, seed
            )
            yield Case(words or "defaults", function, analytic(architecture, loss))

    return Subject("model", cls.name, cases)


def point(architecture: Architecture, random: np.random.Generator) -> Array:
    """Parameters that a run starts from, moved so that nothing lies exactly at a kink."""
    x = np.zeros(architecture.layout.size)
    architecture.initialize(x, int(random.integers(2**32)))
    return np.asarray(x + 0.2 * random.standard_normal(x.shape))


def analytic(architecture: Architecture, loss: Loss) -> bool:
    """Whether the complex step can be asked."""
    return loss.analytic and all(step.layer.analytic for step in architecture.steps)


def cohort_subject(cohort: Cohort, name: str) -> Subject:
    """The model, loss, regularization and data of a run, in float64, for one batch."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck config")
        part = cohort.replicas[0].data.train
        rows = random.permutation(len(part.x))[: min(cohort.batch, 32)]
        y = part.y[rows]
        weight = None if part.weight is None else part.weight[rows].astype(float)
        batch = Batch(
            part.x[rows].astype(float), y if y.dtype.kind in "iu" else y.astype(float), weight
        )
        architecture, loss = cohort.architecture(), cohort.loss
        x = point(architecture, random)
        function = NetworkFunction(architecture, x, loss, batch, cohort.regularization, seed)
        scores = function.scores(x[None])[0]
        at_scores = LossFunction(loss, scores, batch.y, batch.weight)
        of = f"{len(rows)} rows"
        yield Case(f"{loss.name}, {of}", at_scores, loss.analytic, loss.convex_at_kinks)
        yield Case(f"{cohort.model.name}, {of}", function, analytic(architecture, loss))

    return Subject("config", name, cases)
