"""Loss and metrics of a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optcli.core.parameters import Parameters
from optcli.data.preparation import Part
from optcli.training import Cohort, Evaluation
from optcli.training.model_file import Trained

if TYPE_CHECKING:
    pass


def evaluate(cohort: Cohort, trained: Trained, part: Part) -> dict[str, float]:
    """Loss and metrics of a trained model on a part of the data."""
    architecture = trained.architecture()
    parameters = Parameters(architecture.layout, trained.parameters)
    statistics = Parameters(architecture.statistics, trained.statistics)
    with np.errstate(all="ignore"):  # of a diverged model
        loss, metrics = Evaluation(cohort, architecture, parameters, [part], statistics)()
    return {"loss": float(loss[0])} | {name: float(of[0]) for name, of in metrics.items()}
