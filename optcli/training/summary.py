"""What summary.json says of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optcli.core.events import Ended
from optcli.training.history import History
from optcli.training.judgement import Judgement


def summary(
    ended: Ended,
    history: History,
    parameters: int,
    test: Mapping[str, float] | None,
    judgement: Judgement | None = None,
) -> dict[str, Any]:
    """What summary.json says. judgement: None where no epoch ended, or the run was interrupted."""
    best_epoch = int(ended.best_epoch[0])
    found: dict[str, Any] = {
        "outcome": ended.outcomes[0],
        "epochs": int(ended.epochs[0]),
        "steps": int(ended.steps[0]),
        "best": history.row(best_epoch - 1) if best_epoch else None,
        "final": history.row(-1) if len(history) else None,
        "test": test,
        "seconds": ended.seconds,
        "samples_per_second": ended.samples_per_second,
        "parameters": parameters,
    }
    if judgement is not None:
        ending = judgement.ending
        found |= {
            "first_loss": ending.first,
            "constant_loss": ending.constant,
            "failed_to_train": ending.failed,
            "beats_constant": None if ending.constant is None else ending.learned,
            "baseline": judgement.baseline,
            "diagnosis": [each.described() for each in judgement.diagnosis],
        }
    if ended.outcomes[0] == "diverged":
        gradient, norm = ended.state.norms[0].tolist()
        step = int(ended.steps[0])
        about: dict[str, Any] = {"step": step, "gradient_norm": gradient, "parameter_norm": norm}
        loss, finite = float(ended.state.first_loss[0]), bool(ended.state.first_finite[0])
        if step == 1 and not (finite and math.isfinite(loss)):
            what = "gradient" if math.isfinite(loss) else "loss"
            about |= {"not_finite": what, "loss": loss}
        found["diverged"] = about
    optional = ("test", "baseline")
    return {key: value for key, value in found.items() if key not in optional or value is not None}
