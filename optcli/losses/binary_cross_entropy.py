"""Binary cross-entropy: independent labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np

from optcli.core.arrays import Array, Workspace, magnitude
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import Doc, TargetKind
from optcli.losses.base import (
    LOSSES,
    EntryLoss,
    Weight,
    Weights,
    buffers,
    constant,
    named_weights,
    settled,
)


@LOSSES.register(
    "binary_cross_entropy", "sigmoid_cross_entropy", "logistic", "bce", "bce_with_logits"
)
@dataclass(frozen=True)
class BinaryCrossEntropy(EntryLoss):
    """Binary cross-entropy of the sigmoid of the scores (logistic loss), averaged over labels.

    With scores s and labels t in [0, 1], and σ the logistic function:

        ℓ = mean over j of −t_j·log σ(s_j) − (1 − t_j)·log(1 − σ(s_j))
          = mean over j of max(s_j, 0) − t_j·s_j + log(1 + exp(−|s_j|))
        ∂ℓ/∂s_j = (σ(s_j) − t_j) / C

    The second form never overflows. pos_weight multiplies the first term of a label;
    `balanced` sets it to the label's number of zeros over its number of ones in the training
    rows. label_weights multiplies a label's whole loss.

    The same as torch's binary_cross_entropy_with_logits (its weight is label_weights:
    the mean does not divide by them) and optax's sigmoid_binary_cross_entropy, then the
    mean over samples and labels.

    Use it when labels are independent yes-or-no columns, or there are two classes and
    probabilities count. Avoid it for one class of many: cross_entropy lets classes compete.

    Reference: C. M. Bishop, Pattern Recognition and Machine Learning, 2006, eq. 4.90 and
    4.91.

    Example: `loss: {name: binary_cross_entropy, pos_weight: balanced}`
    """

    target: ClassVar[TargetKind] = "labels"
    analytic: ClassVar[bool] = True

    pos_weight: Annotated[
        Weight | Weights | Literal["balanced"] | None,
        Doc("weight of positive labels, shared or per label"),
    ] = None
    label_weights: Annotated[Weights | None, Doc("weight of each label, as a list or by name")] = (
        None
    )

    def fitted(self, target: Array, weight: Array | None, names: Sequence[str]) -> Self:
        ones, labels = self.pos_weight, self.label_weights
        if ones == "balanced":
            ones = _balanced(target, weight, names)
        elif isinstance(ones, float | int):
            ones = (float(ones),) * len(names)
        elif ones is not None:
            ones = named_weights("pos_weight", ones, names)
        if labels is not None:
            labels = named_weights("label_weights", labels, names)
        return replace(self, pos_weight=ones, label_weights=labels)

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        small, cells = buffers(work, s, "small", "cells")
        magnitude(s, small)
        np.negative(small, small)
        np.exp(small, small)  # e^−|s|
        if slope is not None:
            # σ(s) is 1/(1 + e^−|s|) right of 0, and e^−|s|/(1 + e^−|s|) left of it
            np.greater_equal(s, 0, out=slope)
            np.maximum(slope, small, out=slope)
            np.add(small, 1, cells)
            np.divide(slope, cells, slope)
        np.log1p(small, small)
        if self.pos_weight is None:
            if slope is not None:
                np.subtract(slope, t, slope)
            np.maximum(s, constant(work, s, 0), out=cells)
            np.add(small, cells, small)
            np.multiply(s, t, cells)
            np.subtract(small, cells, small)
        else:
            self._weigh_ones(s, t, slope, small, cells, work)
        if self.label_weights is not None:
            labels = _row(work, "label_weights", self.label_weights, t)
            np.multiply(small, labels, small)
            if slope is not None:
                np.multiply(slope, labels, slope)
        return small

    def _weigh_ones(
        self,
        s: Array,
        t: Array,
        slope: Array | None,
        small: Array,
        cells: Array,
        work: Workspace,
    ) -> None:
        """Turn log(1 + e^−|s|) in `small` and σ in `slope` into the loss and its slope.

        With p for pos_weight and l = 1 + (p − 1)·t: ℓ = (1 − t)·s + l·log(1 + e⁻ˢ), and
        ∂ℓ/∂s = l·σ − p·t.
        """
        extra = _row(work, "pos_weight", self.pos_weight, t)
        heavy, ones = buffers(work, t, "heavy", "ones")
        np.multiply(t, extra, ones)  # p·t
        np.subtract(ones, t, heavy)
        np.add(heavy, 1, heavy)  # l
        if slope is not None:
            np.multiply(slope, heavy, slope)
            np.subtract(slope, ones, slope)
        np.minimum(s, constant(work, s, 0), out=cells)
        np.subtract(small, cells, small)  # log(1 + e⁻ˢ)
        np.multiply(small, heavy, small)
        np.subtract(1, t, ones)
        np.multiply(s, ones, cells)
        np.add(small, cells, small)


def _row(work: Workspace, key: str, weights: object, t: Array) -> Array:
    """A weight for each label, as an array of the targets' dtype."""
    numbers = (weights,) if isinstance(weights, float | int) else settled(key, weights)
    return work.constant((key, numbers, t.dtype), lambda: np.array(numbers, t.dtype))


def _balanced(target: Array, weight: Array | None, names: Sequence[str]) -> tuple[float, ...]:
    """The weighted number of zeros over ones of each label."""
    counts = np.ones(len(target)) if weight is None else weight.astype(np.float64)
    ones = counts @ target
    zeros = counts.sum() - ones
    for name, one in zip(names, ones, strict=True):
        if one == 0:
            message = f"is balanced, but '{name}' is never 1 in the training rows"
            raise InvalidInput(Fault(message, "loss.pos_weight"))
    return tuple((zeros / ones).tolist())
