"""Training: a cohort of replicas, moved step by step; a generator of events.

    for event in train_cohort(cohort):
        ...

One step, for all replicas at once:

    scores = forward(x)                   models
    loss, ∂loss/∂scores                   losses
    backward()                            models; twice with SAM
    regularize, centralize, clip, noise   transforms
    weight decay                          wrappers
    x ← x − …                             optimizers
    lookahead, averages                   wrappers

`train_cohort` knows nobody who listens; between two events it is suspended, and its
clock stands.

    settings              the sections `training` and `regularization` of a config
    task                  a config without its optimizer
    checks                whether a cohort can be trained
    cohort                replicas, and what they have in common
    loop                  epochs and steps
    state                 all that changes; what a checkpoint holds
    transforms            regularization, clipping, noise
    wrappers              SAM, weight decay, lookahead, averages
    oracles               the loss at other points, for optimizers that ask
    evaluation            losses and metrics
    baseline              the best constant prediction
    constant_guess        it as a baseline: in words, with loss and metrics
    held_out              rows of validation and test, one by one
    diagnosis             what went wrong, and what to do
    judgement             all of that, of a run
    history               a row of numbers for each epoch
    checkpoints           a listener that writes state, history and best model
    checkpoint_migration  checkpoints of earlier versions
    model_file            model.npz
    training_rows         training-rows.npz
    summary               summary.json
    range_test            the loss as the learning rate grows
    trace                 optimizers on an objective, as one cohort
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optcli.training.cohort import Cohort, Replica
    from optcli.training.evaluation import Evaluation
    from optcli.training.loop import Trainer, train_cohort
    from optcli.training.state import State

__all__ = [
    "Cohort",
    "Evaluation",
    "Replica",
    "State",
    "Trainer",
    "train_cohort",
]

# Where each is: one that lists names must not load what trains.
_HOMES = {
    "Cohort": "cohort",
    "Replica": "cohort",
    "Evaluation": "evaluation",
    "Trainer": "loop",
    "train_cohort": "loop",
    "State": "state",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'optcli.training' has no attribute '{name}'")
    return getattr(importlib.import_module(f"optcli.training.{_HOMES[name]}"), name)
