"""Laws of losses, on batches of made-up scores and targets in the loss's own domain."""

from __future__ import annotations

import typing
from typing import Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import TargetKind
from optcli.gradients.case import CLASSES
from optcli.gradients.loss_cases import targets, within
from optcli.losses.base import Loss
from optcli.plugins.laws.base import FIELDS, Law, rounding, same

Batch = tuple[Loss, Array, Array, Array]


def batch(loss: Loss, replicas: int, dtype: Any = np.float64, scale: float = 1.0) -> Batch:
    """The loss fitted to its data, scores (R, 7, C), targets and weights (R, 7)."""
    random = np.random.default_rng(0)
    target = np.stack([targets(loss, random) for _ in range(replicas)])
    weight = random.uniform(0.2, 3, target.shape[:2])
    names = [str(i) for i in range(CLASSES)]
    loss = loss.fitted(target[0], weight[0], names)
    shape = (*target.shape[:2], loss.outputs(CLASSES))
    scores = within(loss.scores, scale * random.standard_normal(shape))
    if target.dtype.kind == "f":
        target = target.astype(dtype)
    return loss, scores.astype(dtype), target, weight.astype(dtype)


def both(
    loss: Loss, scores: Array, target: Array, weight: Array | None, work: Workspace | None = None
) -> tuple[Array, Array]:
    """Value and gradient, in a buffer that held no numbers before."""
    gradient = np.full_like(scores, np.nan)
    return loss.value_and_gradient(scores, target, gradient, weight, work), gradient


def names_its_target(loss: Loss) -> str:
    """Whether `target` and the bounds are of their kinds."""
    kinds = typing.get_args(TargetKind)
    if loss.target not in kinds:
        return f"target is {loss.target!r}; must be one of {', '.join(kinds)}"
    return ""


def gives_a_loss_for_each_row(loss: Loss) -> str:
    """Whether losses and gradient have their shapes and are finite numbers of their dtype."""
    for dtype in (np.float64, np.float32):
        loss, scores, target, _ = batch(loss, 2, dtype)
        gradient = np.full_like(scores, np.nan)
        losses = loss.samples(scores.copy(), target.copy(), gradient, Workspace())
        shape = scores.shape[:2]
        if np.shape(losses) != shape:
            return (
                f"samples gives losses of shape {np.shape(losses)} for {shape[0]} runs of "
                f"{shape[1]} rows; must be {shape}: one for each row, the mean is taken for you"
            )
        if losses.dtype != dtype:
            return f"gives losses of type {losses.dtype} for {np.dtype(dtype).name}; keep the dtype"
        if not np.isfinite(losses).all():
            return "a loss is not finite at ordinary scores"
        if np.isnan(gradient).any():
            return "not all of the gradient is written: samples must write into `gradient`"
        if not np.isfinite(gradient).all():
            return "the gradient is not finite at ordinary scores"
    return ""


def is_alone_in_company(loss: Loss) -> str:
    """Whether a run of a cohort has the bits of that run alone, with weights and without."""
    for dtype in (np.float64, np.float32):
        loss, scores, target, weight = batch(loss, 4, dtype)
        for w in (None, weight):
            values, gradients = both(loss, scores, target, w)
            for r in range(4):
                own = slice(r, r + 1)
                alone = both(loss, scores[own], target[own], None if w is None else w[own])
                pairs = ((alone[0], values[own]), (alone[1], gradients[own]))
                for one, other in pairs:
                    if same(one, other):
                        continue
                    if rounding(one, other):
                        return (
                            "a run trained alongside others differs from the same run trained alone"
                            " in the last digits: "
                            "take sums row by row, as with np.vecdot"
                        )
                    return (
                        "a run trained alongside others differs from the same run trained alone"
                        ": scores are (R, B, C), and "
                        "do not reduce over the first axis"
                    )
    return ""


def shares_its_targets(loss: Loss) -> str:
    """Whether all runs may see the same rows, given once."""
    loss, scores, target, weight = batch(loss, 3)
    shared = both(loss, scores, target[:1], weight[:1])
    copies = both(loss, scores, np.repeat(target[:1], 3, 0), np.repeat(weight[:1], 3, 0))
    if all(map(same, shared, copies)):
        return ""
    return "targets (1, B) that all runs share give other values than copies (R, B): broadcast them"


