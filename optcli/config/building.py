"""From plain values to the specs of all sections, every fault noted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optcli.config.settings import (
    DEFAULTS,
    KEYS,
    OF_BATCHES,
    OF_ROWS,
    PLAIN_SECTIONS,
    REGISTERED_SECTIONS,
    REPLACED,
    REQUIRED,
    SECTIONS,
)
from optcli.config.validation import Faults, registered, said, spec, unknown
from optcli.config.yaml_text import Key
from optcli.core.arrays import DTYPES
from optcli.core.specs import fields
from optcli.data.split import Split
from optcli.metrics import METRICS, usual
from optcli.objectives.base import OBJECTIVES
from optcli.objectives.dataset import ObjectiveDataset
from optcli.objectives.loss import ObjectiveLoss
from optcli.objectives.model import ObjectiveModel
from optcli.training.settings import Regularization


def build(value: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """The specs of all sections; None where faults were noted."""
    on_objective = value.get("objective") is not None
    for section in REQUIRED:
        if on_objective and section in REPLACED:
            continue
        if value.get(section) is None:
            registry = REGISTERED_SECTIONS[section]
            faults.add((section,), f"is missing (optcli list {registry.plural})")
    made: dict[str, Any] = {}
    for section in SECTIONS:
        given = value.get(section)
        if given is None:
            given = DEFAULTS.get(section)
        if on_objective and section in (*REPLACED, *OF_ROWS):
            made.setdefault(section)
            if value.get(section) is not None:
                faults.add((section,), _beside(section))
        elif given is None:
            made[section] = None
        elif section == "objective":
            made[section] = _objective(given, made, faults)
        elif section in REGISTERED_SECTIONS:
            if section == "schedule" and isinstance(given, Mapping) and len(given) > 0:
                # a warm-up by itself is that of a constant rate
                given = given if given.keys() - {"warmup", "of"} else {"name": "constant", **given}
            if section == "model":
                given = _with_output_init(given)
            made[section] = registered(REGISTERED_SECTIONS[section], given, (section,), faults)
        elif section in PLAIN_SECTIONS:
            made[section] = spec(PLAIN_SECTIONS[section], given, (section,), faults)
        elif section == "metrics":
            made[section] = _metrics(given, faults)
        elif section == "seed":
            made[section] = _seed(given, faults)
        else:
            made[section] = _dtype(given, faults)
    elsewhere = {"lr": "optimizer.lr", "hidden": "model.hidden", "target": "dataset.target"} | {
        field.name: f"{section}.{field.name}"
        for section in reversed(
            (*REGISTERED_SECTIONS, *PLAIN_SECTIONS)
        )  # an optimizer's own key before all
        if made[section] is not None
        for field in fields(type(made[section]))
    }
    for key in value:
        if key not in KEYS:
            faults.add((key,), unknown(key, list(KEYS), elsewhere))
    if on_objective:
        _without_rows(made, value.get("training"), faults)
    return made


# What an mlp or cnn has had since version 0.1; a run's config.yaml names them all.
WRITTEN_OUT = {"activation", "init", "dropout", "batch_norm", "residual"}


def _with_output_init(model: Any) -> Any:
    """The model of a run's config.yaml from before `output_init`, with the one it had."""
    former = isinstance(model, Mapping) and model.get("name") in ("mlp", "cnn")
    if former and model.keys() >= WRITTEN_OUT and model["init"] is None:
        return {"output_init": "lecun", **model}
    return model


def _beside(section: str) -> str:
    """What to say of a section that has no place beside an objective."""
    if section in REPLACED:
        return "cannot be combined with objective, which replaces it; set only one"
    return "does not go with objective, which has no rows"


def _objective(given: Any, made: dict[str, Any], faults: Faults) -> Any:
    """The objective; and the ground it makes, in the place of the data set."""
    start = None
    if isinstance(given, Mapping):
        start = given.get("start")
        given = {key: item for key, item in given.items() if key != "start"}
    objective = registered(OBJECTIVES, given, ("objective",), faults)
    if objective is None:
        return None
    if start is not None:
        numbers = isinstance(start, list) and all(
            isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)
            for x in start
        )
        if not numbers or len(start) != objective.size:
            message = f"is {said(start)}; must be a list of {objective.size} numbers"
            faults.add(("objective", "start"), message)
            return None
    begin = tuple(map(float, start or objective.start))
    made["dataset"] = ObjectiveDataset(objective=objective, start=begin)
    return objective


def _without_rows(made: dict[str, Any], training: Any, faults: Faults) -> None:
    """All that stands for data, where there is an objective instead."""
    for key in OF_BATCHES:
        if isinstance(training, Mapping) and key in training:
            faults.add(("training", key), _beside(key))
    ground = made["dataset"]
    if not isinstance(ground, ObjectiveDataset) or made["training"] is None:
        return
    made["split"], made["regularization"] = Split(validation=0.0), Regularization()
    made["model"] = ObjectiveModel(ground.objective, ground.start)
    made["loss"], made["metrics"] = ObjectiveLoss(ground.objective), ground.metrics()
    made["training"] = replace(made["training"], batch_size="full", accumulate=1)


def _metrics(value: Any, faults: Faults) -> tuple[Any, ...] | None:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        faults.add(("metrics",), f"is {said(value)}; must be a list of names")
        return None
    metrics = tuple(
        registered(METRICS, item, ("metrics", i), faults) for i, item in enumerate(value)
    )
    names = [None if metric is None else metric.name for metric in metrics]
    for i, name in enumerate(names):
        if name is not None and name in names[:i]:
            faults.add(("metrics", i), f"'{name}' is named twice")
    return metrics


def _seed(value: Any, faults: Faults) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        faults.add(("seed",), f"is {said(value)}; must be a whole number in [0, 2^63)")
    return value  # type: ignore[no-any-return]


def _dtype(value: Any, faults: Faults) -> str:
    if not isinstance(value, str) or value not in DTYPES:
        faults.add(("dtype",), f"is {said(value)}; must be one of {', '.join(DTYPES)}")
    return value  # type: ignore[no-any-return]


def check_together(made: dict[str, Any], value: dict[str, Any], faults: Faults) -> None:
    """What no section can know by itself, as far as the sections are right."""
    training, split = made["training"], value.get("split")
    if isinstance(split, Mapping) and split.get("folds") is not None and "validation" in split:
        faults.add(("split", "folds"), "cannot be combined with validation; set only one")
    watched = made["schedule"] and made["schedule"].watches("train_loss")
    if watched:
        _check_monitor(watched, ("schedule", "monitor"), made, faults)
    if training is None:
        return
    given = value.get("training") or {}
    if training.steps is not None and "epochs" in given:
        faults.add(("training", "steps"), "cannot be combined with epochs; set only one")
    if training.early_stopping is not None:
        key = ("training", "early_stopping", "monitor")
        _check_monitor(training.early_stopping.monitor, key, made, faults)


def _check_monitor(monitor: str, key: Key, made: dict[str, Any], faults: Faults) -> None:
    """Early stopping and schedules can only watch what is measured."""
    split, loss, metrics = made["split"], made["loss"], made["metrics"]
    if split is None or loss is None or None in (metrics or ()):
        return
    names = usual(loss.target, 1) if metrics is None else [metric.name for metric in metrics]
    without = split.refit or (split.validation == 0 and not split.folds)
    parts = ("train",) if without else ("train", "validation")
    known = [f"{part}_{name}" for part in parts for name in ("loss", *names)]
    if monitor not in known:
        message = f"is '{monitor}', which is not measured; must be one of {', '.join(known)}"
        faults.add(key, message)
