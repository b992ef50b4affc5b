"""Checkpoint migration: what earlier versions wrote, as this version has it.

Format 1, of optcli 0.1, kept the moving averages m of some rules as m/(1 − β), which is no
average when β has a schedule. Format 2 keeps m. Format 3 calls the state of optcli's own rules
by the names of their papers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from optcli.core.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.optimizers.stepper import coefficients_of, stack
from optcli.schedules.base import Schedule

CHECKPOINT = 3  # the format that is written

_MOMENTS = {"mean": "beta1", "square": "beta2"}
# For each rule, the state (by its name then) that format 1 divided by 1 − β, and the β of each.
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
_ADAM = {"mean": "m", "square": "v"}
_SCHEDULE_FREE = {"average": "x", "fast": "z", "weight": "w_sum", "highest": "lr_max"}
# For each rule, what format 3 calls its state; other names are the same.
NAMES: Mapping[str, Mapping[str, str]] = {
    "adabelief": {"mean": "m", "square": "s"},
    "adadelta": {"square": "Eg2", "step": "Ed2"},
    "adafactor": {"square": "v", "row": "r", "column": "c"},
    "adagrad": {"sum": "G"},
    "adam": _ADAM,
    "adamax": {"mean": "m", "largest": "u"},
    "adamw": _ADAM,
    "adan": {"mean": "m", "change": "v", "square": "n", "before": "g_prev"},
    "ademamix": {"mean": "m1", "slow": "m2", "square": "v"},
    "adopt": _ADAM,
    "aggmo": {f"velocity{i}": f"v{i}" for i in range(1, 11)},
    "amsgrad": {**_ADAM, "largest": "w"},
    "asgd": {"average": "x_bar"},
    "cautious_adamw": _ADAM,
    "cocob": {"origin": "x0", "largest": "L", "sizes": "G", "won": "R", "sum": "theta"},
    "dadapt_adam": {**_ADAM, "sum": "s", "distance": "d", "progress": "r"},
    "dog": {"origin": "x0", "distance": "r", "squares": "G"},
    "dowg": {"origin": "x0", "squared_distance": "r2", "squares": "v"},
    "fista": {"solution": "x"},
    "ftrl": {"pull": "z", "square": "n", "strength": "d"},
    "grams": _ADAM,
    "lamb": _ADAM,
    "laprop": {"mean": "m", "square": "n"},
    "lars": {"velocity": "v"},
    "lbfgs": {"steps": "s", "changes": "y", "before": "g_prev", "products": "ys"},
    "lion": {"mean": "m"},
    "madgrad": {"sum": "s", "square": "v", "origin": "x0"},
    "mars": {**_ADAM, "before": "g_prev"},
    "momentum": {"velocity": "v"},
    "momo": {"mean": "m", "loss": "f_bar", "product": "gamma", "bound": "f_star"},
    "muon": {"mean": "B", "square": "v"},
    "nadam": {**_ADAM, "product": "mu_product"},
    "nadamw": _ADAM,
    "nesterov": {"velocity": "v"},
    "novograd": {"velocity": "m", "square": "v"},
    "optimistic_adam": {**_ADAM, "before": "u_prev"},
    "prodigy": {**_ADAM, "sum": "s", "origin": "x0", "distance": "d", "progress": "r"},
    "qhadam": _ADAM,
    "radam": _ADAM,
    "random_local_search": {"best": "x_best", "lowest": "f_best"},
    "random_search": {"best": "x_best", "origin": "x0", "lowest": "f_best"},
    "rmsprop": {"square": "v", "mean": "m", "velocity": "b"},
    "rprop": {"before": "g_prev", "size": "delta"},
    "saga": {"table": "phi", "mean": "phi_bar"},
    "schedule_free_adamw": {**_SCHEDULE_FREE, "square": "v"},
    "schedule_free_sgd": _SCHEDULE_FREE,
    "sgd": {"velocity": "b"},
    "shampoo": {
        "square": "v",
        "left": "L",
        "right": "R",
        "left_root": "L_root",
        "right_root": "R_root",
    },
    "signum": {"mean": "m"},
    "sm3": {"mean": "m"},
    "soap": {
        "mean": "M",
        "square": "V",
        "left": "L",
        "right": "R",
        "left_axes": "Q_L",
        "right_axes": "Q_R",
    },
    "sophia": {"mean": "m", "curvature": "h"},
    "svrg": {"snapshot": "x_tilde", "full": "mu_tilde"},
    "yogi": _ADAM,
}
# Where arrays of one dimension have other names than those of more.
NAMES_OF_VECTORS: Mapping[str, Mapping[str, str]] = {"muon": _ADAM, "soap": _ADAM}


def convert(
    arrays: dict[str, Array], number: int, optimizer: Optimizer, schedule: Schedule
) -> None:
    """Bring the arrays of a checkpoint of format `number`, of one replica, to this format.

    Raises ValueError where they cannot be converted.
    """
    if number < 2:
        _multiply(arrays, optimizer, schedule)
    if number < 3:
        _rename(arrays, optimizer)


def _multiply(arrays: dict[str, Array], optimizer: Optimizer, schedule: Schedule) -> None:
    """From format 1 to 2: averages are averages, and there are products."""
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
        after = coefficients_of(stack([optimizer]), steps, {}) if len(steps) else {}
        for product in optimizer.products:
            values = np.asarray(after.get(product, np.ones((1, 1, 1))))
            arrays[f"optimizer0.{product}"] = values[-1]


def _rename(arrays: dict[str, Array], optimizer: Optimizer) -> None:
    """From format 2 to 3: the names of the papers, of rules that build on optcli's too."""
    name = next((each for each in _bases(optimizer) if each in NAMES), "")
    # a plug-in that builds on a rule may have kept its own names
    kept = {own for shape in ((1,), (1, 1)) for own in _state(optimizer, shape)}
    for key in list(arrays):
        group, _, slot = key.partition(".")
        if not group.startswith("optimizer"):
            continue
        array = arrays.pop(key)  # and back, in the same order
        names = NAMES.get(name, {})
        if array.ndim == 2:
            names = NAMES_OF_VECTORS.get(name, names)
        where, dot, own = slot.rpartition(".")
        now = own if own in kept else names.get(own, own)
        arrays[f"{group}.{where}{dot}{now}"] = array


def _state(optimizer: Optimizer, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the state of an array of `shape`; of a rule of whole replicas of one dimension."""
    if len(shape) > 1 and getattr(optimizer, "whole", False):
        return ()
    return tuple(optimizer.state_shapes(shape))


def lost_by(optimizer: Optimizer, schedule: Schedule) -> str | None:
    """The scheduled hyperparameter under which version 0.1 trained by another rule; or None."""
    moved = {*schedule.of, *schedule.sets}
    name = optimizer.name
    return min(moved & {*DIVIDED.get(name, {}).values(), *FACTORS.get(name, ())}, default=None)


def _bases(optimizer: Optimizer) -> list[str]:
    """Names of the registered rules that the optimizer's class is derived from."""
    bases = (getattr(each, "name", "") for each in type(optimizer).__mro__)
    return [name for name in bases if name in OPTIMIZERS.names()]
