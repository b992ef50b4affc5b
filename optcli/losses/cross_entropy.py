"""Cross-entropy of the softmax of the scores: one class of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np

from optcli.core.arrays import Array, Workspace, product
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import Doc, Ge, Lt, TargetKind
from optcli.losses.base import LOSSES, Loss, Weights, buffers, named_weights, settled

# Of scores whose largest is found class by class, which is several times as fast then.
FEW_SCORES, MANY_ROWS = 8, 1000


@LOSSES.register(
    "cross_entropy", "softmax", "softmax_loss", "multinomial_logistic", "categorical_cross_entropy"
)
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy of the softmax of the scores: −log of the true class's probability.

    With scores s and class y, and p = softmax(s):

        ℓ = −log p_y = log Σ_j exp(s_j) − s_y
        ∂ℓ/∂s_j = p_j − [j = y]

    The largest score is subtracted first, which prevents overflow.

    With label smoothing ε the target is (1 − ε)·[j = y] + ε/C. With class weights w,
    −log p_j of each class j is multiplied by w_j, and the mean over a batch divides by the
    sum of w_y. `balanced` is N / (C·N_j) for N_j of N training rows in class j.

    The same as torch's cross_entropy with weight and label_smoothing, and as the mean of
    optax's softmax_cross_entropy_with_integer_labels; `balanced` is scikit-learn's.

    Use it when each row has one class of several: the usual first choice. Avoid it where
    several may be true at once: use binary_cross_entropy.

    Reference: C. M. Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.108 and
    4.109. Label smoothing: C. Szegedy and others, Rethinking the Inception architecture,
    CVPR 2016, sec. 7.

    Example: `loss: {name: cross_entropy, class_weights: balanced}`
    """

    target: ClassVar[TargetKind] = "classes"
    analytic: ClassVar[bool] = True

    label_smoothing: Annotated[float, Ge(0), Lt(1), Doc("label smoothing ε")] = 0.0
    class_weights: Annotated[
        Weights | Literal["balanced"] | None,
        Doc("weight of each class, as a list or by name, or balanced"),
    ] = None

    def fitted(self, target: Array, weight: Array | None, names: Sequence[str]) -> Self:
        weights = self.class_weights
        if weights == "balanced":
            weights = _balanced(target, weight, names)
        elif weights is not None:
            weights = named_weights("class_weights", weights, names)
        return replace(self, class_weights=weights)

    def counts(self, target: Array, weight: Array | None, work: Workspace) -> Array | None:
        if self.class_weights is None:
            return weight
        own = self._class_weights(target, np.dtype(np.float64), work)
        return own if weight is None else np.multiply(own, weight, own)

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        if self.class_weights is None and not self.label_smoothing:
            return cross_entropy(prediction, target, gradient, work)
        return self._spread(prediction, target, gradient, work)

    def _spread(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        """The loss with smoothing and weights: a_y = (1 − ε)·w_y and u_j = ε/C·w_j.

        ℓ = (a_y + Σ_j u_j)·log Σ_j exp(s_j) − a_y·s_y − Σ_j u_j·s_j ∂ℓ/∂s_j = (a_y + Σ_j
        u_j)·p_j − a_y·[j = y] − u_j
        """
        C, dtype = prediction.shape[2], prediction.dtype
        scratch = scratch_of(prediction, work)
        own, losses, total = scratch.own, scratch.losses, scratch.total
        p = gradient
        if p is None:
            p = work.buffer("softmax", prediction.shape, dtype)
        spread = work.buffer("spread", total.shape, dtype)
        mass, part = buffers(work, losses, "mass", "part")

        exact = self._class_weights(target, losses.real.dtype, work)
        np.multiply(exact, 1 - self.label_smoothing, exact)  # a_y
        weights = self.class_weights or (1.0,) * C
        each = work.constant(
            ("spread", self.label_smoothing, weights, dtype),
            lambda: np.array(settled("class_weights", weights), dtype) * (self.label_smoothing / C),
        )
        np.add(exact, each.sum(), mass)

        less_largest(prediction, p, scratch)
        pick(target, p, scratch)
        product(p, each[:, None], spread)  # Σ_j u_j·s_j
        np.exp(p, p)
        product(p, scratch.ones, total)
        np.log(scratch.totals, losses)
        np.multiply(losses, mass, losses)
        np.multiply(own, exact, part)
        np.subtract(losses, part, losses)
        np.subtract(losses, spread[..., 0], losses)
        if gradient is not None:
            np.divide(mass[..., None], total, total)
            np.multiply(p, total, p)
            np.subtract(p, each, p)
            p.take(scratch.at, None, own, "clip")
            np.subtract(own, exact, own)
            p.put(scratch.at, own, "clip")
        return losses

    def _class_weights(self, target: Array, dtype: np.dtype[np.floating], work: Workspace) -> Array:
        """The weight of each sample's class, in a buffer of the targets' shape."""
        own = work.buffer("class weights", target.shape, dtype)
        if self.class_weights is None:
            own.fill(1)
            return own
        weights = settled("class_weights", self.class_weights)
        table = work.constant(("class weights", weights, dtype), lambda: np.array(weights, dtype))
        return table.take(target, None, own, "clip")


def cross_entropy(
    prediction: Array, target: Array, gradient: Array | None, work: Workspace
) -> Array:
    """Return −log p_y of each sample (R, B); write p_j − [j = y] into `gradient`."""
    scratch = scratch_of(prediction, work)
    own, losses, total = scratch.own, scratch.losses, scratch.total
    p = gradient
    if p is None:
        p = work.buffer("softmax", prediction.shape, prediction.dtype)
    less_largest(prediction, p, scratch)
    pick(target, p, scratch)
    np.exp(p, p)
    product(p, scratch.ones, total)  # Σ exp(s − max s)
    np.log(scratch.totals, losses)
    np.subtract(losses, own, losses)
    if gradient is not None:
        np.divide(p, total, p)
        p.take(scratch.at, None, own, "clip")
        np.subtract(own, scratch.one, own)  # p_y − 1
        p.put(scratch.at, own, "clip")
    return losses


class Scratch(NamedTuple):
    """Buffers for scores (R, B, C); each is (R, B) unless stated.

    first: index of each row's first score in the flat scores. at: another such index. own:
    one score of each row, also as a column (R, B, 1). total: (R, B, 1), sums over the scores,
    also as `totals`. ones: (C, 1), for these sums. one: the number 1 as an array, which NumPy
    need not convert. by_class: whether there are many rows with few scores.
    """

    first: Array
    at: Array
    own: Array
    column: Array
    losses: Array
    total: Array
    totals: Array
    ones: Array
    one: Array
    by_class: bool


def scratch_of(prediction: Array, work: Workspace) -> Scratch:
    """The buffers for scores of this shape and dtype, made once."""

    def make() -> Scratch:
        R, B, C = prediction.shape
        dtype = prediction.dtype
        first = np.arange(0, R * B * C, C).reshape(R, B)
        own, losses = np.empty((2, R, B), dtype)
        total, ones = np.empty((R, B, 1), dtype), np.ones((C, 1), dtype)
        one = np.array(1, dtype)
        at, column, totals = np.empty_like(first), own[..., None], total[..., 0]
        by_class = 1 < C <= FEW_SCORES and R * B >= MANY_ROWS
        return Scratch(first, at, own, column, losses, total, totals, ones, one, by_class)

    return work.constant(("scratch", prediction.shape, prediction.dtype), make)


def less_largest(prediction: Array, p: Array, scratch: Scratch) -> None:
    """Write s − max(s) into p, so that no exponential overflows."""
    if scratch.by_class:
        np.maximum(prediction[..., 0], prediction[..., 1], out=scratch.own)
        for number in range(2, prediction.shape[2]):
            np.maximum(scratch.own, prediction[..., number], out=scratch.own)
    else:  # row by row argmax and take are several times as fast as max
        prediction.argmax(2, scratch.at)
        np.add(scratch.at, scratch.first, scratch.at)
        prediction.take(scratch.at, None, scratch.own, "clip")
    np.subtract(prediction, scratch.column, p)


def pick(target: Array, p: Array, scratch: Scratch) -> None:
    """Write each row's entry of p for its class into `own`, and its index into `at`."""
    np.add(scratch.first, target, scratch.at)
    p.take(scratch.at, None, scratch.own, "clip")


def _balanced(target: Array, weight: Array | None, names: Sequence[str]) -> tuple[float, ...]:
    """N / (C·N_j) for each class, with weighted counts."""
    counts = np.bincount(target, weight, len(names))
    for name, count in zip(names, counts, strict=True):
        if count == 0:
            message = f"is balanced, but no training row with positive weight has class '{name}'"
            raise InvalidInput(Fault(message, "loss.class_weights"))
    return tuple((counts.sum() / (len(names) * counts)).tolist())
