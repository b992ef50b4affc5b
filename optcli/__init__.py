"""optcli: train, compare and check optimizers and losses, on NumPy."""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from optcli.core import former_paths
from optcli.core.version import __version__ as __version__

if TYPE_CHECKING:
    from optcli.api.check import check
    from optcli.api.compare import compare
    from optcli.api.evaluate import EvaluationReport, evaluate
    from optcli.api.export import export
    from optcli.api.init import Starter, init
    from optcli.api.landscape import SavedLandscape, landscape
    from optcli.api.layer_history import LayerHistory, layer_history
    from optcli.api.load import load
    from optcli.api.lr_find import LearningRateTest, lr_find
    from optcli.api.merge import merge
    from optcli.api.overlay import overlay
    from optcli.api.pictures import picture
    from optcli.api.predict import Run
    from optcli.api.report import report
    from optcli.api.resume import resume
    from optcli.api.trace import SavedTrace, trace
    from optcli.api.train import train
    from optcli.api.tune import SavedSearch, tune
    from optcli.comparison.result import Benchmark, FinishedComparison, FinishedShard
    from optcli.comparison.settings import ComparisonSettings
    from optcli.core.errors import EnvironmentFailed, InvalidInput
    from optcli.exports.exported import Exported
    from optcli.gradients import gradcheck
    from optcli.tuning.settings import TuneSettings

__all__ = [
    "Benchmark",
    "ComparisonSettings",
    "EnvironmentFailed",
    "EvaluationReport",
    "Exported",
    "FinishedComparison",
    "FinishedShard",
    "InvalidInput",
    "LayerHistory",
    "LearningRateTest",
    "Run",
    "SavedLandscape",
    "SavedSearch",
    "SavedTrace",
    "Starter",
    "TuneSettings",
    "check",
    "compare",
    "evaluate",
    "export",
    "gradcheck",
    "init",
    "landscape",
    "layer_history",
    "load",
    "lr_find",
    "merge",
    "overlay",
    "picture",
    "report",
    "resume",
    "trace",
    "train",
    "tune",
]

# Where it is; imported when it is asked for.
_HOMES = {
    "EnvironmentFailed": "core.errors",
    "EvaluationReport": "api.evaluate",
    "Exported": "exports.exported",
    "InvalidInput": "core.errors",
    "Benchmark": "comparison.result",
    "FinishedComparison": "comparison.result",
    "FinishedShard": "comparison.result",
    "Run": "api.predict",
    "Starter": "api.init",
    "SavedLandscape": "api.landscape",
    "SavedSearch": "api.tune",
    "SavedTrace": "api.trace",
    "TuneSettings": "tuning.settings",
    "ComparisonSettings": "comparison.settings",
    "check": "api.check",
    "compare": "api.compare",
    "evaluate": "api.evaluate",
    "export": "api.export",
    "gradcheck": "gradients",
    "init": "api.init",
    "landscape": "api.landscape",
    "LayerHistory": "api.layer_history",
    "layer_history": "api.layer_history",
    "report": "api.report",
    "load": "api.load",
    "lr_find": "api.lr_find",
    "LearningRateTest": "api.lr_find",
    "merge": "api.merge",
    "overlay": "api.overlay",
    "picture": "api.pictures",
    "resume": "api.resume",
    "trace": "api.trace",
    "train": "api.train",
    "tune": "api.tune",
}


former_paths.install()


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


if not TYPE_CHECKING:  # type checkers would take any name for one that it finds

    def __getattr__(name: str) -> object:
        if name == "Terms":
            warnings.warn(
                "optcli.Terms is optcli.ComparisonSettings now", DeprecationWarning, stacklevel=2
            )
            name = "ComparisonSettings"
        if name in _HOMES:
            return getattr(import_module(f"optcli.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'optcli' has no attribute '{name}'")
