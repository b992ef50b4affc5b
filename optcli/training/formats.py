"""Formats: what checkpoints of earlier versions hold, turned into what this one does.

Format 1, of optcli 0.1, kept the moving averages m of some rules as m/(1 − β), which is no
average when β has a schedule. Format 2 keeps m.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer, stack
from optcli.schedules.base import Schedule

CHECKPOINT = 2  # the format that is written

_MOMENTS = {"mean": "beta1", "square": "beta2"}
# For each rule, the slots that format 1 divided by 1 − β, and the β of each.
DIVIDED: Mapping[str, Mapping[str, str]] = {
    "adam": _MOMENTS,
    "adamax": {"mean": "beta1"},
    "adamw": _MOMENTS,
    "adan": {"mean": "beta1", "change": "beta2", "square": "beta3"},
    "ademamix": {"mean": "beta1", "slow": "beta3", "square": "beta2"},
    "amsgrad": {"mean": "beta1", "square": "beta2", "largest": "beta2"},
    "cautious_adamw": _MOMENTS,
    "grams": _MOMENTS,
    "lamb": _MOMENTS,
    "laprop": _MOMENTS,
    "lion": {"mean": "beta2"},
    "mars": _MOMENTS,
    "muon": _MOMENTS,
    "nadam": _MOMENTS,
    "nadamw": _MOMENTS,
    "optimistic_adam": _MOMENTS,
    "qhadam": _MOMENTS,
    "radam": _MOMENTS,
    "schedule_free_adamw": {"square": "beta2"},
    "signum": {"mean": "momentum"},
}
# Of these the arrays of one dimension alone.
VECTORS = {"muon"}
# What the products depend on that format 1 did not keep.
FACTORS = {"nadam": ("beta1", "momentum_decay")}


def convert(
    arrays: dict[str, Array], number: int, optimizer: Optimizer, schedule: Schedule
) -> None:
    """Bring the arrays of a checkpoint of format `number`, of one replica, to this format.

    Raises ValueError where they cannot be converted.
    """
    if number >= CHECKPOINT:
        return
    arrays.setdefault("first_loss", np.full(1, np.nan))
    arrays.setdefault("first_finite", np.ones(1, bool))
    name = optimizer.name
    divided = DIVIDED.get(name, {})
    base = next((each for each in _bases(optimizer) if each in DIVIDED), None)
    if name not in DIVIDED and base:
        raise ValueError(f"the state of '{name}', which builds on '{base}', cannot be converted")
    lost = lost_by(optimizer, schedule)
    if lost:
        raise ValueError(f"the state of '{name}' under a schedule of {lost} cannot be converted")
    for key, array in arrays.items():
        group, _, slot = key.partition(".")
        beta = divided.get(slot.rpartition(".")[2])
        if not group.startswith("optimizer") or beta is None or array.dtype.kind != "f":
            continue
        if name not in VECTORS or array.ndim == 2:
            scaled = array.astype(np.float64) * (1 - getattr(optimizer, beta))
            arrays[key] = scaled.astype(array.dtype)
    if optimizer.products:
        steps = np.arange(1.0, int(arrays["position"][1]) + 1)[:, None, None]
        after = stack([optimizer]).coefficients(steps) if len(steps) else np.ones((1, 1, 1, 1))
        for product, values in zip(optimizer.products, after, strict=False):
            arrays[f"optimizer0.{product}"] = np.asarray(values)[-1]


def lost_by(optimizer: Optimizer, schedule: Schedule) -> str | None:
    """The scheduled hyperparameter under which version 0.1 trained by another rule; or None."""
    moved = {*schedule.of, *(["momentum"] if schedule.moves_momentum else [])}
    name = optimizer.name
    return min(moved & {*DIVIDED.get(name, {}).values(), *FACTORS.get(name, ())}, default=None)


def _bases(optimizer: Optimizer) -> list[str]:
    """Names of the registered rules that the optimizer's class is derived from."""
    bases = (getattr(each, "name", "") for each in type(optimizer).__mro__)
    return [name for name in bases if name in OPTIMIZERS.names()]
