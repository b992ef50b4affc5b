"""Diagnosis: what went wrong in a training, in plain sentences, each with its remedy.

found = diagnosis(facts)    # at most three, the most important first; none of a healthy run

Each is drawn from what was measured: a fact, its numbers, and what to do. The scale of all is
what was learned: the fall of the loss from that of the constant guess, by which less than half
is a lot missing, whatever the loss and its units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from optcli.training.baseline import Ending
from optcli.training.held_out import LEAST_ROWS, HeldOut, students_t

MOST = 3  # sentences
HALF = 0.5  # of what was learned: when it is lost, more is lost than is left
ERRORS = 2.0  # standard errors, beyond which chance is seldom the reason (5 %)
# By the last fifth of its epochs a training that converges has slowed down: a quarter of its
# average pace or more there is no end yet.
LAST, PACE = 0.2, 0.25
FEWEST_EPOCHS = 5  # of which a fifth is one
NAMED = 3  # classes by their names
# A loss that stays within a thousandth through all epochs, near the first one, does not move.
MOVED, STARTED = 0.001, 0.05
# Losses that are 0 for a perfect prediction, so that their ratios mean something. Ten times
# that of the best constant: for mse, predictions are three standard deviations off.
RATIO = 10.0
RATIOS = {"mse", "mae", "huber", "smooth_l1", "log_cosh", "quantile", "epsilon_insensitive"}
# Of losses that are negative log-likelihoods: the true class gets a tenth of the probability.
NATS = math.log(10)
LIKELIHOODS = {"cross_entropy", "binary_cross_entropy", "ordinal_logistic", "kl_divergence"}


@dataclass(frozen=True)
class Diagnosis:
    """A fact in a sentence, the numbers that it is drawn from, and what to do about it."""

    name: str
    fact: str
    numbers: Mapping[str, float]
    remedy: str

    def described(self) -> dict[str, Any]:
        """As summary.json has it."""
        return asdict(self)


@dataclass(frozen=True)
class Facts:
    """What was measured of a run, as far as it is judged.

    outcome: how it ended. loss: its name. ending: of the loss. columns: of the history. best:
    the epoch of the saved model. parts: what that scores on validation and test rows. names: of
    the classes or labels. weighted: whether the loss gives weights to classes. can_weigh: the
    key by which it could. early_stopping: whether there was a rule for it. standardized: whether
    inputs or target were. length: the setting that makes training longer.
    """

    outcome: str
    loss: str
    ending: Ending
    columns: Mapping[str, Sequence[float]]
    best: int
    parts: Sequence[HeldOut] = ()
    names: Sequence[str] = ()
    weighted: bool = False
    can_weigh: str | None = None
    early_stopping: bool = False
    standardized: bool = True
    length: str = "training.epochs"

    @property
    def validation(self) -> HeldOut | None:
        return next((each for each in self.parts if each.part == "validation"), None)

    @property
    def decisive(self) -> HeldOut | None:
        """The part that says most about new data."""
        return self.parts[-1] if self.parts else None


def diagnosis(facts: Facts) -> list[Diagnosis]:
    """At most three, the most important first."""
    if facts.outcome in ("diverged", "interrupted"):
        return []
    if facts.ending.constant is None:  # of an objective nothing is guessed, and nothing held out
        return [each for each in (_failed(facts),) if each]
    stuck = _failed(facts) or _flat(facts) or _rising(facts)
    overfitted = None if stuck else _overfitted(facts)
    unfinished = None if stuck or overfitted else _not_converged(facts)
    said = stuck is not None and stuck.name != "rising"  # that it learned nothing, and why
    advantage = None if said else _no_better(facts)
    missing = None if said else _never_predicted(facts)
    found = [stuck, overfitted, advantage, missing, unfinished, _first_loss(facts)]
    if advantage is not None and advantage.name == "too_few_rows":  # no fault of the model
        found.append(found.pop(2))
    return [each for each in found if each][:MOST]


# ---- the loss of the training rows ---------------------------------------------------


def _failed(facts: Facts) -> Diagnosis | None:
    ending, best = facts.ending, facts.best
    if not ending.failed:
        return None
    what = "loss" if ending.constant is None else "training loss"
    fact = f"failed to train: final {what} {_n(ending.last)}, before training {_n(ending.first)}"
    numbers = {"final": ending.last, "first": ending.first}
    if ending.constant is not None:
        fact += f", of a constant prediction {_n(ending.constant)}"
        numbers["constant"] = ending.constant
    remedy = "try a smaller learning rate"
    if best and best != len(facts.columns["train_loss"]):
        remedy += f"; the saved model is that of epoch {best}"
    return Diagnosis("failed", fact, numbers, remedy)


def _flat(facts: Facts) -> Diagnosis | None:
    """Whether the loss came no lower than that of a constant guess, or did not move at all."""
    ending, losses = facts.ending, facts.columns["train_loss"]
    assert ending.constant is not None
    scale, moved = abs(ending.first), max(losses) - min(losses)
    near = abs(ending.last - ending.first) < STARTED * scale  # to what some rows gave
    still = len(losses) > 1 and moved < MOVED * scale and near
    numbers = {"final": ending.last, "constant": ending.constant, "first": ending.first}
    fact = f"did not learn: final training loss {_n(ending.last)} is "
    if not ending.learned:
        fact += f"no better than {_n(ending.constant)} of a constant prediction"
    elif still:
        fact += f"that of epoch 1, {_n(losses[0])}"
    else:
        return None
    remedy = "train longer, or try a higher learning rate"
    if not still and ending.last >= ending.first:
        remedy = "try a smaller learning rate, and less regularization if there is some"
    return Diagnosis("flat", fact, numbers, remedy)


def _rising(facts: Facts) -> Diagnosis | None:
    """Whether more than half of what was learned on the training rows is lost again."""
    losses, constant = facts.columns["train_loss"], facts.ending.constant
    assert constant is not None
    low = int(np.nanargmin(losses))
    gained, lost = constant - losses[low], losses[-1] - losses[low]
    if not lost > HALF * gained > 0:
        return None
    fact = f"the training loss rises: from {_n(losses[low])} in epoch {low + 1} "
    fact += f"to {_n(losses[-1])} in epoch {len(losses)}"
    numbers = {"lowest": losses[low], "epoch": low + 1, "final": losses[-1]}
    remedy = "try a smaller learning rate, a schedule that lowers it, or training.clip_norm=1"
    return Diagnosis("rising", fact, numbers, remedy)


def _first_loss(facts: Facts) -> Diagnosis | None:
    first, constant = facts.ending.first, facts.ending.constant
    assert constant is not None
    far = facts.loss in RATIOS and first > RATIO * constant > 0
    far |= facts.loss in LIKELIHOODS and first - constant > NATS
    if not far:
        return None
    fact = f"training began far off: the first loss was {_n(first)}, that of a constant guess "
    fact += f"is {_n(constant)}"
    remedy = "choose an initializer of smaller scale for the model"
    if not facts.standardized:
        remedy = "set dataset.standardize=true, or bring inputs and target to a scale near 1"
    return Diagnosis("first_loss", fact, {"first": first, "constant": constant}, remedy)


def _not_converged(facts: Facts) -> Diagnosis | None:
    """Whether the loss still falls at the end, at a quarter of its average pace or more."""
    if facts.outcome not in ("completed", "timed_out"):
        return None
    key = "validation_loss" if facts.validation else "train_loss"
    losses = np.asarray(facts.columns[key], float)
    epochs, last = len(losses), max(1, round(LAST * len(losses)))
    if epochs < FEWEST_EPOCHS or not np.isfinite(losses).all():
        return None
    tail = losses[-last - 1 :]
    fall, whole = tail[0] - tail[-1], facts.ending.first - tail[-1]
    if not fall > PACE * whole * last / epochs > 0:
        return None
    # steps down that are not just scatter: their mean against its standard error
    steps = -np.diff(losses[-max(last, 4) - 1 :])
    error = steps.std(ddof=1) / math.sqrt(len(steps))
    if not steps.mean() > students_t(len(steps) - 1) * error:
        return None
    what = "validation loss" if facts.validation else "training loss"
    fact = f"training had not converged: the {what} still fell from {_n(tail[0])} to "
    fact += f"{_n(tail[-1])} in the last {_epochs(last)} of {epochs}"
    numbers = {"before": float(tail[0]), "final": float(tail[-1]), "epochs": last}
    remedy = f"train longer ({facts.length}), or try a higher learning rate"
    if facts.outcome == "timed_out":
        remedy = "raise training.time_limit, or try a higher learning rate"
    return Diagnosis("not_converged", fact, numbers, remedy)


# ---- held-out rows -------------------------------------------------------------------


def _overfitted(facts: Facts) -> Diagnosis | None:
    """Whether less than half of what was learned on the training rows holds on new ones."""
    part, constant, count = facts.validation, facts.ending.constant, len(facts.columns["epoch"])
    if part is None or constant is None or not facts.best:
        return None
    train, validation = (facts.columns[f"{of}_loss"] for of in ("train", "validation"))
    at = [facts.best] if facts.early_stopping else [facts.best, count]
    for epoch in at:
        seen, new = train[epoch - 1], validation[epoch - 1]
        learned, holds = constant - seen, part.constant["loss"] - new
        apart = new - seen - (part.constant["loss"] - constant)
        sure = new > seen and apart > ERRORS * part.loss_error
        if not (sure and learned > 0 and holds < HALF * learned):
            continue
        numbers = {"epoch": epoch, "train_loss": seen, "validation_loss": new}
        fact = f"training is far better than validation: loss {_n(seen)} on training rows, "
        fact += f"{_n(new)} on the {part.rows:,} validation rows in epoch {epoch}"
        if epoch != facts.best:
            fact += f" (lowest: {_n(validation[facts.best - 1])} in epoch {facts.best})"
            numbers["best_epoch"] = facts.best
        remedy = "try regularization (regularization.l2=0.001, dropout), a smaller model, "
        remedy += "or more training rows"
        if epoch != facts.best:  # the best epoch is kept; what comes after it is spared
            remedy = f"set training.early_stopping.patience=10, or {remedy}"
        return Diagnosis("overfitting", fact, numbers, remedy)
    return None


def _no_better(facts: Facts) -> Diagnosis | None:
    """Whether the model beats the constant guess on held-out rows, and whether that can be told."""
    part = facts.decisive
    if part is None or not math.isfinite(part.advantage):
        return None
    (low, high), loss, constant = part.interval, part.found["loss"], part.constant["loss"]
    numbers = {"loss": loss, "baseline_loss": constant, "rows": part.rows}
    numbers |= {"ci_low": low, "ci_high": high}
    rows = f"{part.rows:,} {part.part} row{'s' if part.rows > 1 else ''}"
    losses = f"loss {_n(loss)} against {_n(constant)}"
    said = f"{losses} (lower by {_n(part.advantage)}, 95 % CI {_n(low)} to {_n(high)})"
    sure, accuracy = part.accuracy, ""
    usual = part.constant.get("accuracy")
    if sure is not None:
        accuracy = f"accuracy {sure[0]:.4g}, 95 % CI {sure[1]:.2f} to {sure[2]:.2f} on {rows}"
        accuracy += "" if usual is None else f", against {usual:.4g}"
        numbers |= {"accuracy": sure[0], "accuracy_low": sure[1], "accuracy_high": sure[2]}
        numbers |= {} if usual is None else {"baseline_accuracy": usual}
    if part.advantage <= 0:
        fact = f"the model is no better than the baseline on {rows}: {losses}"
        fact += f", 95 % CI of the difference {_n(-high)} to {_n(-low)}" if high > 0 else ""
        fact += f"; {accuracy}" if accuracy else ""
        remedy = "check that the inputs say something about the target; try other settings"
        return Diagnosis("no_better", fact, numbers, remedy)
    if low <= 0:
        fact = f"{rows} are too few to tell whether the model is better than the baseline: "
        fact += accuracy or said
        fact += f"; loss {_n(loss)} against {_n(constant)}" if accuracy else ""
        remedy = f"hold more rows out (--set split.{part.part}=0.4)"
        return Diagnosis("too_few_rows", fact, numbers, remedy)
    if sure is not None and usual is not None and sure[0] <= usual and not facts.weighted:
        fact = f"the predictions are no more accurate than the baseline's: {accuracy}"
        fact += f"; the probabilities are better ({losses})"
        remedy = "use the probabilities with another threshold"
        remedy += f", or set {facts.can_weigh}=balanced" if facts.can_weigh else ""
        return Diagnosis("no_more_accurate", fact, numbers, remedy)
    return None


def _never_predicted(facts: Facts) -> Diagnosis | None:
    if not facts.parts or not len(facts.names):
        return None
    occurrences, predictions = (
        np.sum([getattr(part, name) for part in facts.parts], axis=0)
        for name in ("occurrences", "predictions")
    )
    missed = [i for i, n in enumerate(occurrences) if n >= LEAST_ROWS and not predictions[i]]
    if not missed:
        return None
    missed.sort(key=lambda i: -occurrences[i])
    rows = sum(part.looked_at for part in facts.parts)
    several = [f"'{facts.names[i]}' ({occurrences[i]:,} of {rows:,} rows)" for i in missed[:NAMED]]
    more = f" and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
    what = "class" if len(missed) == 1 else "classes"
    fact = f"never predicted on held-out rows: {what} {', '.join(several)}{more}"
    numbers = {str(facts.names[i]): int(occurrences[i]) for i in missed}
    remedy = "add rows of it, or train longer"
    if facts.can_weigh and not facts.weighted:
        remedy = f"set {facts.can_weigh}=balanced, or add rows of it"
    return Diagnosis("never_predicted", fact, numbers, remedy)


def _epochs(count: int) -> str:
    return "epoch" if count == 1 else f"{count} epochs"


def _n(value: float) -> str:
    return f"{value:.4g}"
