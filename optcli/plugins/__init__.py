"""Plug-ins: losses, optimizers and all else of one's own.

Authors import from here alone; docs/plugins.md has an example of each kind:

    from optcli.plugins import LOSSES, PlainLoss

    loading    runs plug-in files, and says what a run keeps of them
    sources    the files that a plug-in is made of, and their checksums
    catalog    everything that a config can name, with a line on each
    laws       what must hold of everything registered, one file a kind
    first_use  holds an optimizer to them before it trains
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optcli.core.arrays import Array, Workspace
    from optcli.core.errors import Fault, InvalidInput
    from optcli.core.specs import Doc, Ge, Gt, Le, Lt
    from optcli.data.base import DATASETS, Dataset
    from optcli.layers.activations import ACTIVATIONS
    from optcli.layers.base import LAYERS, Layer, Pass
    from optcli.layers.initializers import INITIALIZERS
    from optcli.losses.base import LOSSES, Loss
    from optcli.losses.plain import PlainLoss
    from optcli.metrics import METRICS, Metric
    from optcli.models import MODELS, Model
    from optcli.objectives.functions import OBJECTIVES, Objective
    from optcli.optimizers.base import OPTIMIZERS, Optimizer, Shaped, dot, mix, norm, power, ratio
    from optcli.schedules.base import SCHEDULES, Schedule
    from optcli.training.wrappers import AVERAGES

# Where it is; imported when it is asked for.
_HOMES = {
    "ACTIVATIONS": "layers.activations",
    "AVERAGES": "training.wrappers",
    "Array": "core.arrays",
    "DATASETS": "data.base",
    "Dataset": "data.base",
    "Doc": "core.specs",
    "Fault": "core.errors",
    "Ge": "core.specs",
    "Gt": "core.specs",
    "INITIALIZERS": "layers.initializers",
    "InvalidInput": "core.errors",
    "LAYERS": "layers.base",
    "LOSSES": "losses.base",
    "Layer": "layers.base",
    "Le": "core.specs",
    "Loss": "losses.base",
    "Lt": "core.specs",
    "METRICS": "metrics",
    "MODELS": "models",
    "Metric": "metrics",
    "Model": "models",
    "OBJECTIVES": "objectives.functions",
    "OPTIMIZERS": "optimizers.base",
    "Objective": "objectives.functions",
    "Optimizer": "optimizers.base",
    "Pass": "layers.base",
    "PlainLoss": "losses.plain",
    "SCHEDULES": "schedules.base",
    "Schedule": "schedules.base",
    "Shaped": "optimizers.base",
    "Workspace": "core.arrays",
    "dot": "optimizers.base",
    "mix": "optimizers.base",
    "norm": "optimizers.base",
    "power": "optimizers.base",
    "ratio": "optimizers.base",
}

__all__ = [
    "ACTIVATIONS",
    "AVERAGES",
    "DATASETS",
    "INITIALIZERS",
    "LAYERS",
    "LOSSES",
    "METRICS",
    "MODELS",
    "OBJECTIVES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Array",
    "Dataset",
    "Doc",
    "Fault",
    "Ge",
    "Gt",
    "InvalidInput",
    "Layer",
    "Le",
    "Loss",
    "Lt",
    "Metric",
    "Model",
    "Objective",
    "Optimizer",
    "Pass",
    "PlainLoss",
    "Schedule",
    "Shaped",
    "Workspace",
    "dot",
    "mix",
    "norm",
    "power",
    "ratio",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"optcli.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'optcli.plugins' has no attribute '{name}'")
