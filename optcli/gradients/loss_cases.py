"""Cases of losses.

A loss is checked in its domain, at the domain's edges, with extreme scores and weights, at
zero error, for one and two outputs, and for thousands of scores; and exactly at its kinks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import generator
from optcli.core.specs import Ge, Gt, Lt
from optcli.gradients.case import CLASSES, DIRECTIONS, MANY, Case, CaseSet
from optcli.gradients.components import LossFunction
from optcli.gradients.variants import limit, variants
from optcli.losses.base import Kink, Loss

LARGE = ((f"{MANY} rows", MANY, CLASSES), (f"{MANY // 2} outputs", 6, MANY // 2))


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
            what = "targets of 0" if not size else f"targets of magnitude {size:g}"
            yield what, within(loss.targets, size * target)


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
