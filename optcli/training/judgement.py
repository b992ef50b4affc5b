"""Judgement: what a training came to, beside a constant guess, and what went wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.events import Ended
from optcli.core.parameters import Parameters
from optcli.core.specs import fields
from optcli.data.preparation import Part, Prepared
from optcli.losses.base import Loss
from optcli.objectives.model import ObjectiveModel
from optcli.training import Cohort, Evaluation
from optcli.training.baseline import Ending, constant_loss
from optcli.training.constant_guess import ConstantGuess
from optcli.training.diagnosis import Diagnosis, Facts, diagnosis
from optcli.training.held_out import HeldOut, held_out
from optcli.training.history import History
from optcli.training.model_file import Trained

FIRST_ROWS = 1024  # on which the model before training is measured
BALANCED = ("class_weights", "pos_weight")  # keys of losses that can be `balanced`


@dataclass(frozen=True)
class Judgement:
    """What a training came to.

    baseline: loss and metrics of the constant guess on the rows of `best` (validation rows, or
    training rows where there are none) and of `test`; None for an objective.
    """

    ending: Ending
    baseline: dict[str, Any] | None = None
    diagnosis: tuple[Diagnosis, ...] = ()


def judged(
    cohort: Cohort,
    trained: Trained,
    history: History,
    ended: Ended,
    test: Mapping[str, float] | None,
) -> Judgement:
    """Judge the only replica of a cohort, which has trained at least one epoch.

    trained: the saved model. test: what it scores on the test rows. Of the training rows only
    targets are read, and at most 1024 inputs for the loss before training; of others as in
    `held_out`.
    """
    data, best = cohort.replicas[0].data, int(ended.best_epoch[0])
    start = trained.initial(cohort.replicas[0].seed)
    first = _loss(cohort, start, data.train.sampled(FIRST_ROWS))
    outcome, columns = ended.outcomes[0], history.columns
    last = math.nan if outcome == "diverged" else columns["train_loss"][-1]
    if isinstance(cohort.model, ObjectiveModel):
        ending = Ending(first, None, last, lowest=cohort.model.objective.lowest)
        return Judgement(ending, None, tuple(diagnosis(Facts(outcome, "", ending, columns, best))))
    guess = ConstantGuess.of(cohort)
    constant = constant_loss(cohort.loss, data.train.y, data.train.weight, guess.scores)
    kept = None
    if data.validation is not None and best:
        kept = columns["validation_loss"][best - 1]
    ending = Ending(first, constant if math.isfinite(constant) else None, last, kept)
    parts = _parts(cohort, trained, history, best, test, guess)
    measured = {each.part: each.constant for each in parts}
    chosen_by = measured.get("validation")
    if data.validation is None and best:
        chosen_by = guess.measured(cohort, data.train)
    baseline = {"best": chosen_by} | ({"test": measured["test"]} if "test" in measured else {})
    facts = Facts(
        outcome,
        cohort.loss.name,
        ending,
        columns,
        best,
        parts,
        _names(data),
        _is_weighted(cohort.loss),
        _weights_key(cohort.loss),
        cohort.training.early_stopping is not None,
        _is_standardized(data),
        _longer(cohort),
    )
    return Judgement(ending, baseline | guess.described(), tuple(diagnosis(facts)))


def _parts(
    cohort: Cohort,
    trained: Trained,
    history: History,
    best: int,
    test: Mapping[str, float] | None,
    guess: ConstantGuess,
) -> list[HeldOut]:
    """Validation and test rows as the saved model sees them, as far as there are any."""
    data, found = cohort.replicas[0].data, []
    if data.validation is not None and best:
        row, prefix = history.row(best - 1), "validation_"
        scored = {k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)}
        found.append(held_out("validation", cohort, trained, data.validation, scored, guess))
    if data.test is not None and test is not None:
        found.append(held_out("test", cohort, trained, data.test, test, guess))
    return found


def _loss(cohort: Cohort, trained: Trained, part: Part) -> float:
    """The mean loss of a model on a part."""
    architecture = trained.architecture()
    parameters = Parameters(architecture.layout, trained.parameters)
    statistics = Parameters(architecture.statistics, trained.statistics)
    plain = replace(cohort, metrics=())
    with np.errstate(all="ignore"):
        loss, _ = Evaluation(plain, architecture, parameters, [part], statistics)()
    return float(loss[0])


def _names(data: Prepared) -> tuple[str, ...]:
    """What may never be predicted: classes, or the labels of several."""
    target = data.encoder.target
    return target.classes[0] if len(target.classes) == 1 else target.names


def _weights_key(loss: Loss) -> str | None:
    """The key by which the loss could give weights to classes."""
    names = {field.name for field in fields(type(loss))}
    return next((f"loss.{key}" for key in BALANCED if key in names), None)


def _is_weighted(loss: Loss) -> bool:
    return any(getattr(loss, key, None) is not None for key in BALANCED)


def _is_standardized(data: Prepared) -> bool:
    """Whether some number was scaled by the training rows."""
    encoder = data.encoder
    inputs = [(f.mean, f.scale) for f in encoder.features if f.is_number]
    inputs += [(part.mean, part.scale) for f in encoder.features for part in f.parts or ()]
    scaled = [*inputs, *zip(encoder.target.mean, encoder.target.scale, strict=True)]
    return not scaled or any(each != (0.0, 1.0) for each in scaled)


def _longer(cohort: Cohort) -> str:
    """The setting that makes the training twice as long."""
    spec = cohort.training
    if spec.steps:
        return f"training.steps={2 * spec.steps}"
    return f"training.epochs={2 * spec.epochs}"
