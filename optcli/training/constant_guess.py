"""The baseline of a run: one guess for every row, fitted on the training rows, and what it scores.

guess = ConstantGuess.of(cohort)
guess.words                         # always 'no', the most frequent class (71 % of the …); …
guess.measured(cohort, part)        # {"loss": 0.6, "accuracy": 0.71}, on the rows of a part
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.data.columns import short
from optcli.data.preparation import Part, Prepared
from optcli.losses.base import Loss
from optcli.training import Cohort
from optcli.training.baseline import constant_loss, constant_scores

LARGE, LONG = 1e5, 1e12  # values between them are shown without an exponent
PACKED_LABELS = 12  # of so many labels the rows are counted by their combination
# What the loss of a guess among classes is measured of.
SCORES = "; for the loss, the best constant scores"
# What the best constant of a loss is called.
STATISTICS = {
    "mse": "mean",
    "mae": "median",
    "poisson": "mean",
    "gamma": "mean",
    "tweedie": "mean",
    "gaussian_nll": "mean",
}


@dataclass(frozen=True)
class ConstantGuess:
    """One guess for every row.

    scores: (outputs,), those with the lowest loss on the training rows, in training units.
    responses: (C,), what metrics are measured of, in the data's own units: for classes and labels
    the log shares of the training rows, so that the most frequent one is predicted whatever weights
    the loss gives to classes; for values the response to the scores. words: what is guessed; for
    classes also of what the loss is, as that of one class at the probability 1 would be infinite.
    """

    scores: Array
    responses: Array
    words: str

    @classmethod
    def of(cls, cohort: Cohort) -> ConstantGuess:
        """The guess that suits the cohort's loss, from the training rows of its first replica."""
        data, loss = cohort.replicas[0].data, cohort.loss
        y, weight = data.train.y, data.train.weight
        if loss.target == "labels" and y.shape[1] <= PACKED_LABELS:
            y, weight = _counted(y, weight)
        scores = constant_scores(loss, y, weight, loss.outputs(data.outputs))
        with np.errstate(all="ignore"):
            responses = np.asarray(loss.respond(scores), np.float64)
            if loss.target == "values":
                responses = responses * data.target_scale + data.target_mean
            elif loss.target == "classes":
                counts = np.bincount(y, weight, data.outputs)
                responses = np.log(np.maximum(counts / counts.sum(), np.finfo(float).tiny))
            elif loss.target == "labels":
                ones = np.average(y, axis=0, weights=weight)
                responses = np.log(np.maximum(ones, np.finfo(float).tiny)) - np.log1p(-ones)
                responses = np.clip(responses, *np.log([1e-300, 1e300]))
        return cls(scores, responses, _words(loss, data, responses))

    @classmethod
    def kept(cls, kept: Any) -> ConstantGuess | None:
        """The guess that summary.json keeps under `baseline`; None where it has none."""
        if not isinstance(kept, Mapping) or not {"scores", "responses", "guess"} <= kept.keys():
            return None
        scores, responses = (np.array(kept[name], float) for name in ("scores", "responses"))
        return cls(scores, responses, str(kept["guess"]))

    def measured(self, cohort: Cohort, part: Part) -> dict[str, float]:
        """Loss and metrics of the guess on the rows of a part, as a model's are measured.

        Only targets are read. Equal rows of classes and labels are counted, and measured once.
        """
        y, weight = part.y, part.weight
        loss = constant_loss(cohort.loss, y, weight, self.scores)
        if not cohort.metrics:
            return {"loss": loss}
        if y.ndim == 1:
            counts = np.bincount(y, weight, len(self.responses))
            y = np.flatnonzero(counts)
            weight = counts[y].astype(np.float64)
        elif cohort.loss.target == "labels" and y.shape[1] <= PACKED_LABELS:
            y, weight = _counted(y, weight)
        elif cohort.loss.target == "values":
            data = cohort.replicas[0].data
            y = y * data.target_scale + data.target_mean
        same = np.broadcast_to(self.responses, (1, len(y), len(self.responses)))
        w = None if weight is None else weight[None]
        with np.errstate(all="ignore"):
            found = {m.name: float(m.measure(same, y[None], w)[0]) for m in cohort.metrics}
        return {"loss": loss, **found}

    def described(self) -> dict[str, Any]:
        """What summary.json keeps of it besides its results."""
        return {
            "guess": self.words,
            "scores": self.scores.tolist(),
            "responses": self.responses.tolist(),
        }


def _counted(y: Array, weight: Array | None) -> tuple[Array, Array]:
    """The combinations of labels (K, C) that there are, and the weight (K,) of each."""
    places = 1 << np.arange(y.shape[1])
    counts = np.bincount((y > 0) @ places, weight)
    there = np.flatnonzero(counts)
    return ((there[:, None] & places) > 0).astype(y.dtype), counts[there].astype(np.float64)


def _words(loss: Loss, data: Prepared, responses: Array) -> str:
    """The guess in words: `always 'no', the most frequent class (71 % of the training rows)`."""
    target = data.encoder.target
    of = "training rows" if data.train.weight is None else "weight of the training rows"
    if loss.target == "classes":
        return _most_frequent(target.classes[0], np.exp(responses), of) + SCORES
    if loss.target == "labels":
        if len(responses) > 1:
            return f"always the more frequent value of each label in the training rows{SCORES}"
        one = 1 / (1 + np.exp(-responses[0]))
        return _most_frequent(target.classes[0], np.array([1 - one, one]), of) + SCORES
    if loss.target == "probabilities":
        return "always the mean probabilities of the training rows"
    what = STATISTICS.get(loss.name, "constant with the lowest loss")
    if loss.name == "quantile":
        what = f"{getattr(loss, 'quantile', 0.5):g} quantile"
    if len(responses) > 1:
        return f"always the {what} of each target over the training rows"
    return f"always {_value(responses[0])}, the {what} of the training rows"


def _value(value: float) -> str:
    """With five digits; prices without an exponent."""
    return f"{value:,.0f}" if LARGE <= abs(value) < LONG else f"{value:.5g}"


def _most_frequent(names: Sequence[str], shares: Array, of: str) -> str:
    first = int(shares.argmax())
    most = f"the {'more' if len(names) == 2 else 'most'} frequent class"
    if np.isclose(shares, shares[first], rtol=1e-9).sum() > 1:
        most = "a class as frequent as any"
    return f"always '{short(names[first])}', {most} ({100 * shares[first]:.3g} % of the {of})"
