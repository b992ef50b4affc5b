"""Cases: the cases in which the gradient of every registered class is checked.

A loss is checked in its domain, at the domain's edges, with extreme scores and weights, at
zero error, for one and two outputs, and for thousands of scores; a layer with respect to
inputs and parameters; a model with a loss. Each is checked with every hyperparameter
changed, singly, in pairs and all together, and single components exactly at their kinks.
Unless a case says otherwise, its data has several rows, distinct dimensions and every class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.inputs import Inputs
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
# Functions of more parameters are checked along random directions only.
MOST_PARAMETERS = 20_000
# The number of directions for large cases, and their rows and outputs.
DIRECTIONS = 2
MANY = 600
LARGE = ((f"{MANY} rows", MANY, CLASSES), (f"{MANY // 2} outputs", 6, MANY // 2))
# Relative tolerance between a replica's gradient alone and in a cohort: rounding.
COMPANY = 1e-12


@dataclass(frozen=True)
class Case:
    """A function with its gradient, to be checked.

    what: a short description. analytic, convex: see How. pinned: the point lies exactly at
    kinks, so that random directions are no test. projections: the number of directions for
    a large function; 0 to check entry by entry. notes: remarks beside the verdict.
    """

    what: str
    function: Differentiable
    analytic: bool = False
    convex: bool = False
    pinned: bool = False
    projections: int = 0
    notes: tuple[str, ...] = ()

    def check(self, how: How, name: str) -> Result:
        """Check the gradient, of one replica alone and within a cohort."""
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
            f"{self.function.label(at)} is {alone[at]:.9g} for a replica alone, but "
            f"{company[at]:.9g} for the same replica in a cohort"
        )
        return replace(result, problems=(*result.problems, text))


@dataclass(frozen=True)
class CaseSet:
    """The cases of one registered class, or of a config.

    kind: `loss`, `activation`, `layer`, `model`, `objective` or `config`. cases: makes the
    cases from a seed.
    """

    kind: str
    name: str
    cases: Callable[[int], Iterator[Case]]

    def check(self, how: How) -> Iterator[tuple[Case, Result]]:
        """Yield each case and its result; raises InvalidInput if there is no case."""
        cases = list(self.cases(how.seed))
        if not cases:
            raise InvalidInput(f"{self.kind} '{self.name}' accepts none of the shapes tried")
        for case in cases:
            many = case.function.x.size > MOST_PARAMETERS
            yield case, case.check(replace(how, fast=how.fast or many), self.name)


def case_sets(names: Sequence[str] = ()) -> list[CaseSet]:
    """The cases of every registered class, or of those with these names or aliases.

    Raises InvalidInput for an unknown name.
    """
    makers: list[tuple[Registry[Any], Callable[[type[Any]], CaseSet]]] = [
        (LOSSES, loss_cases),
        (ACTIVATIONS, activation_cases),
        (LAYERS, layer_cases),
        (MODELS, model_cases),
        (OBJECTIVES, objective_cases),
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
    return list({(case_set.kind, case_set.name): case_set for case_set in found}.values())


# ---- losses --------------------------------------------------------------------------


def loss_cases(cls: type[Loss]) -> CaseSet:
    """The cases of a loss: in its domain, at its edges, at extreme scores, and at each kink."""

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

    return CaseSet("loss", cls.name, cases)


def _works(loss: Loss) -> None:
    """Evaluate a loss; it raises an error where it does not accept its hyperparameters."""
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
    """The loss, fitted to the rows."""
    return loss.fitted(target, weight, [str(i) for i in range(columns)])


def loss_functions(
    loss: Loss, random: np.random.Generator
) -> Iterator[tuple[str, LossFunction, bool]]:
    """Descriptions, losses of batches (mostly of 7 rows), and whether they lie at kinks."""
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
    # at 0 branches meet, where the complex step is not defined
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
    """A batch of one row of small scores, if possible with a gradient other than 0."""
    for _ in range(5):
        function = loss_function(loss, random, rows=1)
        function.x[...] = within(loss.scores, 0.1 * function.x)
        if function.gradients(function.x[None]).any():
            break
    return function


def targets(
    loss: Loss, random: np.random.Generator, rows: int = 7, columns: int = CLASSES
) -> Array:
    """Random targets; each class occurs, if there are enough rows."""
    if loss.target == "classes":
        return np.asarray(random.permutation(np.arange(rows) % columns))
    if loss.target == "labels":
        found = [random.permutation(np.arange(rows) % 2) for _ in range(columns)]
        return np.stack(found, axis=1).astype(float)
    if loss.target == "probabilities":
        return np.asarray(random.dirichlet(np.ones(columns), rows))
    return within(loss.targets, random.standard_normal((rows, columns)))


def extreme_targets(loss: Loss, target: Array) -> Iterator[tuple[str, Array]]:
    """Extreme targets, each with a description."""
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
    """Scores that predict the targets in most rows; None if there are no such scores."""
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
    """Targets, some of them at a bound of their range or just inside it."""
    target = target.copy()
    for row, bound in enumerate(loss.targets):
        inside = {Gt: 1e-3, Lt: -1e-3}.get(type(bound), 0.0)
        target[row] = limit(bound) + inside
    return target


def within(bounds: Sequence[Any], values: Array) -> Array:
    """The values, with those outside a bound moved inside, each to a distance of its own."""
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


def activation_cases(cls: type[Activation]) -> CaseSet:
    """The cases of an activation: ordinary and extreme inputs, and its kinks."""

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

    return CaseSet("activation", cls.name, cases)


def large(case: Case) -> Case:
    """The case, checked along random directions; several kinks may be near."""
    return replace(case, analytic=False, projections=DIRECTIONS)


def outer(row: Array) -> Array:
    """Two rows of inputs, the second with ordinary ones."""
    return np.stack([row, np.linspace(-1.3, 1.4, row.size)])


# Layers with hyperparameters that test more than the defaults, and the shape of a row.
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


def layer_cases(cls: type[Layer]) -> CaseSet:
    """The cases of a layer: its inputs and parameters, for rows of numbers and for images."""

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

    return CaseSet("layer", cls.name, cases)


def layers_of(cls: type[Layer]) -> Iterator[tuple[str, Layer, tuple[int, ...]]]:
    """Layers of a class, each with a description and the shape of an input row."""
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
    """A layer at the inputs x (B, …); positive: all outputs have positive weight."""
    shape = x.shape[1:]
    c = projection(layer, len(x), shape, random)
    c = np.abs(c) if positive else c
    parameters = parameters_of(layer, shape, random)
    return Case(what, LayerFunction(layer, x, parameters, c), declared(layer))


def declared(layer: Layer) -> bool:
    """Whether a layer and its inner layers are declared analytic."""
    return layer.analytic and all(map(declared, getattr(layer, "layers", ())))


# ---- objectives ----------------------------------------------------------------------


def objective_cases(cls: type[Objective]) -> CaseSet:
    """The cases of an objective: at its start, in its domain, and at a minimum."""

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

    return CaseSet("objective", cls.name, cases)


# ---- models --------------------------------------------------------------------------

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
    batch = Batch(x, y, random.uniform(0.3, 2, rows))
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

    return CaseSet("config", name, cases)
