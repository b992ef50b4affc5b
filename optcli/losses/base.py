"""Loss: the loss of each sample, its mean over the batch, and the gradient of that mean.

The conventions of all losses:

- Predictions are raw scores (R, B, C): logits for classes and labels, numbers
  for values. Targets are (R, B) indices for classes, (R, B, C) otherwise; they
  and the weights may have a leading 1 if all replicas see the same rows.
- Three names stand for two things. As arguments of methods `target` and `scores` are arrays; as
  attributes of a class `target` is the kind of the targets, `targets` their range, and `scores`
  the range of the scores.
- The loss of a batch is the mean over its samples; with weights (R, B), the
  weighted mean: Σ w·ℓ / Σ w. A batch without any weight has loss 0.
- The gradient is that of exactly this mean, written into the caller's buffer.
- Each of the R replicas is computed separately.

    Loss            a subclass computes the loss of each sample
      EntryLoss     … of each score and its target; the base takes the mean over outputs
        MarginLoss  … of each margin (2t − 1)·s of a binary label t
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np

from optcli.core.arrays import Array, Workspace, product
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.registry import Registry
from optcli.core.specs import Bound, Doc, Ge, Registered, TargetKind

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@dataclass(frozen=True)
class Kink:
    """A point without derivative, with a sample that lies exactly there.

    where: a description. scores: (C,) for default hyperparameters. target: a class, or (C,).
    """

    where: str
    scores: tuple[float, ...]
    target: int | tuple[float, ...]


@dataclass(frozen=True)
class Loss(Registered, ABC):
    """A loss function. A subclass implements `samples`; means and weights are computed here."""

    # The kind of the targets; see TargetKind.
    target: ClassVar[TargetKind] = "values"
    # The range of the targets, for a loss of values.
    targets: ClassVar[tuple[Bound, ...]] = ()
    # The range of scores without overflow in float64; empty if it is unlimited.
    scores: ClassVar[tuple[Bound, ...]] = ()
    # Points without derivative; the gradient there is a subgradient where the loss is convex.
    kinks: ClassVar[tuple[Kink, ...]] = ()
    convex_at_kinks: ClassVar[bool] = True
    # Whether `value` accepts complex numbers as scores and is analytic in them between the
    # kinks, so that gradcheck may use the complex step.
    analytic: ClassVar[bool] = False
    # Whether `standardize` may scale the target too.
    scales_target: ClassVar[bool] = False
    # Whether the order of the classes matters, so that they must be numbers.
    ordered: ClassVar[bool] = False

    @abstractmethod
    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        """Return the loss of each sample (R, B); write its gradient with respect to the scores.

        prediction, gradient: (R, B, C), never the same array; prediction must not be changed.
        The returned array may be a buffer of `work`.
        """

    def fitted(self, target: Array, weight: Array | None, names: Sequence[str]) -> Self:
        """The loss with everything that depends on the training rows filled in.

        target, weight: of the training rows, (N,) or (N, C), and (N,). names: of the classes
        or target columns. Raises InvalidInput for hyperparameters that do not fit them.
        """
        return self

    def outputs(self, columns: int) -> int:
        """The number of scores of a row, for this number of classes or target columns."""
        return columns

    def respond(self, scores: Array) -> Array:
        """Map scores (…, outputs) to predictions (…, columns), which metrics and plots use.

        Values in training units; for classes and labels, scores whose softmax or sigmoid
        are the probabilities.
        """
        return scores

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        """Add the ONNX nodes of `respond` to a graph; returns the name of what they give.

        scores: the name of those, (N, outputs). columns: of the predictions.
        """
        if type(self).respond is not Loss.respond:
            message = f"'{self.name}' has a method respond, but no method onnx, which does the same"
            message += " (docs/plugins.md); add it, or export to a .safetensors file"
            raise InvalidInput(Fault(message, "loss"))
        return scores

    def counts(self, target: Array, weight: Array | None, work: Workspace) -> Array | None:
        """The weight of each sample in the mean (R, B); None if all are equal."""
        return weight

    def value_and_gradient(
        self,
        prediction: Array,
        target: Array,
        gradient: Array,
        weight: Array | None = None,
        work: Workspace | None = None,
    ) -> Array:
        """Return the mean loss (R,); write its gradient with respect to the scores (R, B, C)."""
        work = Workspace() if work is None else work
        losses = self.samples(prediction, target, gradient, work)
        share = self._shares(losses, target, weight, work)
        np.multiply(gradient, share[..., None] if share.ndim else share, gradient)
        return _mean(losses, share, work)

    def value(
        self,
        prediction: Array,
        target: Array,
        weight: Array | None = None,
        work: Workspace | None = None,
    ) -> Array:
        """The mean loss (R,), identical to that of `value_and_gradient`."""
        work = Workspace() if work is None else work
        losses = self.samples(prediction, target, None, work)
        return _mean(losses, self._shares(losses, target, weight, work), work)

    def _shares(self, losses: Array, target: Array, weight: Array | None, work: Workspace) -> Array:
        """The factor of each sample's loss: 1/B, or its weight divided by the sum of weights."""
        rows, dtype = losses.shape[1], losses.dtype
        counts = self.counts(target, weight, work)
        if counts is None:
            return work.constant(("share", rows, dtype), lambda: np.array(1 / rows, dtype))
        real = losses.real.dtype
        total = work.buffer("weights", (len(counts), 1), real)
        np.add.reduce(counts, axis=1, keepdims=True, out=total)
        np.maximum(total, np.finfo(real).tiny, out=total)  # so that 0/0 is 0
        if weight is None:
            return np.divide(1, total, total)
        return np.divide(weight, total, work.buffer("shares", counts.shape, real))


