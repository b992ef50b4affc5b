"""Laws of models: layers that fit together, and runs that do not meet."""

from __future__ import annotations

import numpy as np

from optcli.core.arrays import Array
from optcli.core.inputs import Inputs
from optcli.core.parameters import Parameters
from optcli.gradients.case import CLASSES
from optcli.gradients.model_cases import IMAGE
from optcli.models import Architecture, Model, Network
from optcli.plugins.laws.base import FIELDS, Law, rounding, same

ROWS = 8


def built(model: Model) -> Architecture:
    """The model for a few features, or a small image, and three scores."""
    inputs = Inputs.pixels(*IMAGE) if model.takes_images else Inputs(5)
    return Architecture(model, inputs, CLASSES)


def starts(architecture: Architecture, replicas: int) -> Array:
    """Parameters (R, P) that runs of the seeds 0, 1, … start from."""
    found = np.empty((replicas, architecture.layout.size))
    for seed, row in enumerate(found):
        architecture.initialize(row, seed)
    return found


def passed(architecture: Architecture, at: Array, seeds: list[int]) -> tuple[Array, Array]:
    """Scores and gradients of a batch, at parameters (R, P)."""
    layout = architecture.layout
    gradients = Parameters(layout, np.full_like(at, np.nan))
    statistics = Parameters(
        architecture.statistics, np.empty((len(at), architecture.statistics.size))
    )
    architecture.initialize_statistics(statistics.buffer)
    network = Network(
        architecture,
        Parameters(layout, at),
        gradients,
        ROWS,
        training=True,
        statistics=statistics,
        seeds=seeds,
    )
    features = int(np.prod(architecture.shape))
    x = np.random.default_rng(0).standard_normal((1, ROWS, features))
    scores = network.forward(x).copy()
    network.gradient[...] = np.random.default_rng(1).standard_normal((1, ROWS, CLASSES))
    network.backward()
    return scores, gradients.buffer


def fits_together(model: Model) -> str:
    """Whether its layers feed each other and end in the scores; all parameters are learned."""
    architecture = built(model)
    at = starts(architecture, 2)
    if not np.isfinite(at).all():
        return "a run starts from parameters that are not finite"
    scores, gradients = passed(architecture, at, [0, 1])
    if not np.isfinite(scores).all():
        return "its scores are not finite where a run starts"
    if np.isnan(gradients).any():
        return "backward leaves gradients unwritten"
    return ""


def starts_from_its_seed(model: Model) -> str:
    """Whether runs of one seed start alike."""
    if same(starts(built(model), 2), starts(built(model), 2)):
        return ""
    return "runs of the same seed start from other parameters: draw from `random` alone"


def is_alone_in_company(model: Model) -> str:
    """Whether a run in a cohort has the bits of the run alone."""
    architecture = built(model)
    at = starts(architecture, 3)
    together = passed(architecture, at, [0, 1, 2])
    for r in range(3):
        alone = passed(architecture, at[r : r + 1].copy(), [r])
        for one, other in zip(alone, together, strict=True):
            if not same(one, other[r : r + 1]):
                near = " in the last digits" if rounding(one, other[r : r + 1]) else ""
                return (
                    "a run trained alongside others differs from the same run trained alone"
                    f"{near}: see its layers"
                )
    return ""


def _of_its_class(model: Model) -> str:
    return FIELDS.fault(type(model))


LAWS: tuple[Law[Model], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("its layers fit together and end in the scores", fits_together),
    Law("a run starts from its seed", starts_from_its_seed),
    Law(
        "a run trained alongside others matches the same run trained alone, bit for bit",
        is_alone_in_company,
    ),
)