def leaves_what_it_is_given(loss: Loss) -> str:
    """Whether scores, targets and weights are as they were."""
    loss, scores, target, weight = batch(loss, 2)
    before = scores.copy(), target.copy(), weight.copy()
    both(loss, scores, target, weight)
    for name, now, then in zip(
        ("scores", "targets", "weights"), (scores, target, weight), before, strict=True
    ):
        if not same(now, then):
            return f"changes the {name} that it is given; write into a buffer of `work`"
    return ""


def forgets_the_last_call(loss: Loss) -> str:
    """Whether an earlier batch, of another size, leaves nothing behind."""
    loss, scores, target, weight = batch(loss, 2)
    work = Workspace()
    expected = both(loss, scores, target, weight)
    both(loss, scores[:, :5] * 2, target[:, :5], None, work)
    both(loss, scores[:, ::-1] * 2, target, weight, work)
    if all(map(same, both(loss, scores, target, weight, work), expected)):
        return ""
    return "an earlier batch changes the result: write a buffer of `work` before it is read"


def gives_its_value_without_gradient(loss: Loss) -> str:
    """Whether the value alone is that of value and gradient."""
    loss, scores, target, weight = batch(loss, 2)
    for w in (None, weight):
        if not same(loss.value(scores, target, w), both(loss, scores, target, w)[0]):
            return "the value differs when no gradient is requested (gradient is None)"
    return ""


def weighs_rows(loss: Loss) -> str:
    """Whether a row of weight 2 counts as two, and a batch of weight 0 for nothing."""
    loss, scores, target, _ = batch(loss, 1)
    counts = np.array([1, 2, 0, 3, 1, 1, 1])
    value = loss.value(scores, target, counts[None].astype(float))
    repeated = loss.value(np.repeat(scores, counts, 1), np.repeat(target, counts, 1))
    if not np.allclose(value, repeated, rtol=1e-10):
        return (
            "a row of weight 2 does not count as two rows: each row's loss must follow from that "
            "row alone, without the others and without B"
        )
    nothing, gradient = both(loss, scores, target, np.zeros(scores.shape[:2]))
    if nothing[0] != 0 or gradient.any():
        return f"a batch of weight 0 has the loss {nothing[0]:g}; must be 0"
    return ""


def looks_at_one_row(loss: Loss) -> str:
    """Whether each row has the loss and gradient that it has alone."""
    loss, scores, target, _ = batch(loss, 1)
    together, slopes = np.empty_like(scores), np.empty_like(scores)
    losses = loss.samples(scores.copy(), target.copy(), together, Workspace())
    alone = np.empty_like(losses)
    for row in range(scores.shape[1]):
        own = slice(row, row + 1)
        slope = np.empty_like(scores[:, own])
        alone[:, own] = loss.samples(
            scores[:, own].copy(), target[:, own].copy(), slope, Workspace()
        )
        slopes[:, own] = slope
    for one, other in ((alone, losses), (slopes, together)):
        if not np.allclose(one, other, rtol=1e-10, atol=1e-12):
            return (
                "a row alone has another loss than in a batch: it must follow from the row's own "
                "scores and targets, without the other rows and their number"
            )
    return ""


def bears_large_scores(loss: Loss) -> str:
    """Whether nothing overflows where the loss says that it does not."""
    for scale in (30.0, 1e4):
        loss, scores, target, _ = batch(loss, 2, scale=scale)
        value, gradient = both(loss, scores, target, None)
        if not (np.isfinite(value).all() and np.isfinite(gradient).all()):
            return (
                f"is not finite at scores of {scale:g}: subtract the largest before np.exp, or "
                "declare the bounds of `scores`"
            )
    return ""


def _of_its_class(loss: Loss) -> str:
    return FIELDS.fault(type(loss))


LAWS: tuple[Law[Loss], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("says what it is about", names_its_target),
    Law("one loss for each row, and all of the gradient", gives_a_loss_for_each_row),
    Law("scores, targets and weights are left as they are", leaves_what_it_is_given),
    Law(
        "a run trained alongside others matches the same run trained alone, bit for bit",
        is_alone_in_company,
    ),
    Law("runs may share their targets", shares_its_targets),
    Law("an earlier batch leaves nothing behind", forgets_the_last_call),
    Law("the value is the same without gradient", gives_its_value_without_gradient),
    Law("weights count as repeated rows", weighs_rows),
    Law("a row's loss follows from that row alone", looks_at_one_row),
    Law("large scores stay finite", bears_large_scores),
)
