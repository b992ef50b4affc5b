"""Training: a cohort of replicas, moved step by step; a generator of events.

    for event in train_cohort(cohort):
        ...

One step, for all replicas at once:

    scores = forward(x)                 models
    loss, ∂loss/∂scores                 losses
    backward()                          models
    regularize, clip                    transforms
    x ← x − …                           optimizers
    look ahead, average                 wrappers

`train_cohort` knows nobody who listens; between two events it is suspended, and its
clock stands.

    cohort       replicas, and what they have in common
    evaluation   losses and metrics
    state        all that changes; what a checkpoint holds
    formats      checkpoints of earlier versions
    loop         epochs and steps
    trace        optimizers on an objective, as one cohort
"""

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
