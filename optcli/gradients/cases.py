"""Subjects: all that is registered, and the cases in which its gradient is checked.

What is registered is checked by itself: a loss in its domain, at its edges, with extreme
scores and weights, without any error, for one and two outputs, for thousands of scores; a
layer by its inputs and parameters; a model with a loss; each with every hyperparameter
changed, alone, in pairs and with all others, and single components exactly at their kinks.
The data has several rows, no two dimensions alike, and every class, where not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.randomness import generator
from optcli.core.registry import Registry
from optcli.core.specs import Ge, Gt, Lt
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
from optcli.objectives.functions import OBJECTIVES, Objective
from optcli.training import Cohort
from optcli.training.settings import Regularization

REGULARIZATION = Regularization(l2=0.02, l1=0.01)
CLASSES = 3
# More parameters than these are checked along random directions alone.
MOST_PARAMETERS = 20_000
# Directions along which large cases are checked; these, with their rows and outputs.
DIRECTIONS = 2
MANY = 600
LARGE = ((f"{MANY} rows", MANY, CLASSES), (f"{MANY // 2} outputs", 6, MANY // 2))
# A replica's gradient in company may differ from that alone by rounding.
COMPANY = 1e-12


@dataclass(frozen=True)
class Case:
    """A function with its gradient, ready to be checked.

    what: in a few words. analytic, convex: see How. pinned: exactly at kinks, of which
    several at once tell nothing about a random direction. projections: of a large one, along
    how many directions it is checked; 0 for entry by entry. notes: what is worth knowing
    beside the verdict.
    """

    what: str
    function: Differentiable
    analytic: bool = False
    convex: bool = False
    pinned: bool = False
    projections: int = 0
    notes: tuple[str, ...] = ()

    def check(self, how: How, name: str) -> Result:
        """The verdict, for a replica alone and in company."""
        fast = how.fast and not self.pinned
        analytic = self.analytic and not self.pinned
        how = replace(how, fast=fast, analytic=analytic, convex=self.convex)
        if self.projections:
            how = replace(how, fast=True, projections=self.projections)
        x = self.function.x
        with np.errstate(all="ignore"):
            alone = self.function.gradients(x[None])[0]
            company = self.function.gradients(np.stack([0.9 * x, x, 0.8 * x]))[1]
            problems = self.function.faults(float32=not self.pinned)
        result = check(self.function, alone, how, f"{name}, {self.what}")
        result = replace(
            result,
            problems=(*problems, *result.problems),
            notes=(*result.notes, *self.notes),
        )
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
        refused: list[str] = []
        found = list(variants(cls, accepts=_works, refused=refused))
        for number, (words, loss) in enumerate(found):
            random = generator(seed, "gradcheck loss", number)
            convex = loss.convex_at_kinks
            if words:
                function = loss_function(loss, random, weighted=True)
                yield Case(words, function, loss.analytic, convex)
                continue
            notes = tuple(refused)
            for what, function, pinned in loss_functions(loss, random):
                yield Case(what, function, loss.analytic, convex, pinned, notes=notes)
                notes = ()
            for kink in loss.kinks:
                yield Case(f"at {kink.where}", at_kink(loss, kink), convex=convex, pinned=True)
            for what, rows, columns in LARGE:
                function = loss_function(loss, random, rows=rows, columns=columns)
                yield Case(what, function, convex=convex, projections=DIRECTIONS)

    return Subject("loss", cls.name, cases)


def _works(loss: Loss) -> None:
    """Try a loss; it raises what it has against its hyperparameters."""
    function = loss_function(loss, generator(0, "gradcheck trial"), weighted=True)
    with np.errstate(all="ignore"):
        function.values(function.x[None])


def loss_function(
    loss: Loss,
    random: np.random.Generator,
    *,
    rows: int = 7,
    columns: int = CLASSES,
    weighted: bool = False,
) -> LossFunction:
    """The loss of a batch of ordinary scores."""
    target = targets(loss, random, rows, columns)
    weight = random.uniform(0.2, 3, len(target))
    loss = fit(loss, target, weight, columns)
    shape = (len(target), loss.outputs(columns))
    scores = within(loss.scores, random.standard_normal(shape))
    return LossFunction(loss, scores, target, weight if weighted else None)


def fit(loss: Loss, target: Array, weight: Array | None, columns: int) -> Loss:
    """The loss, with what the rows decide."""
    return loss.fitted(target, weight, [str(i) for i in range(columns)])


def loss_functions(
    loss: Loss, random: np.random.Generator
) -> Iterator[tuple[str, LossFunction, bool]]:
    """The loss of batches of 7 rows, mostly; and whether they lie where branches meet."""
    own = loss
    target = targets(own, random)
    weight = random.uniform(0.2, 3, len(target))
    loss = fit(own, target, weight, CLASSES)
    shape = (len(target), loss.outputs(CLASSES))
    scores = within(loss.scores, random.standard_normal(shape))
    yield "ordinary scores", LossFunction(loss, scores, target), False
    yield "weighted", LossFunction(loss, scores, target, weight), False
    kind = "scores" if loss.target == "values" else "logits"
    for size in (30, 1e3, 1e4):
        extreme = within(loss.scores, size * random.standard_normal(shape))
        function = LossFunction(loss, extreme, target, weight)
        yield f"{kind} of magnitude {size:g}", function, False
    if loss.targets:
        yield (
            "targets at their edge",
            LossFunction(loss, scores, edges(loss, target), weight),
            False,
        )
    # at 0 branches meet, and a complex number may take one of each
    yield "scores of 0", LossFunction(loss, within(loss.scores, 0 * scores), target, weight), True
    equal = without_error(loss, scores, target)
    if equal is not None:
        yield "scores equal to targets", LossFunction(loss, equal, target, weight), True
    for what, extreme in extreme_targets(loss, target):
        yield what, LossFunction(loss, scores, extreme, weight), False
    yield "one row", one_row(own, random), False
    if loss.target in ("values", "labels"):
        yield "one output", loss_function(own, random, columns=1, weighted=True), False
    two = "two classes" if loss.target == "classes" else "two outputs"
    yield two, loss_function(own, random, columns=2, weighted=True), False


def one_row(loss: Loss, random: np.random.Generator) -> LossFunction:
    """A batch of one row of small scores, where the loss is not flat if that can be had."""
    for _ in range(5):
        function = loss_function(loss, random, rows=1)
        function.x[...] = within(loss.scores, 0.1 * function.x)
        if function.gradients(function.x[None]).any():
            break
    return function


def targets(
    loss: Loss, random: np.random.Generator, rows: int = 7, columns: int = CLASSES
) -> Array:
    """Targets of some rows; each class occurs, if there are rows enough."""
    if loss.target == "classes":
        return np.asarray(random.permutation(np.arange(rows) % columns))
    if loss.target == "labels":
        found = [random.permutation(np.arange(rows) % 2) for _ in range(columns)]
        return np.stack(found, axis=1).astype(float)
    if loss.target == "probabilities":
        return np.asarray(random.dirichlet(np.ones(columns), rows))
    return within(loss.targets, random.standard_normal((rows, columns)))


def extreme_targets(loss: Loss, target: Array) -> Iterator[tuple[str, Array]]:
    """Targets at the ends of what they may be, in words and as such."""
    if loss.target == "classes":
        yield "rows of one class", np.full_like(target, target.max())
    elif loss.target == "labels":
        none_and_all = target.copy()
        none_and_all[:3], none_and_all[3:5] = 0, 1
        yield "no label, and all labels", none_and_all
    elif loss.target == "probabilities":
        one_hot = target.copy()
        one_hot[:5] = np.eye(target.shape[1])[np.arange(5) % target.shape[1]]
        yield "one-hot targets", one_hot
    else:
        for size in (0.0, 1e3, 1e-3):
            said = "targets of 0" if not size else f"targets of magnitude {size:g}"
            yield said, within(loss.targets, size * target)


def without_error(loss: Loss, scores: Array, target: Array) -> Array | None:
    """Scores whose predictions are the targets, in most rows; None where there are none."""
    if loss.target not in ("values", "probabilities"):
        return None
    columns = target.shape[1]
    with np.errstate(all="ignore"):
        logs = np.log(target)
        exact = logs if loss.target == "probabilities" else target
        found = scores.copy()
        found[:, :columns] = exact
        if loss.target == "values" and not np.allclose(loss.respond(found), target):
            found[:, :columns] = logs
            if not np.allclose(loss.respond(found), target):
                return None
    if not np.isfinite(found).all():
        return None
    some = (len(found) + 1) // 2
    found[some, 1:] = scores[some, 1:]  # one of several outputs
    found[some + 1 :] = scores[some + 1 :]
    return within(loss.scores, found)


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
        refused: list[str] = []
        found = list(variants(cls, refused=refused))
        far = np.array([30, -30, 100, -100, 800, -800.0])
        near = np.array([0, *cls.kinks, 1e-3])
        for words, layer in found:
            common = 2 * random.standard_normal((4, 5))
            case = layer_case(words or "common inputs", layer, common, random)
            yield case if words else replace(case, notes=tuple(refused))
            yield layer_case(f"{words or 'defaults'}, extreme inputs", layer, outer(far), random)
            what = f"{words or 'defaults'}, at its kinks"
            case = layer_case(what, layer, outer(near), random, positive=True)
            yield replace(case, convex=layer.convex_at_kinks, pinned=True)
            if not words:
                column = np.array([[0.7], [-0.9]])
                yield layer_case("rows of one number", layer, column, random)
                many = 2 * random.standard_normal((MANY, 5))
                yield large(layer_case(f"{MANY} rows", layer, many, random))

    return Subject("activation", cls.name, cases)


def large(case: Case) -> Case:
    """The case, checked along directions; several kinks may be near."""
    return replace(case, analytic=False, projections=DIRECTIONS)


def outer(row: Array) -> Array:
    """Two rows of inputs, the second common ones."""
    return np.stack([row, np.linspace(-1.3, 1.4, row.size)])


# Layers that a few numbers say more about than their defaults, with the shape of a row.
EXAMPLES: dict[str, list[tuple[Callable[[], Layer], tuple[int, ...]]]] = {
    "dense": [(lambda: Dense(4), (3,)), (lambda: Dense(1), (1,)), (lambda: Dense(2), (2,))],
    "convolution": [
        (lambda: Convolution(1, 2), (1, 3, 4)),
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
SHAPES = ((4,), (2,), (2, 5, 4), (1, 3, 4))


def layer_subject(cls: type[Layer]) -> Subject:
    """A layer by its inputs and parameters, for rows of numbers and images, as it takes them."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck layer")
        seen: set[tuple[int, ...]] = set()
        for words, layer, shape in layers_of(cls):
            x = 1.5 * random.standard_normal((6, *shape))
            yield layer_case(words, layer, x, random)
            if shape not in seen:
                seen.add(shape)
                x = 1.5 * random.standard_normal((MANY // 4, *shape))
                yield large(layer_case(f"{words}, {len(x)} rows", layer, x, random))
                x = x[:6]
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
    return Case(what, LayerFunction(layer, x, parameters, c), declared(layer))


def declared(layer: Layer) -> bool:
    """Whether a layer, and what it is made of, is declared analytic."""
    return layer.analytic and all(map(declared, getattr(layer, "layers", ())))


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
                function = ObjectiveFunction(objective, x)
                yield Case(f"{after}{what}", function, objective.analytic)
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
                continue  # a combination that the model does not take
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

    return Subject("model", cls.name, cases)


def model_case(
    model: Model, random: np.random.Generator, seed: int, *, columns: int = CLASSES, rows: int = 8
) -> Case:
    """A model with cross-entropy, or with the squared error where it has one output."""
    image = IMAGE if model.takes_images else None
    features = int(np.prod(IMAGE)) if image else 5
    architecture = Architecture(model, features, columns, image)
    x = random.standard_normal((rows, features))
    name = "cross_entropy" if columns > 1 else "mse"
    y: Array = random.permutation(rows) % columns
    if columns == 1:
        y = random.standard_normal((rows, 1))
    batch = Batch(x, y, random.uniform(0.3, 2, rows))
    loss = LOSSES.find(name)()
    start = point(architecture, random)
    function = NetworkFunction(architecture, start, loss, batch, REGULARIZATION, seed)
    return Case("defaults", function, analytic(architecture, loss))


def point(architecture: Architecture, random: np.random.Generator) -> Array:
    """Parameters that a run starts from, moved so that nothing lies exactly at a kink."""
    x = np.zeros(architecture.layout.size)
    architecture.initialize(x, int(random.integers(2**32)))
    return np.asarray(x + 0.2 * random.standard_normal(x.shape))


def analytic(architecture: Architecture, loss: Loss) -> bool:
    """Whether the complex step can be asked."""
    return loss.analytic and all(declared(step.layer) for step in architecture.steps)


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
        convex = loss.convex_at_kinks
        yield Case(f"{loss.name}, {of}", at_scores, loss.analytic, convex)
        equal = without_error(loss, scores, batch.y)
        if equal is not None:
            at_targets = LossFunction(loss, equal, batch.y, batch.weight)
            what = f"{loss.name}, scores equal to targets"
            yield Case(what, at_targets, convex=convex, pinned=True)
        yield Case(f"{cohort.model.name}, {of}", function, analytic(architecture, loss))

    return Subject("config", name, cases)
