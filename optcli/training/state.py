"""State: everything that changes during training, which is what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from optcli.core.arrays import Array
from optcli.core.events import Outcome
from optcli.core.parameters import Layout, Parameters
from optcli.data.batches import Batches
from optcli.optimizers.stepper import Stepper
from optcli.training.cohort import Cohort
from optcli.training.evaluation import Tallies
from optcli.training.transforms import norm
from optcli.training.wrappers import Average, Averaging, Lookahead

# Of a checkpoint, what earlier versions did not count; it is NaN then.
UNCOUNTED = {"oracle_evaluations", "ended_oracle_evaluations"}


class State:
    """Everything that changes during training, which is what a checkpoint holds.

    parameters, gradients: (R, P). statistics: (R, S), the running ones of batch norm. best,
    best_statistics: those of the best epoch. epoch: completed epochs. step: updates so far.
    steps_in_epoch: updates in the current epoch.
    """

    def __init__(self, cohort: Cohort, batches: Batches) -> None:
        self.architecture = cohort.architecture()
        layout, replicas = self.architecture.layout, len(cohort.replicas)
        shape = (replicas, layout.size)
        self.parameters = Parameters(layout, np.zeros(shape, cohort.dtype))
        self.gradients = Parameters(layout, np.zeros(shape, cohort.dtype))
        begun: dict[int, Array] = {}  # the first row of each seed
        for row, replica in zip(self.parameters.buffer, cohort.replicas, strict=True):
            if replica.seed in begun:
                row[:] = begun[replica.seed]
            else:
                self.architecture.initialize(row, replica.seed)
                begun[replica.seed] = row
        kept = self.architecture.statistics
        self.statistics = Parameters(kept, np.zeros((replicas, kept.size), cohort.dtype))
        self.architecture.initialize_statistics(self.statistics.buffer)
        self.stepper = Stepper(
            [replica.optimizer for replica in cohort.replicas],
            self.parameters.buffer,
            self.gradients.buffer,
            layout=layout,
            seeds=[replica.seed for replica in cohort.replicas],
            samples=batches.total,
        )
        # the model that is validated and saved: the parameters, or an average of them
        self.model, self.model_statistics = self.parameters, self.statistics
        if self.stepper.averages:
            self.model = Parameters(layout, self.parameters.buffer.copy())
        spec = cohort.training
        self.lookahead = spec.lookahead and Lookahead(spec.lookahead, self.parameters.buffer)
        if self.lookahead:
            self.model = Parameters(layout, self.lookahead.slow)
        self.average: Averaging | None = None
        if isinstance(spec.average, Average):
            steps = spec.steps or spec.epochs * batches.steps
            self.model = Parameters(layout, self.parameters.buffer.copy())
            self.model_statistics = Parameters(kept, self.statistics.buffer.copy())
            pairs = [
                (self.parameters.buffer, self.model.buffer),
                (self.statistics.buffer, self.model_statistics.buffer),
            ]
            self.average = Averaging(spec.average, steps, batches.steps, pairs)
        self.best: Array = self.parameters.buffer.copy()
        self.best_statistics: Array = self.statistics.buffer.copy()
        self.best_loss = np.full(replicas, np.inf)
        self.best_epoch = np.zeros(replicas, np.int64)
        self.epoch = 0
        self.step = 0
        self.steps_in_epoch = 0
        self.seconds = 0.0
        # of the epoch begun: the loss of each batch and its weight, the scores of each row
        self.losses = np.zeros((batches.steps, replicas), cohort.dtype)
        self.weights = np.full((batches.steps, replicas), batches.rows, cohort.dtype)
        self.weights[-1] = batches.total - (batches.steps - 1) * batches.rows
        # (of a streamed epoch only the latest rows, with the sums of those before)
        rows = batches.total if cohort.metrics and batches.windows is None else 0
        self.seen = np.zeros((replicas, rows, self.architecture.outputs), cohort.dtype)
        self.tallies = Tallies(cohort, batches) if batches.windows is not None else None
        # what the schedule keeps of how training goes
        self.schedule = cohort.schedule.state(replicas)
        # early stopping: the best monitored value, and epochs since then
        self.monitored = np.full(replicas, np.inf)
        self.stale = np.zeros(replicas, np.int64)
        self.outcomes: list[Outcome | None] = [None] * replicas
        self.running = np.ones(replicas, bool)  # those without an outcome
        self.ended_epoch = np.zeros(replicas, np.int64)
        self.ended_step = np.zeros(replicas, np.int64)
        # Gradient evaluations: so many in each step, and those of oracles besides, which are kept
        # as sums over the training, after each step of the epoch begun (the first: before it).
        self.evaluations_per_step = 2 if cohort.training.sam else 1
        asks = any(replica.optimizer.needs_oracle for replica in cohort.replicas)
        self.oracle_evaluations = np.zeros((batches.steps + 1 if asks else 0, replicas))
        self.ended_oracle_evaluations = np.zeros(replicas)
        # the loss of the first step, and whether its gradient was finite
        self.first_loss = np.full(replicas, np.nan)
        self.first_finite = np.ones(replicas, bool)
        # where a replica diverged: the norms of gradient and parameters when it was found
        self.norms = np.full((replicas, 2), np.nan)

    def begin(self, loss: Array) -> None:
        """Note how the first step begins: the loss (R,), and whether the gradient is finite."""
        self.first_loss[:] = loss
        for replica, row in enumerate(self.gradients.buffer):
            self.first_finite[replica] = np.isfinite(row).all()

    def diverge(self, replica: int, step: int, gradient_norm: float) -> None:
        """Note that the loss of `step` was not finite, or what that step made.

        gradient_norm: of the latest gradient.
        """
        if step == 2 and not self.first_finite[replica]:
            step = 1
        if self.outcomes[replica] is None:
            self.end(replica, "diverged")
            self._note_end(replica, step)
            parameters = self.parameters.buffer[replica]
            self.norms[replica] = gradient_norm, norm(parameters[None])[0]

    def end(self, replica: int, outcome: Outcome) -> None:
        """Note how a replica ended; the first word counts."""
        if self.outcomes[replica] is None:
            self.outcomes[replica] = outcome
            self.running[replica] = False
            self.ended_epoch[replica] = self.epoch + bool(self.steps_in_epoch)
            self._note_end(replica, self.step)

    def _note_end(self, replica: int, step: int) -> None:
        """Note the last step of a replica, and what oracles had evaluated by then."""
        self.ended_step[replica] = step
        if len(self.oracle_evaluations):
            at = max(0, step - (self.step - self.steps_in_epoch))
            self.ended_oracle_evaluations[replica] = self.oracle_evaluations[at, replica]

    @property
    def gradient_evaluations(self) -> Array:
        """Of each replica that has ended, (R,): of its steps, and by its oracle."""
        return self.evaluations_per_step * self.ended_step + self.ended_oracle_evaluations

    def regularized(self) -> list[tuple[Array, Array]]:
        """The weights that regularization reaches, each with its gradient."""
        return [
            (self.parameters.views[name], self.gradients.views[name])
            for name in self.architecture.weights()
        ]

    def arrays(self) -> dict[str, Array]:
        """All state by name, as views, for a checkpoint."""
        arrays = {
            "parameters": self.parameters.buffer,
            "statistics": self.statistics.buffer,
            "best": self.best,
            "best_statistics": self.best_statistics,
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "losses": self.losses,
            "weights": self.weights,
            "seen": self.seen,
            "monitored": self.monitored,
            "stale": self.stale,
            "ended_epoch": self.ended_epoch,
            "ended_step": self.ended_step,
            "first_loss": self.first_loss,
            "first_finite": self.first_finite,
            "norms": self.norms,
            "position": np.array([self.epoch, self.step, self.steps_in_epoch]),
            "seconds": np.array(self.seconds),
            "outcomes": np.array([outcome or "" for outcome in self.outcomes], "U16"),
        }
        if self.lookahead:
            arrays["lookahead"] = self.lookahead.slow
        if self.average:
            arrays["average"] = self.model.buffer
            arrays["average_statistics"] = self.model_statistics.buffer
        if self.tallies is not None:
            arrays |= self.tallies.arrays()
        if len(self.oracle_evaluations):
            arrays["oracle_evaluations"] = self.oracle_evaluations
            arrays["ended_oracle_evaluations"] = self.ended_oracle_evaluations
        for group, slots in enumerate(self.stepper.state):
            arrays |= {f"optimizer{group}.{name}": slot for name, slot in slots.items()}
        return arrays | {f"schedule.{name}": each for name, each in self.schedule.items()}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Restore arrays from `arrays`; ValueError if they belong to another cohort."""
        own = self.arrays()
        unknown = own.keys() & UNCOUNTED - arrays.keys()
        for name in unknown:
            own.pop(name).fill(np.nan)
        if own.keys() != arrays.keys():
            names = ", ".join(sorted(own.keys() ^ arrays.keys()))
            raise ValueError(f"its contents do not fit this config ({names})")
        for name, live in own.items():
            saved = arrays[name]
            if live.shape != saved.shape or live.dtype != saved.dtype:
                raise ValueError(f"{name} is {saved.dtype} {saved.shape}, not {live.shape}")
            np.copyto(live, saved)
        self.epoch, self.step, self.steps_in_epoch = map(int, own["position"])
        self.seconds = float(own["seconds"])
        self.outcomes = [str(outcome) or None for outcome in own["outcomes"]]  # type: ignore[misc]
        self.running[:] = [outcome is None for outcome in self.outcomes]

    def release(self) -> None:
        """Free what only training takes; the best parameters stay."""
        nothing = np.empty((len(self.best), 0), self.best.dtype)
        self.parameters = self.gradients = self.model = Parameters(Layout({}), nothing)
        self.stepper = Stepper([], nothing, nothing)
        self.lookahead = self.average = None

    @property
    def over(self) -> bool:
        """Whether every replica has ended."""
        return all(outcome is not None for outcome in self.outcomes)