def _mean(losses: Array, share: Array, work: Workspace) -> Array:
    """Σ share · ℓ over the rows, as (R,)."""
    if share.ndim and share.shape[1] == 1:
        return np.multiply(np.add.reduce(losses, axis=1), share[:, 0])
    if share.ndim == 0:
        rows, dtype = losses.shape[1], losses.dtype
        share = work.constant(("shares", rows, dtype), lambda: np.full(rows, 1 / rows, dtype))
    mean: Array = np.vecdot(share, losses)
    return mean


LOSSES: Registry[Loss] = Registry("loss", "losses", "optcli.losses", Loss)


# ---- losses by entry -----------------------------------------------------------------


@dataclass(frozen=True)
class EntryLoss(Loss):
    """The mean over the outputs of a function f(s, t) of one score and its target."""

    @abstractmethod
    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        """Return f(s, t) of each entry (R, B, C); write ∂f/∂s into `slope`.

        s must not be changed. The returned array may be a buffer of `work`.
        """

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        R, B, C = prediction.shape
        dtype = prediction.dtype
        ones = work.constant(("mean", C, dtype), lambda: np.full((C, 1), 1 / C, dtype))
        losses = work.buffer("losses", (R, B, 1), dtype)
        entries = self.entries(prediction, target, gradient, work)
        product(entries, ones, losses)
        if gradient is not None and C > 1:
            np.multiply(gradient, 1 / C, gradient)
        return losses[..., 0]


@dataclass(frozen=True)
class MarginLoss(EntryLoss):
    """A function f(z) of the margin z = (2t − 1)·s: the classes 0 and 1 count as −1 and +1."""

    target: ClassVar[TargetKind] = "labels"

    @abstractmethod
    def margins(self, z: Array, slope: Array | None, work: Workspace) -> Array:
        """Return f(z) of each entry (R, B, C); write f′(z) into `slope`. z may be overwritten."""

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        sign = work.buffer("sign", t.shape, t.dtype)
        z = work.buffer("margin", s.shape, s.dtype)
        np.multiply(t, 2, sign)
        np.subtract(sign, 1, sign)
        np.multiply(s, sign, z)
        entries = self.margins(z, slope, work)
        if slope is not None:
            np.multiply(slope, sign, slope)
        return entries


# ---- shared helpers ------------------------------------------------------------------


def constant(work: Workspace, like: Array, value: float) -> Array:
    """An array filled with one number; NumPy compares arrays much faster than array and number."""
    shape, dtype = like.shape, like.dtype
    return work.constant(("full", value, shape, dtype), lambda: np.full(shape, value, dtype))


def buffers(work: Workspace, like: Array, *names: str) -> tuple[Array, ...]:
    """Work buffers of the shape and dtype of `like`."""
    return tuple(work.buffer(name, like.shape, like.dtype) for name in names)


Weight = Annotated[float, Ge(0)]
Weights = (
    Annotated[tuple[Weight, ...], Doc("a list of numbers ≥ 0")]
    | Annotated[dict[str, Weight], Doc("a mapping from names to numbers ≥ 0")]
)


def named_weights(
    key: str, weights: Sequence[float] | Mapping[str, float], names: Sequence[str]
) -> tuple[float, ...]:
    """A weight for each name; names missing from a mapping have weight 1.

    key: the loss's, for messages. Raises InvalidInput.
    """
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    if isinstance(weights, Mapping):
        for name in weights:
            if name not in names:
                hint = suggestion(name, names)
                message = f"names '{name}', which is not among {shown}{hint}"
                raise InvalidInput(Fault(message, f"loss.{key}"))
        weights = [weights.get(name, 1) for name in names]
    if len(weights) != len(names):
        message = f"has {len(weights)} weights; must have {len(names)}, for {shown}"
        raise InvalidInput(Fault(message, f"loss.{key}"))
    if not any(weights):
        raise InvalidInput(Fault("has only zeros; one weight must be above 0", f"loss.{key}"))
    return tuple(map(float, weights))


def settled(key: str, weights: Any) -> tuple[float, ...]:
    """The weights, which must be resolved to numbers in order."""
    if not isinstance(weights, tuple):
        raise ValueError(f"{key} is {weights!r}, which `fitted` must resolve to numbers first")
    return weights
